"""What benchmarks that train share: a run from its overrides, without its output."""

import contextlib
import io
from pathlib import Path

import hydra
from omegaconf import OmegaConf

from g2p.config.registry import CONF
from g2p.runs.run import run

RESULTS = Path(__file__).parent / "results"


def trained(*overrides: str) -> Path:
    """The directory of the run that `python train.py` gives with these overrides."""
    with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
        composed = hydra.compose("config", overrides=[*overrides, "logger=none"])
    with contextlib.redirect_stdout(io.StringIO()):
        return run(OmegaConf.to_container(composed, resolve=True))
