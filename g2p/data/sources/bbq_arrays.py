"""The BBQ panel as six arrays: genotypes and phenotypes of train, validation and test strains."""

import math
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa

from g2p.core.errors import DataError
from g2p.data.panel import Panel
from g2p.data.sources.yeast import ALIASES, ENVIRONMENTS
from g2p.data.split import SUBSETS

BLOCK = 1 << 24  # bytes of genotypes copied at once


def read_arrays(paths: list[Path], scratch: Path, dtype: np.dtype) -> Panel:
    """Read the panel of the arrays, its genotypes a map of a file in the folder `scratch`.

    Args:
        paths: genotypes (n, L) and phenotypes (n, 18) of train, then of val, then of test.
        scratch: for the caller to remove, when the genotypes are stored elsewhere.
        dtype: float16 or float32, of the genotypes.

    Raises:
        DataError: naming the file, for one that is damaged, has another shape than the others
            require, or holds genotypes outside [-1, 1].
    """
    arrays = [_load(path) for path in paths]
    genotypes, phenotypes = arrays[::2], arrays[1::2]
    n_loci = genotypes[0].shape[1]
    for g, genotype_file in enumerate(paths[::2]):
        for file, array, width in (
            (genotype_file, genotypes[g], n_loci),
            (paths[2 * g + 1], phenotypes[g], len(ENVIRONMENTS)),
        ):
            if array.shape != (len(genotypes[g]), width):
                raise DataError(
                    f"{file} holds {array.shape[0]} x {array.shape[1]} numbers, expected "
                    f"{len(genotypes[g])} x {width} (strains as in {genotype_file.name}). The six "
                    "arrays must be of one record; remove them to have them unpacked again."
                )
    for array, file in zip(phenotypes, paths[1::2], strict=True):
        if (infinite := np.isinf(array)).any():
            row, column = np.argwhere(infinite)[0]
            raise DataError(
                f"{file}: strain {row}, phenotype {column} (from 0) is {array[row, column]:g}; "
                "phenotypes must be finite, a missing one nan."
            )
    counts = {subset: len(array) for subset, array in zip(SUBSETS, genotypes, strict=True)}
    scratch.mkdir(parents=True, exist_ok=True)
    joined = np.memmap(
        scratch / "genotypes", dtype, mode="w+", shape=(sum(counts.values()), n_loci)
    )
    start = 0
    for array, file in zip(genotypes, paths[::2], strict=True):
        _copy_checked(array, joined[start : start + len(array)], file)
        start += len(array)
    return Panel(
        genotypes=joined,
        phenotypes=np.concatenate(phenotypes).astype(np.float64),
        strains=[f"{subset}_{row:06d}" for subset, count in counts.items() for row in range(count)],
        phenotype_names=ENVIRONMENTS,
        loci=numbered_loci(n_loci),
        aliases=ALIASES,
        strain_table=pa.table({"split": np.repeat(list(counts), list(counts.values()))}),
    )


def numbered_loci(count: int) -> pa.Table:
    """Return the locus table of loci of which only the order is known."""
    numbers = np.arange(1, count + 1)
    return pa.table(
        {
            "id": [f"locus_{number:04d}" for number in numbers],
            "chromosome": ["unknown"] * count,
            "position": numbers,
        }
    )


def array_bytes(stream: BinaryIO) -> int:
    """Return the size in bytes of an .npy file, by its header; `stream` is at its beginning.

    Raises:
        ValueError: for another file, or an array that is not of numbers.
    """
    version = np.lib.format.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"an array of version {version}")
    read_header = (np.lib.format.read_array_header_1_0, np.lib.format.read_array_header_2_0)
    shape, _, dtype = read_header[version[0] - 1](stream)
    return stream.tell() + math.prod(shape) * dtype.itemsize


def _load(path: Path) -> np.ndarray:
    """Map an array of numbers; nothing in the file is executed."""
    remedy = f"Remove {path} to have it unpacked or downloaded again."
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise DataError(f"{path} is not an array or is cut short ({error}). {remedy}") from None
    if not isinstance(array, np.ndarray) or array.ndim != 2 or array.dtype.kind not in "fiu":
        raise DataError(f"{path} is not an array of numbers with two dimensions. {remedy}")
    return array


def _copy_checked(array: np.ndarray, out: np.ndarray, file: Path) -> None:
    """Copy genotypes in blocks; check each before it may be rounded."""
    step = max(1, BLOCK // (array.shape[1] * array.itemsize))
    for start in range(0, len(array), step):
        block = array[start : start + step]
        outside = np.abs(block) > 1  # a missing genotype, nan, is not
        if outside.any():
            row, column = np.argwhere(outside)[0]
            raise DataError(
                f"{file}: strain {start + row}, locus {column} (from 0) is {block[row, column]:g}; "
                "genotypes lie in [-1, 1]. Remove the file to have it unpacked again."
            )
        out[start : start + step] = block
