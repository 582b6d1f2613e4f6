"""Fits without Hydra, W&B or a panel: configs read from conf/, data of random numbers."""

import os
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import yaml

from g2p.config.registry import CONF
from g2p.config.run_config import RunConfig
from g2p.data.preprocess import Prepared
from g2p.data.scaler import Scaler
from g2p.data.split import Split
from g2p.training.fit import FitRequest


def config(model: str, *, optim: str = "adam", seed: int = 0, **changes) -> RunConfig:
    """Return the config of a fit, with what it needs and nothing else.

    Args:
        model: its name, with the options of its YAML.
        optim: name of the optimizer.
        seed: of the run.
        changes: of keys, `model__num_layers=1` for model.num_layers.
    """
    sections = {"model": model, "optim": optim, "trainer": "auto"}
    plain: dict = {name: _read(name, choice) for name, choice in sections.items()}
    for key, value in changes.items():
        section, _, option = key.partition("__")
        plain[section][option] = value
    return RunConfig.of({**plain, "seed": seed})


def _read(group: str, choice: str) -> dict:
    """Read a YAML as Hydra does, for which 1e-3 is a number; PyYAML wants 1.0e-3."""
    text = re.sub(r": (\d+)e(-?\d+)", r": \1.0e\2", (CONF / group / f"{choice}.yaml").read_text())
    return yaml.safe_load(text)


def random_data(strains: int, loci: int, phenotypes: int, seed: int = 0) -> Prepared:
    """Return data of which a tenth of the loci have effects."""
    rng = np.random.default_rng(seed)
    genotypes = rng.choice(np.array([-1, 1], np.int8), (strains, loci))
    causal = rng.choice(loci, max(1, loci // 10), replace=False)
    effects = rng.standard_normal((len(causal), phenotypes))
    observed = genotypes[:, causal] @ effects + rng.standard_normal((strains, phenotypes))
    return _prepared(genotypes, observed, seed)


def real_strains() -> Prepared:
    """Return the bbq_li panel, from the folder that G2P_DATA names.

    Raises:
        FileNotFoundError: where it is not there.
    """
    from g2p.data.sources.bbq_li import FILE, read_file

    file = Path(os.environ.get("G2P_DATA", "data"), "bbq_li", FILE)
    if not file.is_file():
        raise FileNotFoundError(file)
    panel = read_file(file)
    return _prepared(panel.genotypes, panel.phenotypes, seed=0)


def _prepared(genotypes: np.ndarray, observed: np.ndarray, seed: int) -> Prepared:
    """Split strains at random, 85% to train and 10% to validate, and standardise."""
    n, n_loci = genotypes.shape
    ends = [int(share * n) for share in (0.85, 0.95)]
    order = np.random.default_rng(seed).permutation(n)
    rows = dict(zip(("train", "val", "test"), np.split(order, ends), strict=True))
    scaler = Scaler.fit(observed[rows["train"]])
    return Prepared(
        genotypes=genotypes,
        phenotypes=scaler.standardise(observed).astype(np.float32),
        observed=observed,
        scaler=scaler,
        split=Split(rows),
        strains=[f"s{i}" for i in range(n)],
        phenotype_names=[f"p{i}" for i in range(observed.shape[1])],
        loci=pa.table({
            "id": [f"l{i}" for i in range(n_loci)],
            "chromosome": ["1"] * n_loci,
            "position": list(range(1, n_loci + 1)),
        }),
        qc_log=[],
        panel_columns=np.arange(n_loci),
        n_panel_loci=n_loci,
    )  # fmt: skip


def request(config: RunConfig, data: Prepared, folder: Path, on_epoch=None) -> FitRequest:
    return FitRequest(config, data, folder, on_epoch or (lambda rows: None))
