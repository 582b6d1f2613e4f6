"""Configs of small runs, composed as the command line does it, and data of random numbers."""

import copy
import os
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import hydra
import numpy as np
import pyarrow as pa
from omegaconf import OmegaConf

from g2p.config.registry import CONF
from g2p.config.run_config import RunConfig
from g2p.data.preprocess import Prepared
from g2p.data.scaler import Scaler
from g2p.data.split import Split

SMALL = (
    "data.strains=240", "data.loci=32", "model.embedding_dim=16", "model.num_heads=2",
    "model.ffn_dim=32", "model.num_layers=1", "trainer.max_epochs=3", "trainer.accelerator=cpu",
    "logger=none",
)  # fmt: skip
SMALL_RIDGE = (*SMALL[:2], "model=ridge", "logger=none")


# Where a run writes; no other value of a config refers to these.
OUTPUT = re.compile(r"paths\.(runs|cache)=(/[\w/.-]+)")


def but(overrides: Sequence[str], *changes: str) -> list[str]:
    """Return the overrides with the changes in place of those that set the same keys."""
    keys = {change.partition("=")[0] for change in changes}
    return [*(item for item in overrides if item.partition("=")[0] not in keys), *changes]


def compose(*overrides: str) -> RunConfig:
    """Return the resolved config of these overrides, as Hydra composes it.

    Hydra takes a twentieth of a second, so that equal overrides are composed once.
    """
    output = [match for item in overrides if (match := OUTPUT.fullmatch(item))]
    other = tuple(item for item in overrides if not OUTPUT.fullmatch(item))
    config = copy.deepcopy(_compose(other, os.environ.get("G2P_DATA"), os.environ.get("G2P_CACHE")))
    for match in output:
        config["paths"][match[1]] = match[2]
    return RunConfig.of(config)


@cache
def _compose(overrides: tuple[str, ...], *_of_environment: str | None) -> dict:
    with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
        config = hydra.compose("config", overrides=list(overrides))
    return OmegaConf.to_container(config, resolve=True)


def paths(folder: Path) -> tuple[str, ...]:
    return (f"paths.runs={folder / 'runs'}", f"paths.cache={folder / 'cache'}")


def random_prepared(n_strains=60, n_loci=12, n_phenotypes=3, missing=0.1, seed=0) -> Prepared:
    """Prepared data of random numbers: no source, no store."""
    rng = np.random.default_rng(seed)
    observed = rng.standard_normal((n_strains, n_phenotypes)) * 3 + 5
    observed[rng.random(observed.shape) < missing] = np.nan
    rows = rng.permutation(n_strains)
    first, second = int(n_strains * 0.6), int(n_strains * 0.8)
    split = Split({"train": rows[:first], "val": rows[first:second], "test": rows[second:]})
    scaler = Scaler.fit(observed[split["train"]])
    return Prepared(
        genotypes=rng.choice(np.array([-1, 1], np.int8), (n_strains, n_loci)),
        phenotypes=scaler.standardise(observed).astype(np.float32),
        observed=observed,
        scaler=scaler,
        split=split,
        strains=[f"s{i}" for i in range(n_strains)],
        phenotype_names=[f"p{i}" for i in range(n_phenotypes)],
        loci=pa.table({
            "id": [f"l{i}" for i in range(n_loci)],
            "chromosome": [f"chr{1 + 2 * i // n_loci}" for i in range(n_loci)],
            "position": [1000 * (i + 1) for i in range(n_loci)],
        }),
        qc_log=[],
        panel_columns=np.arange(n_loci),
        n_panel_loci=n_loci,
    )  # fmt: skip
