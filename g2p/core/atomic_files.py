"""Files that are complete or absent.

While it is written, a file is a draft under another name, locked by its writer, so that a draft
of a killed writer differs from one that is being written.
"""

import contextlib
import fcntl
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from g2p.core.interrupts import deferred_signals

DRAFT = ".draft"  # how the name of an incomplete file ends


def write_atomically(path: Path, write: Callable[[BinaryIO], Any]) -> None:
    """Call `write` with a new binary file that becomes `path` when it is complete and on disk.

    Whatever interrupts this (an error, a signal, a full disk) leaves `path` as it was before.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = None
    try:
        with deferred_signals():  # else a signal leaves a draft whose name is not stored yet
            handle, draft = _new_draft(path)
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), 0o644)
            Path(draft).replace(path)  # before the lock is released
    except OSError as error:
        if str(error.filename).endswith(DRAFT):  # not a file that the user knows
            raise OSError(error.errno, error.strerror, str(path)) from None
        # pyarrow and torch report a full disk without the file's name.
        error.filename = error.filename or str(path)
        raise
    finally:
        if draft is not None:
            Path(draft).unlink(missing_ok=True)


def _new_draft(path: Path) -> tuple[int, str]:
    """Open a new file beside `path`, locked until it is closed or the process ends."""
    while True:
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=DRAFT)
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:
            return handle, draft
        os.close(handle)  # removed as abandoned before it was locked


def remove_abandoned_drafts(folder: Path) -> None:
    """Remove the incomplete files of killed processes in `folder`."""
    for draft in folder.glob(f".*{DRAFT}"):
        with contextlib.suppress(OSError), draft.open("r+b") as file:  # its writer may be alive
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            draft.unlink()


def json_bytes(value: Any, indent: int | None = 2) -> bytes:
    """Return the content of a JSON file; without indent it is made several times as fast."""
    return (json.dumps(value, indent=indent, allow_nan=False) + "\n").encode()


def write_json(path: Path, value: Any, indent: int | None = 2) -> None:
    content = json_bytes(value, indent)
    write_atomically(path, lambda file: file.write(content))


def read_json(path: Path) -> Any:
    """Return the contents of a file that can be recreated; None if it is absent or not JSON."""
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, ValueError, RecursionError):
        return None
