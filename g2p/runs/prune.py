"""Remove runs for good: none that a process trains, and none so that half of it looks whole."""

from pathlib import Path

from filelock import FileLock, Timeout

from g2p.runs.index import StoredRun, is_run


def size(run: StoredRun) -> int:
    """Return the bytes of a run's files; of a link, not those of what it leads to."""
    files = (file.lstat() for file in run.directory.folder.rglob("*") if file.is_file())
    return sum(stat.st_size for stat in files)


def prune(run: StoredRun) -> list[Path] | None:
    """Remove a run, unless a process holds it or it has changed since it was read.

    A kill on the way leaves a run that is not finished: it can be trained anew, or pruned.

    Returns:
        Files in its directory that are not a run's, and remain; None where the run was not removed.
    """
    directory = run.directory
    if not is_run(directory.folder):
        return None
    lock = FileLock(directory.lock)
    try:
        lock.acquire(timeout=0)
    except (Timeout, FileNotFoundError):  # the latter where it is being removed
        return None
    try:
        if directory.finished and run.state not in ("done", "damaged"):
            return None
        return directory.remove()
    finally:
        lock.release()
