"""The job of `train.py`: what Hydra, or its launcher in another process, calls with a config."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from g2p.config.complete import plain_config
from g2p.config.compose import parse, run_keys
from g2p.config.run_config import RunConfig
from g2p.config.schema import check
from g2p.core.console import Console
from g2p.core.errors import ReportedError
from g2p.core.interrupts import Preempted, prioritise_interrupts
from g2p.core.messages import format_error, print_error
from g2p.launch.packed_job import PackedJob
from g2p.launch.preemption import preemptible
from g2p.tracking.group import Group

if TYPE_CHECKING:
    from g2p.runs.execute import TrainingRun


class TrialScore(float):
    """A run's mean validation R2, which a search maximises, with the run's directory."""

    folder: Path

    def __new__(cls, folder: Path):
        from g2p.runs.directory import RunDirectory

        r2 = RunDirectory(folder).metrics()["val"]["r2_mean"]
        score = super().__new__(cls, "nan" if r2 is None else r2)
        score.folder = folder
        return score

    def __reduce__(self):
        return type(self), (self.folder,)


class TrainingJob:
    """Trains one run of a call or a multirun, or several packed ones."""

    def __call__(self, config: DictConfig) -> TrialScore:
        from g2p.runs.run import run  # imports torch, which --help and a wrong key do not need

        hydra_config = HydraConfig.get()
        plain = plain_config(config)
        is_multirun = hydra_config.mode == RunMode.MULTIRUN
        overrides = hydra_config.overrides.task
        group = Path(hydra_config.sweep.dir).name if is_multirun else None
        try:
            with preemptible(), prioritise_interrupts():
                folder = run(plain, set_by_user=run_keys(parse(overrides)), group=group)
                score = TrialScore(folder)
        except Preempted:
            raise
        except (Exception, SystemExit) as error:
            print_error(format_error(error))
            if is_multirun:  # Hydra counts it and starts the next job
                _note(hydra_config.sweep.dir, hydra_config.job.num, overrides, error)
                raise ReportedError(format_error(error)) from None
            sys.exit(1)
        if is_multirun:
            _note(hydra_config.sweep.dir, hydra_config.job.num, overrides, score)
        return score

    def run_packed(
        self, jobs: list[PackedJob], hydra_config: HydraConf
    ) -> list[TrialScore | BaseException]:
        """Train the runs of a multirun in this process, those of one kind stacked."""
        from g2p.runs.packed_runs import run_packed

        group = Group(Path(hydra_config.sweep.dir).name)
        trials = [PackedTrial(job.config, job.overrides, group) for job in jobs]
        errors = run_packed([job.config for job in jobs], [trial.open for trial in trials], print)
        results = [
            trial.score if error is None else error
            for trial, error in zip(trials, errors, strict=True)
        ]
        for each, result in zip(jobs, results, strict=True):
            _note(hydra_config.sweep.dir, each.number, each.overrides, result)
        return results


class PackedTrial:
    """One of several runs that are packed.

    Attributes:
        score: of the run, once it is finished.
    """

    score: TrialScore

    def __init__(self, config: RunConfig, overrides: Sequence[str], group: Group):
        self.config, self.overrides, self.group = config, overrides, group

    @contextmanager
    def open(self, wait: bool) -> "Iterator[TrainingRun | None]":
        """Open the run for its fit (see `g2p.runs.run.open_run`); print its result at the end.

        Raises:
            ReportedError: for what was printed.
        """
        from g2p.runs.lock import BusyError
        from g2p.runs.resolve import resolve_run
        from g2p.runs.run import open_run, print_result

        console = Console()
        try:
            with prioritise_interrupts():
                check(self.config, run_keys(parse(self.overrides)))
                resolved = resolve_run(self.config)
                with open_run(self.config, resolved, self.group, console, wait) as training:
                    yield training
                print_result(resolved.directory, console)
                self.score = TrialScore(resolved.directory.folder)
        except BusyError:
            raise
        except Exception as error:
            message = format_error(error)
            print_error(message)
            raise ReportedError(message) from error


def _note(
    folder: str, number: int, overrides: Sequence[str], ended: TrialScore | BaseException
) -> None:
    """Note in a multirun's folder what became of a job."""
    from g2p.runs.multirun import write_note

    if isinstance(ended, TrialScore):
        write_note(Path(folder), number, overrides, run=str(ended.folder))
    else:
        write_note(Path(folder), number, overrides, error=format_error(ended))
