"""Which run a config is: its panel, what of it is asked for, its signature and its directory."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np

from g2p.config.registry import is_baseline
from g2p.data import load_panel
from g2p.data import split as splits
from g2p.data import transfer as transfers
from g2p.data.panel import Panel
from g2p.data.split import Split
from g2p.hardware.device import resolve_accelerator
from g2p.runs.code_digest import code_digest
from g2p.runs.directory import SIGNATURE, RunDirectory
from g2p.runs.signature import NUMERICS_VERSION, config_part, signature


@dataclass(frozen=True, eq=False)
class ResolvedRun:
    """What is known of a run before anything is fitted.

    Attributes:
        directory: its directory, named by its signature; it need not exist.
        sign: from another config on the same panel and phenotypes to that one's signature.
        panel: the whole panel.
        draw: makes its split, once.
        wanted: the columns that were asked for.
        columns: those that the run trains on (fewer in a transfer).
        phenotypes: (N, P) what it may learn from.
        accelerator: `cpu` or `cuda`.
        provenance: what its signature covers beside the config: `data_fingerprint`,
            `numerics_version` and `code_digest`.
    """

    directory: RunDirectory
    sign: Callable[..., str]
    panel: Panel
    draw: Callable[[], Split]
    wanted: list[int]
    columns: list[int]
    phenotypes: np.ndarray
    accelerator: str
    provenance: dict

    @property
    def split(self) -> Split:
        """Rows of the strains of each part.

        Raises:
            UserError: for a split that the panel does not allow.
        """
        return self.draw()


@dataclass
class ResolveCache:
    """What many configs share: panels and splits and, of the last, what it may learn from."""

    known: dict = field(default_factory=dict)
    last: tuple = (None, None)

    def once(self, key: Hashable, call: Callable):
        if key not in self.known:
            self.known[key] = call()
        return self.known[key]

    def as_before(self, key: tuple, call: Callable):
        """For what is large: runs that share it are mostly identified one after the other."""
        if self.last[0] != key:
            self.last = key, call()
        return self.last[1]


def resolve_run(
    config: Mapping, recall: ResolveCache | None = None, *, elsewhere: bool = False
) -> ResolvedRun:
    """The identity of a checked config; `recall` is given where many are identified.

    A run that will compute `elsewhere` may ask for CUDA where there is none.

    Raises:
        UserError: for a source that cannot be read, a phenotype that it does not have, or CUDA
            asked for and absent.
    """
    recall = recall or ResolveCache()
    cache, runs = (
        recall.once(path, lambda path=path: Path(path).expanduser().absolute())
        for path in (config["paths"]["cache"], config["paths"]["runs"])
    )
    data, split_told, transfer = (repr(config[key]) for key in ("data", "split", "transfer"))
    of_panel = (data, config["paths"]["cache"])
    panel, fingerprint = recall.once(of_panel, lambda: load_panel(config["data"], cache))
    wanted = panel.columns(config["phenotype"])
    of_split = (*of_panel, split_told, *wanted)
    split = partial(_called, splits, config["split"], panel, wanted)
    draw = partial(recall.once, of_split, split)
    phenotypes, columns = recall.as_before(
        (*of_split, transfer), lambda: _called(transfers, config["transfer"], panel, wanted, draw)
    )
    asked = "cpu" if is_baseline(config["model"]["name"]) else config["trainer"]["accelerator"]
    accelerator = asked
    if asked == "auto" or not elsewhere:
        accelerator = recall.once(("on", asked), lambda: resolve_accelerator(asked))
    sign = partial(
        signature,
        data_fingerprint=fingerprint,
        phenotypes=[panel.phenotype_names[c] for c in columns],
        accelerator=accelerator,
    )
    directory = RunDirectory(runs / sign(config))
    provenance = {
        "data_fingerprint": fingerprint,
        "numerics_version": NUMERICS_VERSION,
        "code_digest": code_digest(config["model"]),
    }
    return ResolvedRun(
        directory, sign, panel, draw, wanted, columns, phenotypes, accelerator, provenance
    )


def finished_under_other_code(directories: Iterable[RunDirectory]) -> dict[str, RunDirectory]:
    """Find finished runs of the same configs and data whose code has changed since.

    Returns:
        By signature, such a run of each record that has any.
    """
    by_config: dict[tuple[Path, str], list[RunDirectory]] = {}
    directories = list(directories)
    for folder in dict.fromkeys(directory.folder.parent for directory in directories):
        for path in folder.iterdir() if folder.is_dir() else ():
            if SIGNATURE.fullmatch(path.name):  # not a copy under another name
                by_config.setdefault((folder, config_part(path.name)), []).append(
                    RunDirectory(path)
                )
    found = {}
    for directory in directories:
        alike = by_config.get((directory.folder.parent, config_part(directory.folder.name)), [])
        others = [other for other in alike if other != directory and other.finished]
        if others:
            found[directory.folder.name] = others[0]
    return found


def _called(module: ModuleType, options: Mapping, *data):
    """The function of `module` that a group's choice names, called with the choice's options."""
    options = dict(options)
    return getattr(module, options.pop("name"))(*data, **options)
