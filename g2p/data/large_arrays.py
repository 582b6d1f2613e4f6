"""Arrays as large as the genotypes of a panel, made a block of strains at a time.

100,000 strains x 40,000 loci are 16 GB where gaps are filled in: more than many machines have. So
a large array is a map of a file, which the system reads and drops as it needs.
"""

import errno
import math
import os
import tempfile
from pathlib import Path
from typing import IO

import numpy as np

from g2p.data.panel import BLOCK

# Number of genotypes from which on an array is a file: fewer take about a second to make.
LARGE = 100_000_000


def is_large(n_genotypes: int) -> bool:
    return n_genotypes >= LARGE


def blocks_of(n_strains: int) -> list[slice]:
    """Return slices of so many strains as are worked on at once."""
    return [slice(start, start + BLOCK) for start in range(0, n_strains, BLOCK)]


def new_array(
    shape: tuple[int, int], dtype: np.typing.DTypeLike, folder: Path | None
) -> np.ndarray:
    """Return an array to be written to; a large one in a file of `folder` that has no name.

    The file is gone with the array, or the process. Without a folder it is memory.

    Raises:
        OSError: where the disk is too small for it.
    """
    if folder is None or not is_large(math.prod(shape)):
        return np.empty(shape, dtype)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        try:
            _reserve(file, math.prod(shape) * np.dtype(dtype).itemsize)
        except OSError as error:
            error.filename = str(folder)
            raise
        return np.memmap(file, dtype, "r+", shape=shape)


def _reserve(file: IO[bytes], size: int) -> None:
    """Give a file its size, on the disk where the system can.

    A map of a file that the disk cannot hold would end the process when it is written to.
    """
    if hasattr(os, "posix_fallocate"):  # not of macOS
        try:
            os.posix_fallocate(file.fileno(), 0, size)
            return
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):  # of the file system
                raise
    file.truncate(size)


def take_columns(genotypes: np.ndarray, columns: np.ndarray, folder: Path | None) -> np.ndarray:
    """Return (N, l), these columns of (N, L), as `new_array` stores it."""
    taken = new_array((len(genotypes), len(columns)), genotypes.dtype, folder)
    for block in blocks_of(len(genotypes)):
        taken[block] = genotypes[block][:, columns]
    return taken
