"""The genotypes of a run: cleaned and thinned, once for a split of a large panel."""

import errno
import logging
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from weakref import WeakValueDictionary

import numpy as np

from g2p.core.atomic_files import remove_abandoned_drafts, write_atomically
from g2p.data.ld_pruning import ld_prune
from g2p.data.panel import Panel
from g2p.data.quality_control import clean
from g2p.data.split import SUBSETS, Split

log = logging.getLogger(__name__)

# Genotypes in a panel from which on the answer is kept on disk: less takes about a second.
LARGE = 100_000_000


# Runs that are trained together hold the same genotypes once.
_held: WeakValueDictionary[Path, "PrunedGenotypes"] = WeakValueDictionary()


@dataclass(frozen=True, eq=False)
class PrunedGenotypes:
    """What quality control and thinning leave.

    Attributes:
        genotypes: (N, L), nothing missing in the strains of the split.
        loci: (L,), which of the panel's they are.
        split: without the strains that left.
        account: what was removed and filled in, a line each.
    """

    genotypes: np.ndarray
    loci: np.ndarray
    split: Split
    qc_log: list[str]


def thin(
    panel: Panel, split: Split, quality: Mapping, max_correlation: float | None, loci_from: str
) -> PrunedGenotypes:
    """See `g2p.data.preprocess.prepare` for the arguments."""
    cleaned = clean(panel.genotypes, panel.loci, split, **quality)
    kept = cleaned.columns
    if max_correlation is not None:
        parts = ("train", "val") if loci_from == "train_val" else ("train",)
        rows = np.unique(np.concatenate([cleaned.split[part] for part in parts]))
        kept = ld_prune(cleaned.genotypes, max_correlation, rows, kept)
    everything = len(kept) == cleaned.genotypes.shape[1]
    return PrunedGenotypes(
        genotypes=cleaned.genotypes if everything else cleaned.genotypes[:, kept],
        loci=cleaned.loci[np.searchsorted(cleaned.columns, kept)],
        split=cleaned.split,
        qc_log=cleaned.qc_log,
    )


def cached_genotypes(
    file: Path, panel: Panel, make: Callable[[], PrunedGenotypes]
) -> PrunedGenotypes:
    """What is held, or `file` holds, or `make` makes; stored there where the panel is large.

    A damaged file is made again, with a warning.
    """
    thinned = _held.get(file)
    if thinned is None:
        thinned = _read(file, panel) if file.exists() else None
        if thinned is None:
            thinned = make()
            if len(panel.strains) * len(panel.loci) >= LARGE:
                remove_abandoned_drafts(file.parent)
                _write(file, thinned)
        _held[file] = thinned
    return thinned


def _read(file: Path, panel: Panel) -> PrunedGenotypes | None:
    """What a file holds, whose zip has a checksum for each array; None where it is damaged."""
    try:
        arrays = _arrays(file)
        split = Split({part: arrays[part] for part in SUBSETS}, arrays.get("cells"))
        thinned = PrunedGenotypes(arrays["genotypes"], arrays["loci"], split, arrays["account"])
        if not _fits(thinned, panel):
            raise ValueError("its arrays have other shapes")
    except Exception as error:  # zipfile, zlib and numpy have many
        # EINVAL: a damaged directory of the zip that points before the file's start.
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise
        log.warning("%s is damaged; making it again.", file)
        return None
    return replace(thinned, qc_log=thinned.qc_log.tolist())


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


def _fits(thinned: PrunedGenotypes, panel: Panel) -> bool:
    """Whether arrays have the shapes and types of thinned genotypes of this panel."""
    n_strains, n_loci = len(panel.strains), len(panel.loci)
    cells = thinned.split.cells
    return (
        thinned.genotypes.shape == (n_strains, len(thinned.loci))
        and thinned.genotypes.dtype.kind in "if"
        and all(
            rows.ndim == 1
            and rows.dtype.kind == "i"
            and ((rows >= 0) & (rows < size)).all()
            and len(set(rows.tolist())) == len(rows)
            for rows, size in [
                (thinned.loci, n_loci),
                *((rows, n_strains) for rows in thinned.split.values()),
            ]
        )
        and (cells is None or (cells.ndim == 2 and len(cells) == n_strains))
        and thinned.qc_log.ndim == 1
        and thinned.qc_log.dtype.kind == "U"
    )


def _write(file: Path, thinned: PrunedGenotypes) -> None:
    arrays = {"genotypes": thinned.genotypes, "loci": thinned.loci, **thinned.split}
    arrays["account"] = np.array(thinned.qc_log, dtype=str)
    if thinned.split.cells is not None:
        arrays["cells"] = thinned.split.cells
    write_atomically(file, lambda out: np.savez(out, **arrays))
