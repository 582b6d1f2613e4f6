"""A study's points as runs: composed, checked, identified, each once."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser

from g2p.cli import composed, keys
from g2p.config import CONF, check
from g2p.data import load_panel
from g2p.errors import UserError
from g2p.identity import identify
from g2p.results.record import Record
from g2p.study.plan import Point, Study


@dataclass(frozen=True, eq=False)
class StudyRun:
    """One run of a study.

    Attributes:
        record: its directory.
        factors: factor -> label or value, of the first point that is this run.
        words: its overrides, as one would type them.
        config: resolved, as plain dicts.
        phenotypes: names of those it predicts.
        n_loci: of its panel, before thinning.
        n_train: its training strains.
    """

    record: Record
    factors: dict
    words: list[str]
    config: dict
    phenotypes: list[str]
    n_loci: int
    n_train: int

    @property
    def signature(self) -> str:
        return self.record.folder.name


def resolve(study: Study, words: list[str]) -> list[StudyRun]:
    """The study's runs, those that turn out the same once; `words` override every one of them.

    Raises:
        UserError: for an override that is wrong, naming the point that has it.
    """
    remembered = _remembering()
    told = set(keys(words))
    runs: dict[str, StudyRun] = {}
    for point in study.points:
        config, own = _config(point, tuple(words), told)
        try:
            check(config)
            known = identify(config, remembered, elsewhere=True)
        except UserError as error:
            raise UserError(f"study={study.name}, {_where(point)}: {error}") from None
        names = [known.panel.phenotype_names[c] for c in known.columns]
        run = StudyRun(
            known.record, point.factors, [*own, *words], config, names,
            n_loci=known.panel.genotypes.shape[1], n_train=len(known.split["train"]),
        )  # fmt: skip
        runs.setdefault(run.signature, run)
    return list(runs.values())


def phenotypes_of(words: list[str]) -> list[str]:
    """The phenotypes of the panel that these overrides name."""
    config = composed(words, of_many=True)
    panel, _ = load_panel(config["data"], Path(config["paths"]["cache"]).expanduser())
    return panel.phenotype_names


def _config(point: Point, words: tuple[str, ...], told: set[str]) -> tuple[dict, list[str]]:
    """A point's config, and its own overrides as words; the user's words win."""
    groups, values = [], {}
    for key, value in point.overrides.items():
        if key in told:
            continue
        if (CONF / key).is_dir():
            groups.append(f"{key}={value}")
        else:
            values[key] = value
    # Composing takes a twentieth of a second, and most points differ in values alone.
    config = json.loads(_composed((*groups, *words)))
    for key, value in values.items():
        inner = config
        *path, last = key.split(".")
        for part in path:
            inner = inner[part]
        inner[last] = value
    return config, [*groups, *(word(key, value) for key, value in values.items())]


@cache
def _composed(words: tuple[str, ...]) -> str:
    return json.dumps(composed(list(words), of_many=True))


def word(key: str, value) -> str:
    """`key=value` as Hydra's command line has it."""
    text = f"{key}={_written(value)}"
    parsed = OverridesParser.create().parse_override(text)
    assert not parsed.is_sweep_override(), text
    return text


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


def _remembering():
    """`load_panel`, each panel once."""
    panels = {}

    def load(options: Mapping, cache: Path):
        key = json.dumps([options, str(cache)], sort_keys=True)
        if key not in panels:
            panels[key] = load_panel(options, cache)
        return panels[key]

    return load


def _where(point: Point) -> str:
    return ", ".join(f"{key}={value}" for key, value in point.factors.items())
