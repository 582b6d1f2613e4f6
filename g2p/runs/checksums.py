"""Checksums of a finished run's files: a file with other bytes than the run wrote is an error.

`checksums.json` is {file: SHA-256}, written just before metrics.json. A run of an earlier version
has none: its files are read without this check, and the commands print UNVERIFIED once.
"""

import json
import os
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from g2p.core.atomic_files import write_json
from g2p.core.digests import file_digest
from g2p.core.errors import DamagedRunError
from g2p.core.typed_command import typed_command

CHECKSUMS = "checksums.json"
METRICS = "metrics.json"
CHECKED = (
    "config.yaml", "history.parquet", "predictions.parquet", "environment.json",
    "checkpoints/best.ckpt",
)  # fmt: skip
UNVERIFIED = "no checksum: unverified"
LISTED = ("config.yaml", METRICS)  # read by g2p runs, which finds the damage


def write_checksums(folder: Path, metrics: bytes) -> None:
    """Write the checksums of a run's files, and of the metrics.json that is written next."""
    digests = {name: file_digest(folder / name) for name in CHECKED if (folder / name).exists()}
    write_json(folder / CHECKSUMS, digests | {METRICS: sha256(metrics).hexdigest()})


def read_verified(folder: Path, name: str) -> bytes:
    """Return the bytes of a run's file, verified where the run is finished and has checksums.

    Raises:
        FileNotFoundError: when the file of a run that is not finished does not exist.
        DamagedRunError: when it is gone, or holds other bytes.
    """
    path = folder / name
    try:
        content = path.read_bytes()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        if name != METRICS and _is_finished(folder) and _expected(folder, name) is not None:
            raise damaged(path, "it is gone", name) from None
        raise
    expected = _expected(folder, name)
    if expected in (None, sha256(content).hexdigest()):
        return content
    # force=true may have started the run again since, and a killed run may have checksums already.
    if (name == METRICS or _is_finished(folder)) and _expected(folder, name) == expected:
        raise damaged(path, "its checksum differs", name)
    return content


def damaged(path: Path, problem: str, name: str) -> DamagedRunError:
    """Return the error that names a damaged file of a run, and the remedy."""
    verify = "" if name in LISTED else "--verify "
    return DamagedRunError(
        f"{path} is damaged ({problem}). {typed_command('train')} ... force=true trains the run "
        f"again; g2p runs {verify}status=damaged --prune removes it."
    )


def _is_finished(folder: Path) -> bool:
    return (folder / METRICS).exists()


def _expected(folder: Path, name: str) -> str | None:
    """Return a file's checksum; None in a run without checksums."""
    path = f"{folder}/{CHECKSUMS}"  # a text, since joining paths takes as long as looking at them
    try:
        stat = os.stat(path)  # noqa: PTH116
        digests = _digests(path, stat.st_ino, stat.st_size, stat.st_mtime_ns)
        if name not in digests:
            raise ValueError(f"it lacks {name}")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, RecursionError) as error:
        if _is_finished(folder):
            raise damaged(Path(path), " ".join(str(error).split()), METRICS) from None
        return None
    return digests[name]


@lru_cache(32)  # the files of a run are read one after the other
def _digests(path: str, *identity: int) -> dict[str, str]:
    digests = json.loads(Path(path).read_bytes())
    if not (isinstance(digests, dict) and all(isinstance(each, str) for each in digests.values())):
        raise ValueError("it is not a mapping of texts")
    return digests
