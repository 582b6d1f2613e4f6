"""Unpack files of a zip safely: none leaves its folder, none is larger than its header says."""

import io
import lzma
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import BinaryIO

from g2p.core.atomic_files import write_atomically
from g2p.core.errors import DataError

BEGINNING = 1 << 16  # bytes of a file that are checked before it is unpacked
# Exceptions of a damaged, encrypted or strangely compressed zip; not of a full disk.
DAMAGED = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error,
    EOFError, ValueError, RuntimeError,
)  # fmt: skip


def unpack(
    archive: Path, wanted: list[str], folder: Path, full_size: Callable[[BinaryIO], int]
) -> list[Path]:
    """Write the files `wanted` of a zip, from any folder in it, each whole to `folder`.

    Nothing is written before the beginning of each is checked.

    Args:
        archive: the zip.
        wanted: names of files.
        folder: where they are written.
        full_size: reads the beginning of a file and returns how many bytes the whole must have;
            raises ValueError for a file of another kind.

    Raises:
        DataError: for a zip that is cut short or damaged, that lacks a file or holds it twice,
            that has an entry leading out of its folder, or a file of another size than it must
            have, or larger than the free space.
    """
    remedy = f"Remove {archive} and run the same command again, which downloads it."
    try:
        with zipfile.ZipFile(archive) as content:
            entries = _entries(archive, content, wanted, remedy)
            for name, entry in entries.items():
                with content.open(entry) as packed:
                    size = full_size(io.BytesIO(packed.read(BEGINNING)))
                if entry.file_size != size:
                    raise DataError(
                        f"{archive}: {name} would be unpacked to {entry.file_size:,} bytes, but "
                        f"its header says {size:,}; nothing was unpacked. {remedy}"
                    )
            needed = sum(entry.file_size for entry in entries.values())
            if needed > (free := shutil.disk_usage(archive.parent).free):
                raise DataError(
                    f"{archive} would be unpacked to {needed:,} bytes, but {folder} has room for "
                    f"{free:,}; nothing was unpacked. Free some, or set paths.data to another disk."
                )
            for name, entry in entries.items():
                with content.open(entry) as packed:  # which ends after the size that was checked
                    write_atomically(
                        folder / name, lambda file, packed=packed: shutil.copyfileobj(packed, file)
                    )
    except (*DAMAGED, OSError) as error:
        if getattr(error, "filename", None):  # an error of the disk, not of the zip
            raise
        raise DataError(f"{archive} is cut short or damaged ({error}). {remedy}") from None
    return [folder / name for name in wanted]


def _entries(
    archive: Path, content: zipfile.ZipFile, wanted: list[str], remedy: str
) -> dict[str, zipfile.ZipInfo]:
    """Return the entry of each wanted file."""
    matches: dict[str, list[zipfile.ZipInfo]] = {name: [] for name in wanted}
    for entry in content.infolist():
        if _leaves_folder(entry.filename):
            raise DataError(
                f"{archive}: the entry '{entry.filename}' leads out of its folder; nothing was "
                f"unpacked. {remedy}"
            )
        name = PurePosixPath(entry.filename).name
        if name in matches and not entry.is_dir():
            matches[name].append(entry)
    for name, entries in matches.items():
        if len(entries) != 1:
            raise DataError(f"{archive} holds {name} {len(entries)} times, expected once. {remedy}")
    return {name: entry for name, (entry,) in matches.items()}


def _leaves_folder(entry: str) -> bool:
    """Whether a zip's entry would be written outside the folder it is unpacked in, anywhere."""
    windows = PureWindowsPath(entry)  # takes both kinds of slash
    return bool(windows.drive or windows.root or ".." in windows.parts)
