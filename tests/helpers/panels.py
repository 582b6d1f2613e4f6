"""Small panels in memory, and the standard options of quality control."""

import numpy as np
import pyarrow as pa

from g2p.data.panel import NO_CALL, Panel
from tests.helpers.configs import compose

QUALITY = compose().qc.to_dict()
# The options of `g2p.data.preprocess.prepare` that leave a panel as it is.
PREPARE = {
    "max_correlation": None, "loci_from": "train", "missing": "mask", "weights": "none",
    "covariates": [], "categorical": [], "principal_components": 0,
}  # fmt: skip


def make_panel(n_strains=5, n_loci=3, n_phenotypes=2, dtype=np.int8, **changes) -> Panel:
    rng = np.random.default_rng(0)
    phenotypes = rng.standard_normal((n_strains, n_phenotypes))
    phenotypes[0, 0] = np.nan
    parts = {
        "genotypes": rng.integers(-1, 2, (n_strains, n_loci)).astype(dtype),
        "phenotypes": phenotypes,
        "strains": [f"s{i}" for i in range(n_strains)],
        "phenotype_names": [f"p{i}" for i in range(n_phenotypes)],
        "loci": pa.table({
            "id": [f"l{i}" for i in range(n_loci)],
            "chromosome": ["chr01"] * n_loci,
            "position": list(range(n_loci)),
        }),
        "aliases": {"also": "p0"},
        "noise_ceiling": {"p0": 0.5},
        "strain_table": pa.table({
            "family": [f"f{i % 2}" for i in range(n_strains)],
            "batch": list(range(n_strains)),
        }),
        "truth": {"sets": [[1, 2]]},
    }  # fmt: skip
    return Panel(**{**parts, **changes})


def with_gaps(n_strains=60, n_loci=25, dtype=np.int8, seed=0) -> np.ndarray:
    """Calls with a fifth missing: the first locus wholly, the second does not vary."""
    rng = np.random.default_rng(seed)
    genotypes = rng.choice(np.array([-1, -1, 0, 1]), (n_strains, n_loci)).astype(dtype)
    genotypes[:, 1] = 1
    missing = rng.random(genotypes.shape) < 0.2
    missing[:, 0] = True
    genotypes[missing] = NO_CALL if dtype == np.int8 else np.nan
    return genotypes
