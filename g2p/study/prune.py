"""Runs removed for good, none that a process is at, and none half removed that looks whole."""

import contextlib
import shutil

from filelock import FileLock, Timeout

from g2p.study.stored import StoredRun


def size(run: StoredRun) -> int:
    """Bytes of a run's files."""
    return sum(file.stat().st_size for file in run.record.folder.rglob("*") if file.is_file())


def prune(run: StoredRun) -> bool:
    """Remove a run's directory, unless a process holds it or it has changed since it was read.

    A kill on the way leaves a run that is not finished: it can be trained anew, or pruned.
    """
    record = run.record
    if not record.folder.exists():
        return False
    lock = FileLock(record.folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    try:
        if record.finished and run.state in ("unfinished", "running"):
            return False
        record.clear()
        for path in list(record.folder.iterdir()):
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != ".lock":
                path.unlink()
        # The lock goes last: nobody begins the run while it is being removed.
        (record.folder / ".lock").unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # or somebody has begun it in this moment
            record.folder.rmdir()
    finally:
        lock.release()
    return True
