"""A study's points as runs: composed, checked, identified, each once."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from g2p.config.compose import compose_config, overridden_keys
from g2p.config.registry import CONF
from g2p.config.schema import check
from g2p.core.errors import UserError, listed
from g2p.data import load_panel
from g2p.data.panel import Panel
from g2p.data.split import Split
from g2p.runs.directory import RunDirectory
from g2p.runs.resolve import ResolveCache, resolve_run
from g2p.stats.comparison import text_of
from g2p.study.design import Point, Study


@dataclass(frozen=True, eq=False)
class StudyRun:
    """One run of a study.

    Attributes:
        directory: its directory.
        places: factor -> label or value, of the points that are this run; of those that differ in
            seed or phenotypes alone the first, since its rows say of these what is so.
        own: the point's overrides, those left out that the user's replace.
        asked: the user's, as words.
        config: resolved, as plain dicts.
        phenotypes: names of those it predicts.
        n_loci: of its panel, before thinning.
        draw: makes its split.
        target: of a transfer, the phenotype that it is about; None otherwise.
    """

    directory: RunDirectory
    places: list[dict]
    own: dict
    asked: list[str]
    config: dict
    phenotypes: list[str]
    n_loci: int
    draw: Callable[[], Split]
    target: str | None = None

    @property
    def factors(self) -> dict:
        """Where it stands first."""
        return self.places[0]

    @property
    def signature(self) -> str:
        return self.directory.folder.name

    @property
    def n_train(self) -> int:
        """How many strains it trains on."""
        return len(self.draw()["train"])

    @property
    def words(self) -> list[str]:
        """Its overrides, as one would type them."""
        return [*_words(self.own), *self.asked]


def resolve(study: Study, words: list[str], *, draw: bool = True) -> list[StudyRun]:
    """The study's runs, those that turn out the same once.

    Args:
        study: as planned.
        words: override every run.
        draw: split every panel, to see that it can be; what is trained already need not wait.

    Raises:
        UserError: for an override that is wrong, naming the point that has it.
    """
    recall = ResolveCache()
    told = set(overridden_keys(words))
    runs: dict[str, StudyRun] = {}
    for point in study.points:
        config, own = _config(point, tuple(words), told)
        try:
            check(config)
            known = resolve_run(config, recall, on_another_machine=True)
            if draw:
                known.make_split()
        except UserError as error:
            raise UserError(f"study={study.name}, {_where(point)}: {error}") from None
        names = [known.panel.phenotype_names[c] for c in known.columns]
        run = StudyRun(
            known.directory, [point.factors], own, words, config, names,
            n_loci=len(known.panel.loci), draw=known.make_split,
            target=_target(config, known.panel),
        )  # fmt: skip
        first = runs.setdefault(run.signature, run)
        if _told_apart(point.factors) not in map(_told_apart, first.places):
            first.places.append(point.factors)
    _check_compared(study, list(runs.values()))
    return list(runs.values())


def _target(config: Mapping, panel: Panel) -> str | None:
    """The name, aliases resolved, of the phenotype that a transfer is about."""
    if config["transfer"]["name"] != "target":
        return None
    (column,) = panel.columns(config["transfer"]["target"])
    return panel.phenotype_names[column]


def _told_apart(factors: Mapping) -> dict:
    return {name: value for name, value in factors.items() if name not in ("phenotypes", "seed")}


def _check_compared(study: Study, runs: list[StudyRun]) -> None:
    """Refuse, before hours of training, a comparison of what no run is left of."""
    left: dict[str, dict] = {}
    for comparison in study.comparisons:
        factor = comparison.arm
        if factor not in left:
            left[factor] = dict.fromkeys(place[factor] for run in runs for place in run.places)
        there = left[factor]
        for label in comparison.weights:
            if label not in there:
                raise UserError(
                    f"study={study.name} compares {factor}={text_of(comparison.a)} with "
                    f"{text_of(comparison.b)}, but of {text_of(label)} no run is left; there are "
                    f"{listed(map(text_of, there))}."
                )


def phenotypes_of(words: list[str], common: Mapping) -> list[str]:
    """The phenotypes of the panel that a study's overrides of every run name, and these words."""
    told = set(overridden_keys(words))
    of_data = {
        key: value for key, value in common.items()
        if key.partition(".")[0] == "data" and key not in told
    }  # fmt: skip
    config = compose_config([*_words(of_data), *words], of_many=True)
    panel, _ = load_panel(config["data"], Path(config["paths"]["cache"]).expanduser())
    return panel.phenotype_names


def _config(point: Point, words: tuple[str, ...], told: set[str]) -> tuple[dict, dict]:
    """A point's config, and its own overrides: the user's words win over those."""
    own = {key: value for key, value in point.overrides.items() if key not in told}
    groups = tuple(f"{key}={value}" for key, value in own.items() if _is_group(key))
    # Composing takes a twentieth of a second, and most points differ in values alone.
    config = _composed((*groups, *words))
    for key, value in own.items():
        if not _is_group(key):
            config = _with(config, key.split("."), value)
    return config, own


def _words(own: Mapping) -> list[str]:
    """A point's overrides as words, groups first: the values are of their choices."""
    groups = [f"{key}={value}" for key, value in own.items() if _is_group(key)]
    return [*groups, *(word(key, value) for key, value in own.items() if not _is_group(key))]


@cache
def _is_group(key: str) -> bool:
    return (CONF / key).is_dir()


@cache
def _composed(words: tuple[str, ...]) -> dict:
    return compose_config(list(words), of_many=True)


def _with(config: Mapping, path: list[str], value) -> dict:
    """The config with one value changed; what is not on the way to it is shared, not copied."""
    key, *below = path
    inner = config.get(key)
    if below:
        value = _with(inner if isinstance(inner, Mapping) else {}, below, value)
    return {**config, key: value}


def word(key: str, value) -> str:
    """`key=value` as Hydra's command line has it."""
    return f"{key}={_written(value)}"


def _written(value) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list):
        return f"[{','.join(map(_written, value))}]"
    if isinstance(value, str):
        # Backslashes count as such unless a quote follows them.
        return "'" + re.sub(r"(\\*)('|$)", _escaped, value) + "'"
    return str(value)


def _escaped(found: re.Match) -> str:
    return found[1] * 2 + ("\\'" if found[2] else "")


def _where(point: Point) -> str:
    return ", ".join(f"{key}={value}" for key, value in point.factors.items())
