"""A study as it will run here: its spec, its runs, and where their results lie."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from g2p.config.compose import overridden_values
from g2p.core.errors import OptionError
from g2p.core.typed_command import typed_command
from g2p.study.collect import COLUMNS
from g2p.study.design import Study, load_study
from g2p.study.expand import StudyRun, phenotypes_of, resolve
from g2p.study.ledger import study_status
from g2p.study.parts import Parts
from g2p.study.tuning import needed_runs


@dataclass(frozen=True)
class ResolvedStudy:
    """What planning, training, collecting and publishing a study need of it.

    Attributes:
        study: its spec.
        every_run: all runs that the study may need: where the first seed chooses a value for the
            others, every candidate in every seed.
        parts: results of runs that are finished elsewhere.
        overrides: of every run, as on the command line, Hydra's own among them.
        arguments: of the command that names the study, for its report.
        overridden: key -> value, of the user's overrides.
    """

    study: Study
    every_run: list[StudyRun]
    parts: Parts
    overrides: list[str]
    arguments: list[str]
    overridden: dict

    @property
    def title(self) -> str:
        return f"{self.study.name}-{self.study.size}"

    @cached_property
    def folder(self) -> Path:
        """The study's folder, beside that of the runs."""
        runs = self.every_run[0].directory.folder.parent
        return runs.parent / "studies" / self.title

    def needed_runs(self) -> tuple[list[StudyRun], set[str]]:
        """Return the runs that the study needs as far as it is done, and those not decided yet.

        See `g2p.study.tuning.needed_runs`.
        """
        return needed_runs(self.study, self.every_run, self.parts)

    def state(self, run: StudyRun) -> str:
        """A run's status; done where a table of another part has its results."""
        if self.parts.signature_of(run.signature):
            return "done"
        return study_status(run.directory).state


def resolve_study(
    name: str, size: str, overrides: list[str], *, seeds: Sequence[int] | None = None,
    tables: Sequence[Path] = (), make_splits: bool = True,
) -> ResolvedStudy:  # fmt: skip
    """Resolve a study to its runs.

    Args:
        name: of the study, or the path of its file.
        size: of the study.
        overrides: of every run, as on the command line, Hydra's own among them.
        seeds: of a part of the study; None: all of the spec.
        tables: results.parquet of parts that ran elsewhere, whose runs are not trained here.
        make_splits: whether each run's split is made, so that one that its panel does not allow is
            an error now.

    Raises:
        OptionError: for a study or a key that does not exist, and for force=true.
    """
    of_runs = [each for each in overrides if not each.lstrip("+~").startswith("hydra")]
    with _without_garbage_collection():
        user_values = overridden_values(of_runs)
        study = load_study(
            name, size, lambda common: phenotypes_of(of_runs, common), user_values, seeds
        )
        _check_names(study)
        runs = resolve(study, of_runs, make_splits=make_splits)
    if any(run.config.force for run in runs):
        raise OptionError(
            f"force=true is for {typed_command('train')}: a study does not train finished runs "
            "again. `g2p runs ... --prune` removes the runs that you want to train again."
        )
    part = [] if seeds is None else [f"seeds={','.join(map(str, seeds))}"]
    part += [f"tables=[{','.join(map(str, tables))}]"] if tables else []
    arguments = [f"study={name}", f"size={size}", *part, *overrides]
    return ResolvedStudy(study, runs, Parts(tables), overrides, arguments, user_values)


def _check_names(study: Study) -> None:
    """Refuse a factor whose name is already a column of the results."""
    for factor in study.points[0].factors:
        if factor in COLUMNS:
            raise OptionError(
                f"study={study.name}: a factor cannot be called {factor}, which is a column of "
                "results.parquet. Rename it, and let each of its values say which keys it sets."
            )


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Keep Python from searching for garbage in objects that all live to the end.

    The search takes a sixth of the time that 10,000 runs take to collect.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
