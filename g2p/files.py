"""Files that are whole or absent."""

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from g2p.stopping import held

DRAFT = ".draft"  # how the name of an incomplete file ends


def write_atomically(path: Path, write: Callable[[BinaryIO], Any]) -> None:
    """Call `write` with a new binary file that becomes `path` when it is complete and on disk.

    Whatever interrupts this (an error, a signal, a full disk) leaves `path` as it was before.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = None
    try:
        with held():  # else nobody knows of the draft yet
            handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=DRAFT)
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        Path(draft).chmod(0o644)
        Path(draft).replace(path)
    except OSError as error:
        # pyarrow and torch report a full disk without saying where.
        error.filename = error.filename or str(path)
        raise
    finally:
        if draft is not None:
            Path(draft).unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    text = json.dumps(value, indent=2, allow_nan=False) + "\n"
    write_atomically(path, lambda file: file.write(text.encode()))


def read_json(path: Path) -> Any:
    """What a file holds that can be made again; None where it is gone or damaged."""
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None
