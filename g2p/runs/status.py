"""The status of a run: `status.json` in its directory, written by the process that trains it.

    done      its metrics.json is there
    running   a process trains it, and holds its lock
    pending   not trained yet, or interrupted: the same command resumes it
    failed    an error ended it; status.json has the message
    killed    its process ended without writing why: status.json says running, the lock is free
    damaged   one of its files cannot be read

The first, and that a run is running, are not believed from status.json alone.
"""

import contextlib
import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from g2p.config.run_config import RunConfig
from g2p.core.atomic_files import write_json
from g2p.core.console import Console
from g2p.core.interrupts import Preempted, prioritise_interrupts
from g2p.core.json_shapes import StoredStatus, parse
from g2p.core.messages import format_error
from g2p.runs.directory import STATUS, RunDirectory
from g2p.runs.lock import BusyError, locked, try_lock

STATES = ("done", "running", "pending", "failed", "killed", "damaged")
UNFINISHED = ("pending", "failed", "killed")  # of which a process may train each again
LONGEST = 3000  # characters of a stored message


@dataclass(frozen=True)
class RunStatus:
    """One of STATES, and for failed, killed and damaged runs the reason."""

    state: str
    error: str | None = None


def read_status(directory: RunDirectory) -> RunStatus:
    """Return a run's status; whether a finished run's files are damaged, reading them shows."""
    if directory.finished:
        return RunStatus("done")
    with try_lock(directory.lock) as is_free:
        if not is_free:
            return RunStatus("running")
        if directory.finished:  # since the first look
            return RunStatus("done")
        return _stored_status(directory)


def _stored_status(directory: RunDirectory) -> RunStatus:
    """Return the status of a run that is not finished, while nobody trains it."""
    file = directory.folder / STATUS
    try:
        stored = parse(file.read_bytes(), StoredStatus)
    except (FileNotFoundError, NotADirectoryError):
        return RunStatus("pending")
    except (OSError, ValueError) as error:
        remedy = "Training the run writes it anew."
        return RunStatus("damaged", f"{file} is damaged ({error}). {remedy}")
    if stored["state"] == "running":
        process = f"process {stored.get('pid')} on {stored.get('host')}"
        return RunStatus("killed", f"{process}, begun {stored['at']}, ended without an error.")
    if stored["state"] == "failed":
        return RunStatus("failed", stored.get("error"))
    return RunStatus("pending")  # also of a run that was done, and whose results were removed


@contextlib.contextmanager
def recorded(directory: RunDirectory, config: RunConfig) -> Iterator[None]:
    """Write the config and the status of a run while the block trains it, under its lock.

    An error makes it failed, a signal pending. Nothing is written to a directory that was removed
    or replaced meanwhile.
    """
    identity = directory.lock_identity()

    def write(state: str, error: BaseException | None = None) -> None:
        # What cannot be written (on a full disk) must not replace the error of the run.
        with contextlib.suppress(OSError):
            if directory.lock_identity() == identity:
                _write(directory, "done" if directory.finished else state, error)

    directory.write_config(config)
    _write(directory, "running")
    try:
        with prioritise_interrupts():
            yield
    except BaseException as error:
        is_signal = isinstance(error, Preempted) or not isinstance(error, Exception | SystemExit)
        write("pending" if is_signal else "failed", error)
        raise
    write("pending")  # or done, where its metrics are there


def record_failure(directory: RunDirectory, config: RunConfig, error: BaseException) -> None:
    """Store the error of a run that could not begin, unless a process trains it or it is done."""
    with (
        contextlib.suppress(BusyError, OSError),
        locked(directory, Console(quiet=True), wait=False),
    ):
        if not directory.finished:
            directory.write_config(config)
            _write(directory, "failed", error)


def _write(directory: RunDirectory, state: str, error: BaseException | None = None) -> None:
    status = {"state": state, "at": datetime.now(UTC).isoformat(timespec="seconds")}
    if state == "running":
        status |= {"host": platform.node(), "pid": os.getpid()}
    if state == "failed" and error is not None:
        status["error"] = format_error(error)[:LONGEST]
    write_json(directory.folder / STATUS, status)
