"""The genotypes of a run: cleaned and thinned, once for a split of a large panel."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakValueDictionary

import numpy as np

from g2p.data.loci import independent_loci
from g2p.data.panel import Panel
from g2p.data.quality import clean
from g2p.data.split import PARTS, Split
from g2p.files import write_atomically

# Genotypes in a panel from which on the answer is kept on disk: less takes about a second.
LARGE = 100_000_000


# Runs that are trained together hold the same genotypes once.
_held: WeakValueDictionary[Path, "Thinned"] = WeakValueDictionary()


@dataclass(frozen=True, eq=False)
class Thinned:
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
    account: list[str]


def thin(
    panel: Panel, split: Split, quality: Mapping, max_correlation: float | None, loci_from: str
) -> Thinned:
    """See `g2p.data.prepare.prepare` for the arguments."""
    cleaned = clean(panel.genotypes, panel.loci, split, **quality)
    kept = cleaned.columns
    if max_correlation is not None:
        parts = ("train", "val") if loci_from == "train_val" else ("train",)
        rows = np.unique(np.concatenate([cleaned.split[part] for part in parts]))
        kept = independent_loci(cleaned.genotypes, max_correlation, rows, kept)
    everything = len(kept) == cleaned.genotypes.shape[1]
    return Thinned(
        genotypes=cleaned.genotypes if everything else cleaned.genotypes[:, kept],
        loci=cleaned.loci[np.searchsorted(cleaned.columns, kept)],
        split=cleaned.split,
        account=cleaned.account,
    )


def remembered(file: Path, panel: Panel, make: Callable[[], Thinned]) -> Thinned:
    """What is held, or `file` holds, or `make` makes; kept there where the panel is large."""
    thinned = _held.get(file)
    if thinned is None:
        thinned = _read(file) if file.exists() else make()
        if not file.exists() and panel.genotypes.size >= LARGE:
            _write(file, thinned)
        _held[file] = thinned
    return thinned


def _read(file: Path) -> Thinned:
    with np.load(file, allow_pickle=False) as kept:
        split = Split({part: kept[part] for part in PARTS}, kept.get("cells"))
        return Thinned(kept["genotypes"], kept["loci"], split, kept["account"].tolist())


def _write(file: Path, thinned: Thinned) -> None:
    arrays = {"genotypes": thinned.genotypes, "loci": thinned.loci, **thinned.split}
    arrays["account"] = np.array(thinned.account, dtype=str)
    if thinned.split.cells is not None:
        arrays["cells"] = thinned.split.cells
    write_atomically(file, lambda out: np.savez(out, **arrays))
