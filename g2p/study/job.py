"""One run of a study as a launcher's job: its status is recorded, a failure affects no other."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from hydra.conf import HydraConf
from omegaconf import DictConfig

from g2p.config.complete import plain_config
from g2p.config.run_config import RunConfig
from g2p.core.console import Console
from g2p.core.errors import ReportedError, RunError
from g2p.core.interrupts import Preempted, Stopped, prioritise_interrupts
from g2p.core.messages import format_error
from g2p.launch.packed_job import PackedJob
from g2p.launch.preemption import preemptible
from g2p.runs.directory import RunDirectory
from g2p.runs.execute import TrainingRun
from g2p.runs.lock import BusyError
from g2p.runs.packed_runs import run_packed
from g2p.runs.resolve import ResolvedRun, resolve_run
from g2p.runs.run import open_run
from g2p.runs.status import record_failure
from g2p.study.ledger import Ledger, study_status
from g2p.tracking.group import Group
from g2p.training.fit import fit_model


@dataclass(frozen=True)
class Job:
    """What a launcher calls with a run's config, in this process or in another.

    Attributes:
        folder: of the study.
        group: the study, for the tracker.
        signatures: by the job's number.
        retry: whether runs that failed before are tried again.
        factors: signature -> factor -> label or value, for the tracker.
        search_path: where Python imports from in the process that launches, which may have a user's
            code that another does not see.
    """

    folder: Path
    group: Group
    signatures: tuple[str, ...]
    retry: bool
    factors: Mapping[str, dict] = field(default_factory=dict)
    search_path: tuple[str, ...] = field(default_factory=lambda: tuple(sys.path))

    def __call__(self, config: DictConfig) -> None:
        from hydra.core.hydra_config import HydraConfig

        sys.path += [path for path in self.search_path if path not in sys.path]
        plain = plain_config(config)
        with preemptible():
            self.train(self.signatures[int(HydraConfig.get().job.num)], plain)

    def train(self, signature: str, config: Mapping) -> None:
        """Train one run unless it is done; an error becomes its status."""
        with suppress(ReportedError), self.open(signature, config) as training:
            if training is not None:
                training.finish(fit_model(*training.request))

    def run_packed(self, jobs: list[PackedJob], hydra_config: HydraConf) -> list:
        """Train several in one process, as many at once as can be packed."""
        opens = [partial(self.open, self.signatures[job.number], job.config) for job in jobs]
        return run_packed([job.config for job in jobs], opens, print)

    @contextmanager
    def open(
        self, signature: str, config: Mapping, wait: bool = True
    ) -> Iterator[TrainingRun | None]:
        """Open the run for its fit; None where it is done, or failed before and is not retried.

        Whatever ends the training writes the run's status (`g2p.runs.status.recorded`); what
        prevents it from beginning is written here.

        Raises:
            ReportedError: for an error that is the run's status now.
        """
        config = RunConfig.of(config)
        ledger = Ledger(self.folder)
        directory = RunDirectory(Path(config.paths.runs).expanduser().absolute() / signature)
        state = study_status(directory).state
        if state == "done" or (state == "failed" and not self.retry):
            yield None
            return
        ledger.write(signature, "begun")
        group = replace(self.group, factors=self.factors.get(signature, {}))
        log = self.folder / "logs" / f"{signature}.txt"
        log.parent.mkdir(parents=True, exist_ok=True)
        try:
            with prioritise_interrupts(), log.open("a") as file:
                run = _resolve_planned(signature, config)
                console = Console(file=file, width=100)
                with open_run(config, run, group, console, wait) as training:
                    yield training
        except BusyError:
            raise  # the other process records the outcome
        except (Stopped, KeyboardInterrupt, Preempted):
            ledger.write(signature, "ended")
            raise
        except (Exception, SystemExit) as error:  # whichever: it does not affect the others
            record_failure(directory, config, error)
            ledger.write(signature, "ended")
            raise ReportedError(format_error(error)) from error
        ledger.write(signature, "ended")


def _resolve_planned(signature: str, config: RunConfig) -> ResolvedRun:
    """Resolve the run of a config.

    Raises:
        RunError: where on this machine the config gives another run than was planned.
    """
    run = resolve_run(config)
    if run.directory.folder.name != signature:
        raise RunError(
            "the study was planned with other code or data, or on a machine with another "
            f"accelerator; here the run computes on {run.accelerator}. Set trainer=gpu or "
            "trainer=cpu, and use the same data and the same code on both machines."
        )
    return run
