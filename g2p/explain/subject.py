"""What is explained: a finished run's model, and the data that it was fitted on, loaded again."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from g2p.config.registry import prepare_options
from g2p.config.run_config import RunConfig, Section
from g2p.core.errors import OptionError, RunError
from g2p.core.phrases import listed, nearest
from g2p.core.typed_command import typed_command
from g2p.data.panel import Panel
from g2p.data.preprocess import Prepared, only_subset
from g2p.runs.directory import RunDirectory
from g2p.runs.load import RestoredModel, restore
from g2p.runs.prepared_data import prepared_data
from g2p.runs.resolve import resolve_run


@dataclass(frozen=True, eq=False)
class Subject:
    """A run's model and its data.

    Attributes:
        directory: of the run.
        config: of the run, with the `data` and `paths` of this machine.
        model: restored.
        panel: the whole panel.
        data: as the model saw it.
        columns: (P,), of the model's phenotypes, that are explained.
        code: packages of a user's own that its model may be imported from.
    """

    directory: RunDirectory
    config: RunConfig
    model: RestoredModel
    panel: Panel
    data: Prepared
    columns: np.ndarray
    code: tuple[str, ...]

    @property
    def phenotypes(self) -> list[str]:
        return [self.data.phenotype_names[c] for c in self.columns]

    @property
    def loci(self) -> list[str]:
        return self.data.loci["id"].to_pylist()

    @cached_property
    def chromosomes(self) -> list[str]:
        return self.data.loci["chromosome"].to_pylist()

    @property
    def variance(self) -> np.ndarray:
        """(P,), of the training strains' phenotypes, original units."""
        return self.data.scaler.sd[self.columns] ** 2

    @property
    def test(self) -> tuple[np.ndarray, np.ndarray]:
        """Genotypes (n, L) and phenotypes (n, P) of the test strains, original units, NaN gaps.

        The effects of covariates are taken out of the phenotypes.
        """
        rows = self.data.split["test"]
        observed = only_subset(self.data.observed, self.data.split, "test")[rows]
        fixed = self.data.fixed("test")
        left = observed if fixed is None else observed - fixed * self.data.scaler.sd
        return self.data.genotypes[rows], left[:, self.columns]

    def predict(self, genotypes: np.ndarray) -> np.ndarray:
        """Return predictions (n, P) of genotypes (n, L), original units."""
        sd, mean = (values[self.columns] for values in (self.model.sd, self.model.mean))
        return self.model.predict(genotypes)[:, self.columns] * sd + mean

    def locus_numbers(self, names: Sequence[str]) -> np.ndarray:
        """Return the numbers of loci, in genome order.

        Raises:
            OptionError: for a locus that the model does not have.
        """
        number = {name: i for i, name in enumerate(self.loci)}
        if unknown := [name for name in names if name not in number]:
            pruned = set(self.panel.loci["id"].to_pylist()) & set(unknown)
            why = " LD pruning or quality control removed it." if pruned else ""
            raise OptionError(
                f"loci: the model has no locus {listed(unknown, 5)}.{why}"
                f"{nearest(unknown[0], number)} It has {len(number)}, such as "
                f"{listed(number, 3)}."
            )
        return np.unique([number[name] for name in names])


def load_subject(
    directory: RunDirectory, *, phenotypes: str | list[str], accelerator: str,
    code: Sequence[str] = (), data: Section | None = None, cache: str | None = None,
) -> Subject:  # fmt: skip
    """Load a run's model and its data.

    Args:
        directory: of a finished run.
        phenotypes: a name, names, or "all".
        accelerator: `auto`, `cpu` or `cuda`, for the model.
        code: packages of a user's own that its model may be imported from.
        data: the source of its panel, where that is not where the run read it.
        cache: the folder of stored panels, likewise.

    Raises:
        RunError: when the run is not finished, has no checkpoint, or its data has changed.
        G2PError: when its panel cannot be read.
    """
    model = restore(directory, accelerator, code)
    config = directory.config()
    if data is not None:
        chosen = {key: config.data[key] for key in prepare_options() if key in config.data}
        config = config.replace(data={**data, **chosen})
    if cache is not None:
        config = config.with_values({"paths.cache": cache})
    resolved = resolve_run(config, on_another_machine=True)
    recorded = directory.environment().get("data_fingerprint")
    if recorded not in (None, resolved.provenance["data_fingerprint"]):
        raise RunError(
            f"the data of {directory.folder} has changed since it was trained, or data.* names "
            f"other data. Restore it, or train again: {typed_command('train')} ..."
        )
    prepared = prepared_data(config, resolved)
    if prepared.loci["id"].to_pylist() != model.loci["id"]:
        raise RunError(
            f"{directory.folder} was trained on other loci than this version chooses from its "
            "panel. Train it again."
        )
    names = prepared.phenotype_names
    panel = resolved.panel
    wanted = [panel.phenotype_names[c] for c in panel.columns(phenotypes)]
    if absent := [name for name in wanted if name not in names and phenotypes != "all"]:
        raise OptionError(
            f"phenotype: the run does not predict {listed(absent)}. It predicts {listed(names)}."
        )
    columns = np.array([i for i, name in enumerate(names) if name in wanted])
    return Subject(directory, config, model, panel, prepared, columns, tuple(code))
