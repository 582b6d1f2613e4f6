"""A study's points as runs: composed, checked, identified, each once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from g2p.config.compose import compose_config, overridden_keys
from g2p.config.override_text import format_override
from g2p.config.registry import is_group
from g2p.config.run_config import RunConfig
from g2p.config.schema import check
from g2p.config.search_path import folders_state
from g2p.core.errors import G2PError, OptionError
from g2p.core.formatting import format_factors
from g2p.core.phrases import listed
from g2p.data import load_panel
from g2p.data.panel import Panel
from g2p.data.split import Split
from g2p.runs.directory import RunDirectory
from g2p.runs.resolve import ResolveCache, resolve_run
from g2p.stats.comparison import text_of
from g2p.study.design import Point, Study


@dataclass(frozen=True, eq=False)
class StudyRun:
    """One run of a study, finished or not: its config, its data and where it stands in the study.

    It is what a study plans to train. A `g2p.runs.resolve.ResolvedRun` is one config's identity
    and data without a study, a `RunDirectory` the files of a run, and a `RunRow` of a report a run
    as the results table has it.

    Attributes:
        directory: its run directory.
        point_factors: factor -> label or value, of each of the study's points that are this run;
            of points that differ in seed or phenotypes alone the first, since the run's rows have
            their own columns for these.
        point_overrides: the point's overrides, without those that the user's replace.
        user_overrides: the user's, as on the command line.
        config: resolved.
        phenotypes: names of those it predicts.
        panel: that it learns from.
        make_split: makes its split.
        target: of a transfer, the phenotype that it is about; None otherwise.
    """

    directory: RunDirectory
    point_factors: list[dict]
    point_overrides: dict
    user_overrides: list[str]
    config: RunConfig
    phenotypes: list[str]
    panel: Panel
    make_split: Callable[[], Split]
    target: str | None = None

    @property
    def factors(self) -> dict:
        """Factor -> label or value, of the first point that is this run."""
        return self.point_factors[0]

    @property
    def signature(self) -> str:
        return self.directory.folder.name

    @property
    def n_train(self) -> int:
        """How many strains it trains on."""
        return len(self.make_split()["train"])

    @property
    def overrides(self) -> list[str]:
        """All its overrides, as on the command line."""
        return [*format_overrides(self.point_overrides), *self.user_overrides]


def resolve(study: Study, user_overrides: list[str], *, make_splits: bool = True) -> list[StudyRun]:
    """Return the study's runs; points that turn out to be the same run give one.

    Args:
        study: as planned.
        user_overrides: of every run.
        make_splits: split every panel, to check that this is possible; not for finished runs.

    Raises:
        OptionError: for a wrong override, naming the point that has it.
    """
    cached = ResolveCache()
    user_keys = set(overridden_keys(user_overrides))
    runs: dict[str, StudyRun] = {}
    for point in study.points:
        config, point_overrides = _config(point, tuple(user_overrides), user_keys)
        try:
            check(config)
            resolved = resolve_run(config, cached, on_another_machine=True)
            if make_splits:
                resolved.make_split()
        except G2PError as error:
            raise OptionError(
                f"study={study.name}, {format_factors(point.factors)}: {error}"
            ) from None
        names = [resolved.panel.phenotype_names[c] for c in resolved.columns]
        run = StudyRun(
            resolved.directory, [point.factors], point_overrides, user_overrides, config, names,
            resolved.panel, make_split=resolved.make_split,
            target=resolved.target,
        )  # fmt: skip
        first = runs.setdefault(run.signature, run)
        if _settings(point.factors) not in map(_settings, first.point_factors):
            first.point_factors.append(point.factors)
    _check_compared(study, list(runs.values()))
    return list(runs.values())


def _settings(factors: Mapping) -> dict:
    """The factors without phenotypes and seed."""
    return {name: value for name, value in factors.items() if name not in ("phenotypes", "seed")}


def _check_compared(study: Study, runs: list[StudyRun]) -> None:
    """Refuse, before hours of training, a comparison of a label that no run has."""
    points = [factors for run in runs for factors in run.point_factors]
    for comparison in study.comparisons:
        factor = comparison.arm
        labels = dict.fromkeys(factors[factor] for factors in points)
        for label in comparison.weights:
            if label not in labels:
                raise OptionError(
                    f"study={study.name} compares {factor}={text_of(comparison.a)} with "
                    f"{text_of(comparison.b)}, but no run has {text_of(label)}; the runs have "
                    f"{listed(map(text_of, labels))}."
                )


def phenotypes_of(user_overrides: list[str], common: Mapping) -> list[str]:
    """The phenotypes of the panel that these overrides name, the study's of every run and the
    user's.
    """
    user_keys = set(overridden_keys(user_overrides))
    data_overrides = {
        key: value for key, value in common.items()
        if key.partition(".")[0] == "data" and key not in user_keys
    }  # fmt: skip
    config = compose_config([*format_overrides(data_overrides), *user_overrides], of_many=True)
    panel, _ = load_panel(config.data, Path(config.paths.cache).expanduser())
    return panel.phenotype_names


def _config(
    point: Point, user_overrides: tuple[str, ...], user_keys: set[str]
) -> tuple[RunConfig, dict]:
    """A point's config, and its overrides without those that the user's replace."""
    overrides = {key: value for key, value in point.overrides.items() if key not in user_keys}
    groups = tuple(f"{key}={value}" for key, value in overrides.items() if is_group(key))
    # Composing takes a twentieth of a second, and most points differ in values alone.
    config = _composed((*groups, *user_overrides), folders_state())
    values = {key: value for key, value in overrides.items() if not is_group(key)}
    return config.with_values(values), overrides


@cache
def _composed(overrides: tuple[str, ...], _state: tuple) -> RunConfig:
    return compose_config(list(overrides), of_many=True)


def format_overrides(overrides: Mapping) -> list[str]:
    """Overrides as on the command line, groups first: the values are of their choices."""
    groups = [f"{key}={value}" for key, value in overrides.items() if is_group(key)]
    values = [(key, value) for key, value in overrides.items() if not is_group(key)]
    return [*groups, *(format_override(key, value) for key, value in values)]
