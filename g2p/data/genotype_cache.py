"""The genotypes of a run: cleaned and LD-pruned, once for each split of a large panel."""

import errno
import hashlib
import logging
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from weakref import WeakValueDictionary

import numpy as np

from g2p.core.atomic_files import remove_abandoned_drafts, write_atomically
from g2p.core.digests import file_digest
from g2p.data.large_arrays import is_large, take_columns
from g2p.data.ld_pruning import ld_prune
from g2p.data.panel import Panel
from g2p.data.quality_control import clean
from g2p.data.split import SUBSETS, Split

log = logging.getLogger(__name__)

# Runs that are trained in one process share the same genotypes.
_in_memory: WeakValueDictionary[Path, "PrunedGenotypes"] = WeakValueDictionary()


@dataclass(frozen=True, eq=False)
class PrunedGenotypes:
    """Genotypes after quality control and LD pruning.

    Attributes:
        genotypes: (N, L), nothing missing in the strains of the split.
        loci: (L,), which of the panel's they are.
        split: without the strains that were removed.
        qc_log: what was removed and filled in, a line each.
    """

    genotypes: np.ndarray
    loci: np.ndarray
    split: Split
    qc_log: list[str]


def prune_genotypes(
    panel: Panel, split: Split, quality: Mapping, max_correlation: float | None, loci_from: str,
    folder: Path | None = None,
) -> PrunedGenotypes:  # fmt: skip
    """Clean and LD-prune; see `g2p.data.preprocess.prepare` for the arguments.

    Large genotypes are stored in `folder`, where one is given.
    """
    cleaned = clean(panel.genotypes, panel.loci, split, folder, **quality)
    columns = cleaned.columns
    if max_correlation is not None:
        subsets = ("train", "val") if loci_from == "train_val" else ("train",)
        rows = np.unique(np.concatenate([cleaned.split[subset] for subset in subsets]))
        columns = ld_prune(cleaned.genotypes, max_correlation, rows, columns)
    everything = len(columns) == cleaned.genotypes.shape[1]
    return PrunedGenotypes(
        genotypes=(
            cleaned.genotypes if everything else take_columns(cleaned.genotypes, columns, folder)
        ),
        loci=cleaned.loci[np.searchsorted(cleaned.columns, columns)],
        split=cleaned.split,
        qc_log=cleaned.qc_log,
    )


def cached_genotypes(
    file: Path, panel: Panel, split: Split, make: Callable[[], PrunedGenotypes]
) -> PrunedGenotypes:
    """Return the genotypes in memory or on disk, or make them; a large panel's are stored.

    The name of `file` gets a digest of the split, which may depend on the phenotypes.

    The file has all but the genotypes themselves, which lie beside it as `.npy`, to be mapped. A
    damaged file is made again, with a warning.
    """
    file = file.with_stem(f"{file.stem}-{_digest(split)}")
    pruned = _in_memory.get(file)
    if pruned is None:
        if is_large(panel.genotypes.size):
            from filelock import FileLock  # what trains does without it

            file.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(file.with_suffix(".lock")):  # several jobs would fill the disk at once
                pruned = _read(file, panel) if file.exists() else None
                if pruned is None:
                    remove_abandoned_drafts(file.parent)
                    pruned = _write(file, make(), panel)
        else:
            pruned = make()
        _in_memory[file] = pruned
    return pruned


def _digest(split: Split) -> str:
    """Return a digest of which strains, and which cells, are in which subset."""
    content = hashlib.sha256()
    for name, rows in [*sorted(split.items()), ("cells", split.cells)]:
        if rows is not None:
            content.update(f"{name} {rows.shape} {rows.dtype} ".encode() + rows.tobytes())
    return content.hexdigest()[:16]


def _read(file: Path, panel: Panel) -> PrunedGenotypes | None:
    """Read a file, whose zip has a checksum for each array; None where it is damaged.

    So is one whose genotypes are absent or differ.
    """
    try:
        arrays = _arrays(file)
        split = Split({subset: arrays[subset] for subset in SUBSETS}, arrays.get("cells"))
        account = arrays["account"]
        genotypes = panel.genotypes
        if "digest" in arrays:
            genotypes = _mapped(file)
            if file_digest(file.with_suffix(".npy")) != str(arrays["digest"]):
                raise ValueError("its genotypes differ")
        pruned = PrunedGenotypes(genotypes, arrays["loci"], split, account.tolist())
        if account.ndim != 1 or account.dtype.kind != "U" or not _fits(pruned, panel):
            raise ValueError("its arrays have other shapes")
    except Exception as error:  # zipfile, zlib and numpy have many
        # EINVAL: a damaged directory of the zip that points before the file's start.
        mendable = (None, errno.EINVAL, errno.ENOENT)
        if isinstance(error, OSError) and error.errno not in mendable:
            raise
        log.warning("%s is damaged; making it again.", file)
        return None
    return pruned


def _arrays(file: Path) -> dict[str, np.ndarray]:
    """The arrays of an .npz by name, each read to its end, where zipfile looks at its checksum.

    numpy stops where the header says that the array ends, which a flipped bit may have moved.
    """
    arrays = {}
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            with archive.open(entry) as stream:
                array = np.lib.format.read_array(stream, allow_pickle=False)
                if stream.read(1):
                    raise ValueError(f"{entry.filename} is longer than its header says")
            arrays[entry.filename.removesuffix(".npy")] = array
    return arrays


def _fits(pruned: PrunedGenotypes, panel: Panel) -> bool:
    """Whether arrays have the shapes and types of pruned genotypes of this panel."""
    n_strains, n_loci = len(panel.strains), len(panel.loci)
    cells = pruned.split.cells
    return (
        pruned.genotypes.shape == (n_strains, len(pruned.loci))
        and pruned.genotypes.dtype.kind in "if"
        and all(
            rows.ndim == 1
            and rows.dtype.kind == "i"
            and ((rows >= 0) & (rows < size)).all()
            and len(set(rows.tolist())) == len(rows)
            for rows, size in [
                (pruned.loci, n_loci),
                *((rows, n_strains) for rows in pruned.split.values()),
            ]
        )
        and (cells is None or (cells.ndim == 2 and len(cells) == n_strains))
    )


def _mapped(file: Path) -> np.ndarray:
    return np.load(file.with_suffix(".npy"), mmap_mode="r", allow_pickle=False)


def _write(file: Path, pruned: PrunedGenotypes, panel: Panel) -> PrunedGenotypes:
    """Store the genotypes, and return them with what is stored in place of what is in memory."""
    arrays = {"loci": pruned.loci, **pruned.split}
    if pruned.genotypes is not panel.genotypes:  # which is a file already
        values = file.with_suffix(".npy")
        write_atomically(values, lambda out: np.save(out, pruned.genotypes))
        arrays["digest"] = np.array(file_digest(values))
        pruned = replace(pruned, genotypes=_mapped(file))
    arrays["account"] = np.array(pruned.qc_log, dtype=str)
    if pruned.split.cells is not None:
        arrays["cells"] = pruned.split.cells

    # No array is called allow_pickle, which numpy's types have in mind.
    write_atomically(file, lambda out: np.savez(out, **arrays))  # pyright: ignore[reportArgumentType]
    return pruned
