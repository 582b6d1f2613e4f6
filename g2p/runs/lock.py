"""The lock of a run's directory: one process trains the run, the others wait or give up."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from g2p.core.console import Console
from g2p.core.errors import RunError
from g2p.runs.directory import RunDirectory

LOOK = 0.2  # seconds in which a process that only looks whether the lock is free is gone again


class BusyError(Exception):
    """Another process is training the run, and the caller does not wait for it."""


@contextlib.contextmanager
def locked(directory: RunDirectory, console: Console, wait: bool) -> Iterator[Callable[[], None]]:
    """Hold the run's lock. It ends with the process, so a killed one leaves nothing behind.

    Yields a function that raises RunError when the run's directory was removed, or replaced by
    another of its name.
    """
    lock = FileLock(directory.folder / ".lock")
    try:
        _acquire(lock, timeout=LOOK)
    except Timeout:
        if not wait:
            raise BusyError from None
        console.print(
            f"Another process is training {directory.folder}; waiting for it.", soft_wrap=True
        )
        _acquire(lock)
    directory.remove_drafts()
    identity = directory.lock_identity()

    def check_directory() -> None:
        if directory.lock_identity() != identity:
            raise RunError(
                f"{directory.folder} was removed or moved away while the run was training. "
                "Run the same command again to train it from the start."
            )

    try:
        yield check_directory
    except Exception:  # of any kind: nothing is swallowed
        if directory.lock_identity() is None:
            directory.remove()  # what was written since the directory was removed
        check_directory()  # whose message says more than that a file does not exist
        raise
    finally:
        lock.release()


def _acquire(lock: FileLock, timeout: float = -1) -> None:
    """Acquire a lock, also where its holder removes the directory: of a pruned run."""
    while not lock.is_locked:
        Path(lock.lock_file).parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            lock.acquire(timeout=timeout)


@contextlib.contextmanager
def try_lock(file: Path) -> Iterator[bool]:
    """Hold a lock for the block; yields False where another process has it and trains.

    A killed process has no lock. Nothing is created: without its file there is none to hold.
    """
    lock = FileLock(file)
    is_free = True
    if file.exists():
        try:
            lock.acquire(timeout=0)
        except Timeout:
            is_free = False
        except FileNotFoundError:  # removed since: it was pruned
            pass
    try:
        yield is_free
    finally:
        lock.release()
