"""A run from its overrides, without its output, for benchmarks that train."""

import contextlib
import io
from pathlib import Path

import hydra
from omegaconf import OmegaConf

from g2p.config.registry import CONF
from g2p.runs.run import run

RESULTS = Path(__file__).parent / "results"


def train_run(*overrides: str) -> Path:
    """Train the run of these overrides as `python train.py` does; return its directory."""
    with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
        composed = hydra.compose("config", overrides=[*overrides, "logger=none"])
    with contextlib.redirect_stdout(io.StringIO()):
        return run(OmegaConf.to_container(composed, resolve=True))
