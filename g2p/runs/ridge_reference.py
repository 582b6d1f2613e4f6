"""Ridge on the same split: the reference that every run is compared with."""

import json
import zlib
from pathlib import Path

from g2p.core.atomic_files import write_json
from g2p.core.json_shapes import StoredRidge, read_checked_json
from g2p.core.progress import reporting_to
from g2p.data.preprocess import Prepared
from g2p.runs.progress_bar import ProgressBar
from g2p.training.fit_ridge import fit_ridge
from g2p.training.metrics import scores


def ridge_reference(data: Prepared, stored: Path) -> dict:
    """Return R2 of ridge on val and test, from `stored` if it exists."""
    cached = read_checked_json(stored, StoredRidge)
    if cached and cached["checksum"] == _checksum(cached["ridge"]):
        ridge = cached["ridge"]
        if all(list(subset["r2"]) == data.phenotype_names for subset in ridge.values()):
            return ridge
    with ProgressBar(0, 0) as progress, reporting_to(progress.advance):
        ridge = fit_ridge(data)
    reference = {}
    for part in ("val", "test"):
        genotypes, phenotypes = data.subset(part)
        result = scores(ridge.predict(genotypes), phenotypes, data.fixed(part))
        named = result.named(data.phenotype_names)
        reference[part] = {key: named[key] for key in ("r2", "r2_mean")}
    write_json(stored, {"ridge": reference, "checksum": _checksum(reference)})
    return reference


def _checksum(reference: dict) -> int:
    return zlib.crc32(json.dumps(reference, sort_keys=True).encode())
