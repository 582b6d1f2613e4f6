"""Checkpoints that are whole or absent, and that execute nothing when they are read."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import torch

from g2p.core.atomic_files import write_atomically
from g2p.core.errors import DamagedRunError
from g2p.core.nested import map_leaves
from g2p.training.array_checkpoint import CONTENT, RUN, read_arrays, run_of


def save_checkpoint(checkpoint: dict, *paths: Path) -> None:
    """Write the checkpoint to each path, in that order, with the signature of its run."""
    checkpoint = {**map_leaves(_without_numpy, checkpoint), RUN: run_of(paths[0])}
    # Through memory, so that a full disk is an OSError that names the file.
    buffer = io.BytesIO()
    torch.save(checkpoint, buffer)
    for path in paths:
        write_atomically(path, lambda file: file.write(buffer.getbuffer()))


def _without_numpy(value: Any) -> Any:
    """Return numpy's number as Python's: a schedule of a user's may count in numpy's.

    They would be read back as code, which a checkpoint must not hold.
    """
    return value.item() if isinstance(value, np.generic) else value


REMEDY = "force=true restarts the run."


def load_checkpoint(path: Path, remedy: str = REMEDY) -> dict:
    """Return the checkpoint at `path`, tensors on the CPU and plain values only.

    The checksum of everything it holds is verified: other content is an error, never other numbers.

    Args:
        path: as `save_checkpoint` wrote it, in this version or an earlier one.
        remedy: a sentence for the user when it cannot be read.

    Raises:
        DamagedRunError: when it is gone, damaged, or not a checkpoint.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DamagedRunError(f"{path} is gone. {remedy}") from None
    try:
        checkpoint = _read(content)
    except MemoryError:
        raise
    except Exception as error:  # torch has no one type for what a damaged file can raise
        # Without torch's advice to load it in a way that executes what it holds.
        reason = str(error).partition(" In PyTorch ")[0].partition("\n")[0] or type(error).__name__
        raise DamagedRunError(f"{path} cannot be read ({reason.rstrip('.')}). {remedy}") from None
    if not isinstance(checkpoint, dict):
        kind = type(checkpoint).__name__
        raise DamagedRunError(
            f"{path} is not a checkpoint (it holds a value of type {kind}). {remedy}"
        )
    return checkpoint


def _read(content: bytes) -> object:
    """Return the content of a network's checkpoint, which torch wrote, or of a closed form's.

    torch writes a zip with a CRC-32 of each record and does not look at it when it reads. A copy of
    the records, each with the content that its checksum is of, is what torch then reads, not the
    file, since it looks at other fields of a zip's headers than Python does: a flipped bit there
    could hide a record from torch alone.
    """
    if not content.startswith(b"PK"):  # written by torch before 1.6, never by g2p
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    copy = io.BytesIO()
    with ZipFile(io.BytesIO(content)) as archive, ZipFile(copy, "w") as records:
        if CONTENT in archive.namelist():
            return map_leaves(as_tensor, read_arrays(archive))
        for record in archive.infolist():
            records.writestr(record.filename, archive.read(record))
    copy.seek(0)
    return torch.load(copy, map_location="cpu", weights_only=True)


def as_tensor(value: Any) -> Any:
    """Return an array as a tensor, and another value as it is."""
    return torch.tensor(value) if isinstance(value, np.ndarray) else value


def find_last_checkpoint(folder: Path) -> Path | None:
    """Return the last.ckpt in `folder` to resume from, or None.

    Raises:
        DamagedRunError: when the checkpoints cannot be resumed from, or belong to another run.
    """
    last, best = folder / "last.ckpt", folder / "best.ckpt"
    if not last.exists():
        return None
    checkpoint = load_checkpoint(last)
    if not {"state_dict", "callbacks", "inputs"} <= set(checkpoint):
        raise DamagedRunError(f"{last} is not a checkpoint of a run. {REMEDY}")
    best_checkpoint = load_checkpoint(best)
    for path, content in ((last, checkpoint), (best, best_checkpoint)):
        refuse_another_run(path, content, run_of(path))
    if not _same_training(best_checkpoint, checkpoint):
        raise DamagedRunError(f"{best} and {last} come from different trainings. {REMEDY}")
    return last


def refuse_another_run(path: Path, content: Mapping, run: str, remedy: str = REMEDY) -> None:
    """Raise a DamagedRunError where a checkpoint belongs to another run than `run`."""
    # One from before this was recorded has no such key.
    if (owner := content.get(RUN, run)) != run:
        raise DamagedRunError(f"{path} belongs to another run ({owner}). {remedy}")


def _same_training(best: Mapping, last: Mapping) -> bool:
    """Whether best.ckpt has the epoch that last.ckpt calls the best, or a later one.

    The latter is what a kill between the two leaves.
    """
    try:
        epoch, state = best["callbacks"]["Memory"]["best_epoch"], last["callbacks"]["Memory"]
        return epoch == state["best_epoch"] or epoch >= len(state["rows"])
    except (KeyError, TypeError):
        return False
