"""The run that a config means: its panel, its phenotypes, its signature and its directory."""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from g2p.config.code_digest import code_digest
from g2p.config.run_config import RunConfig, Section
from g2p.data import load_panel
from g2p.data import transfer as transfers
from g2p.data.panel import Panel
from g2p.data.split import Split
from g2p.data.user_split import make_split_of
from g2p.hardware.device import resolve_accelerator
from g2p.runs.directory import SIGNATURE, RunDirectory
from g2p.runs.signature import NUMERICS_VERSION, config_part, signature


@dataclass(frozen=True, eq=False)
class ResolvedRun:
    """A run of a config before anything is fitted, with all that its training starts from.

    It is made from a config, whether or not the run was ever trained. `RunDirectory` is only the
    files of a run, `g2p.runs.index.StoredRun` a row in the list of stored runs, read back from such
    files, and `g2p.study.expand.StudyRun` a run with its place in a study.

    Attributes:
        directory: its directory, named by its signature; it need not exist.
        signature_of: maps another config on the same panel and phenotypes to its signature.
        panel: the whole panel.
        make_split: makes its split, once.
        requested_columns: of the phenotypes that the config names.
        columns: of the phenotypes that the run trains on (fewer in a transfer).
        phenotypes: (N, P) what it may learn from.
        target: of a transfer, the name of the phenotype that it is about; else None.
        accelerator: `cpu` or `cuda`.
        provenance: what its signature covers beside the config: `data_fingerprint`,
            `numerics_version` and `code_digest`.
    """

    directory: RunDirectory
    signature_of: Callable[..., str]
    panel: Panel
    make_split: Callable[[], Split]
    requested_columns: list[int]
    columns: list[int]
    phenotypes: np.ndarray
    target: str | None
    accelerator: str
    provenance: dict

    @property
    def split(self) -> Split:
        """Return the rows of the strains of each subset.

        Raises:
            G2PError: for a split that the panel does not allow.
        """
        return self.make_split()


@dataclass
class ResolveCache:
    """Panels and splits that many configs share and, of the last config, its phenotypes."""

    cached: dict = field(default_factory=dict)
    last: tuple = (None, None)

    def once(self, key: Hashable, call: Callable):
        """Return what `call` returns, called once for each key."""
        if key not in self.cached:
            self.cached[key] = call()
        return self.cached[key]

    def once_in_a_row(self, key: tuple, call: Callable):
        """The same for large values: only the last is cached, for runs that share it in a row."""
        if self.last[0] != key:
            self.last = key, call()
        return self.last[1]


def resolve_run(
    config: RunConfig, shared: ResolveCache | None = None, *, on_another_machine: bool = False
) -> ResolvedRun:
    """Resolve a checked config to its run.

    Args:
        config: of the run.
        shared: a cache, where many configs are resolved.
        on_another_machine: whether the run may compute on a machine with CUDA that this one lacks.

    Raises:
        G2PError: for a source that cannot be read, a phenotype that it does not have, or CUDA
            where there is none.
    """
    shared = shared or ResolveCache()
    cache, runs = (
        shared.once(path, lambda path=path: Path(path).expanduser().absolute())
        for path in (config.paths.cache, config.paths.runs)
    )
    data, split_options, transfer = (
        repr(section) for section in (config.data, config.split, config.transfer)
    )
    panel_key = (data, config.paths.cache)
    panel, fingerprint = shared.once(panel_key, lambda: load_panel(config.data, cache))
    requested = panel.columns(config.phenotype)
    split_key = (*panel_key, split_options, *requested)
    split = partial(make_split_of, config.split, panel, requested)
    make_split = partial(shared.once, split_key, split)
    phenotypes, columns = shared.once_in_a_row(
        (*split_key, transfer),
        lambda: getattr(transfers, config.transfer.name)(
            panel, requested, make_split, **config.transfer.options
        ),
    )
    option = config.trainer.accelerator if config.model.is_trained else "cpu"
    accelerator = option
    if option == "auto" or not on_another_machine:
        accelerator = shared.once(("on", option), lambda: resolve_accelerator(option))
    signature_of = partial(
        signature,
        data_fingerprint=fingerprint,
        phenotypes=[panel.phenotype_names[c] for c in columns],
        accelerator=accelerator,
    )
    directory = RunDirectory(runs / signature_of(config))
    provenance = {
        "data_fingerprint": fingerprint,
        "numerics_version": NUMERICS_VERSION,
        "code_digest": code_digest(config.model),
    }
    return ResolvedRun(
        directory,
        signature_of,
        panel,
        make_split,
        requested,
        columns,
        phenotypes,
        _target(config.transfer, panel),
        accelerator,
        provenance,
    )


def _target(transfer: Section, panel: Panel) -> str | None:
    """Return the name, aliases resolved, of the phenotype that a transfer is about."""
    if transfer.name != "target":
        return None
    (column,) = panel.columns(transfer.target, "transfer.target")
    return panel.phenotype_names[column]


def finished_under_other_code(directories: Iterable[RunDirectory]) -> dict[str, RunDirectory]:
    """Find finished runs of the same configs and data whose code has changed since.

    Returns:
        Signature -> such a run, of each directory that has any.
    """
    by_config: dict[tuple[Path, str], list[RunDirectory]] = {}
    directories = list(directories)
    for folder in dict.fromkeys(directory.folder.parent for directory in directories):
        for path in folder.iterdir() if folder.is_dir() else ():
            if SIGNATURE.fullmatch(path.name):  # not a copy under another name
                by_config.setdefault((folder, config_part(path.name)), []).append(
                    RunDirectory(path)
                )
    earlier = {}
    for directory in directories:
        alike = by_config.get((directory.folder.parent, config_part(directory.folder.name)), [])
        others = [other for other in alike if other != directory and other.finished]
        if others:
            earlier[directory.folder.name] = others[0]
    return earlier
