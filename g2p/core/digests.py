"""Digests of files: whether two hold the same bytes."""

import hashlib
from pathlib import Path


def file_digest(file: Path) -> str:
    """The SHA-256 of a file's bytes, as hexadecimal digits."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
