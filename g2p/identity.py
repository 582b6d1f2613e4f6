"""Which run a config is: its panel, what of it is asked for, its signature and its directory."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np

from g2p.config import is_baseline
from g2p.data import load_panel
from g2p.data import split as splits
from g2p.data import transfer as transfers
from g2p.data.panel import Panel
from g2p.data.split import Split
from g2p.results.record import Record
from g2p.signature import signature
from g2p.train.device import resolve_accelerator


@dataclass(frozen=True, eq=False)
class Identity:
    """What is known of a run before anything is fitted.

    Attributes:
        record: its directory, named by its signature; it need not exist.
        sign: from another config on the same panel and phenotypes to that one's signature.
        panel: the whole panel.
        split: rows of its strains.
        wanted: the columns that were asked for.
        columns: those that the run trains on (fewer in a transfer).
        phenotypes: (N, P) what it may learn from.
        accelerator: `cpu` or `cuda`.
    """

    record: Record
    sign: Callable[..., str]
    panel: Panel
    split: Split
    wanted: list[int]
    columns: list[int]
    phenotypes: np.ndarray
    accelerator: str


def identify(config: Mapping, load: Callable = load_panel, *, elsewhere: bool = False) -> Identity:
    """The identity of a checked config.

    `load` is `load_panel`, or remembers what that gave, where many runs are identified. A run that
    will compute `elsewhere` may ask for CUDA where there is none.

    Raises:
        UserError: for a source that cannot be read, a phenotype that it does not have, or CUDA
            asked for and absent.
    """
    cache, runs = (Path(config["paths"][key]).expanduser() for key in ("cache", "runs"))
    panel, fingerprint = load(config["data"], cache)
    wanted = panel.columns(config["phenotype"])
    split = _called(splits, config["split"], panel, wanted)
    phenotypes, columns = _called(transfers, config["transfer"], panel, wanted, split)
    baseline = is_baseline(config["model"]["name"])
    accelerator = "cpu" if baseline else config["trainer"]["accelerator"]
    if accelerator == "auto" or not elsewhere:
        accelerator = resolve_accelerator(accelerator)
    sign = partial(
        signature,
        data_fingerprint=fingerprint,
        phenotypes=[panel.phenotype_names[c] for c in columns],
        accelerator=accelerator,
    )
    record = Record(runs.absolute() / sign(config))
    return Identity(record, sign, panel, split, wanted, columns, phenotypes, accelerator)


def _called(module: ModuleType, options: Mapping, *data):
    """The function of `module` that a group's choice names, called with the choice's options."""
    options = dict(options)
    return getattr(module, options.pop("name"))(*data, **options)
