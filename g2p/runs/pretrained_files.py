"""The files of published models: tensors by name, and genotypes in their coding."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from g2p.core.errors import DataError
from g2p.core.phrases import plural
from g2p.training.checkpoints import load_checkpoint

CODING = "The published coding is -1 and 1, and values between them for uncertain calls."


def read_tensors(file: Path) -> dict[str, Tensor]:
    """Return parameters by their published names, from the `.npz` or `.ckpt` at `file`.

    Raises:
        DataError: when the file is absent, damaged, or holds anything but tensors of finite
            numbers.
    """
    if not file.is_file():
        raise DataError(f"{file} does not exist.")
    if file.suffix == ".npz":
        arrays = _read_arrays(file)
        if not isinstance(arrays, dict):
            raise DataError(f"{file} is not an .npz: it holds one array without a name.")
        weights = {n.removeprefix("w."): a for n, a in arrays.items() if n.startswith("w.")}
        return {
            name: torch.from_numpy(_real(array, file, name))
            for name, array in (weights or arrays).items()
        }
    checkpoint = load_checkpoint(file, "Download it again from where it was published.")
    state = checkpoint.get("state_dict", checkpoint)
    if not isinstance(state, dict):
        raise DataError(f"{file}: its state_dict is not a mapping from names to tensors.")
    for name, tensor in state.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            kind = type(tensor).__name__
            raise DataError(f"{file}: {name} is of type {kind}; parameters must be tensors.")
        if (
            tensor.layout != torch.strided
            or tensor.is_complex()
            or not tensor.float().isfinite().all()
        ):
            raise DataError(f"{file}: {name} must hold finite real numbers only.")
    return {name.removeprefix("model."): tensor for name, tensor in state.items()}


def read_genotypes(file: Path, n_loci: int) -> Tensor:
    """Return the genotypes (N, L) float32 in the `.npy` at `file`, in the published coding.

    Raises:
        DataError: naming row and column of the first value outside [-1, 1]; for another shape, an
            empty array, or a coding that is not the published one.
    """
    if not file.is_file():
        raise DataError(f"{file} does not exist.")
    array = _read_arrays(file)
    if isinstance(array, dict):
        raise DataError(f"{file} holds several arrays; save one with numpy.save.")
    if array.ndim != 2 or array.shape[1] != n_loci or not len(array):
        raise DataError(f"{file} is {array.shape}, expected strains x {n_loci} loci.")
    if array.dtype.kind not in "iuf":
        raise DataError(
            f"{file} holds values of type {array.dtype}; genotypes must be real numbers."
        )
    outside = np.argwhere(~((array >= -1) & (array <= 1)))  # NaN is outside, too
    if len(outside):
        row, column = outside[0].tolist()
        raise DataError(
            f"{file}: row {row + 1}, column {column + 1} is {array[row, column]}; "
            f"{plural(len(outside), 'value')} outside [-1, 1] in all. {CODING}"
        )
    if np.isin(array, (0, 1)).all() and not array.all():
        raise DataError(f"{file} holds only 0 and 1. {CODING}")
    return torch.from_numpy(array.astype(np.float32))


def _read_arrays(file: Path) -> np.ndarray | dict[str, np.ndarray]:
    """Return the array of an `.npy`, or the arrays by name of an `.npz`."""
    try:
        with file.open("rb") as opened:
            loaded = np.load(opened, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return loaded
            return {name: loaded[name] for name in loaded.files}
    except OSError as error:
        if error.errno is not None:  # the disk's
            raise
        raise DataError(f"{file} cannot be read ({error}).") from None
    except Exception as error:  # numpy, zipfile and zlib have no one type for a damaged file
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise DataError(f"{file} cannot be read ({reason.rstrip('.')}).") from None


def _real(array: np.ndarray, file: Path, name: str) -> np.ndarray:
    """Return the array in a byte order that torch accepts."""
    # As float32, which the models are of.
    with np.errstate(over="ignore"):
        is_finite = array.dtype.kind in "iuf" and np.isfinite(array.astype(np.float32)).all()
    if not is_finite:
        raise DataError(f"{file}: {name} must hold finite real numbers only.")
    return array.astype(array.dtype.newbyteorder("="))
