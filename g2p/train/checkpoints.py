"""Checkpoints that are whole or absent, and that execute nothing when they are read."""

import io
from pathlib import Path

import torch

from g2p.errors import UserError
from g2p.files import write_atomically


def save_checkpoint(checkpoint: dict, *paths: Path) -> None:
    """The same to each path, in that order."""
    # Through memory, so that a full disk is an OSError that names the file.
    buffer = io.BytesIO()
    torch.save(checkpoint, buffer)
    for path in paths:
        write_atomically(path, lambda file: file.write(buffer.getbuffer()))


def load_checkpoint(path: Path) -> dict:
    """The checkpoint at `path`, tensors on the CPU and plain values only.

    Raises:
        UserError: when it cannot be read.
    """
    content = io.BytesIO(path.read_bytes())
    try:
        return torch.load(content, map_location="cpu", weights_only=True)
    except Exception as error:  # torch has no one type for what a damaged file can raise
        # Without torch's advice to load it in a way that executes what it holds.
        why = str(error).partition(" In PyTorch ")[0].partition("\n")[0] or type(error).__name__
        raise UserError(f"{path} cannot be read ({why}). force=true starts the run anew.") from None


def resumable(folder: Path) -> Path | None:
    """The last.ckpt in `folder` to go on from, None where there is none.

    Raises:
        UserError: when what is there cannot be gone on from.
    """
    last, best = folder / "last.ckpt", folder / "best.ckpt"
    if not last.exists():
        return None
    if not {"state_dict", "callbacks", "inputs"} <= set(load_checkpoint(last)):
        raise UserError(f"{last} is no checkpoint of a run. force=true starts the run anew.")
    if not best.exists():
        raise UserError(f"{best} is gone. force=true starts the run anew.")
    load_checkpoint(best)
    return last
