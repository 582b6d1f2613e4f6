"""One run of a study as a launcher's job: its status is recorded, a failure affects no other."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from hydra.conf import HydraConf
from omegaconf import DictConfig

from g2p.config.complete import plain_config
from g2p.config.run_config import RunConfig
from g2p.core.console import Console
from g2p.core.errors import RunError
from g2p.core.interrupts import Preempted, Stopped, prioritise_interrupts
from g2p.launch.packed_launcher import PackedJob
from g2p.launch.preemption import preemptible
from g2p.runs.directory import RunDirectory
from g2p.runs.execute import Steps
from g2p.runs.lock import BusyError
from g2p.runs.packed_runs import run_packed
from g2p.runs.resolve import ResolvedRun, resolve_run
from g2p.runs.run import drive, obtain_steps
from g2p.runs.status import record_failure
from g2p.study.ledger import Ledger, study_status
from g2p.tracking.group import Group


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
            drive(self.steps(self.signatures[int(HydraConfig.get().job.num)], plain))

    def run_packed(self, jobs: list[PackedJob], hydra_config: HydraConf) -> list:
        """Train several in one process, as many at once as can be packed."""
        begin = [partial(self.steps, self.signatures[job.number], job.config) for job in jobs]
        return run_packed([job.config for job in jobs], begin, print)

    def steps(self, signature: str, config: Mapping, wait: bool = True) -> Steps[None]:
        """Train the run unless another process does; an error becomes its status.

        Whatever ends the training writes that (`g2p.runs.status.recorded`); what prevents it from
        beginning is written here.
        """
        config = RunConfig.of(config)
        ledger = Ledger(self.folder)
        directory = RunDirectory(Path(config.paths.runs).expanduser().absolute() / signature)
        state = study_status(directory).state
        if state == "done" or (state == "failed" and not self.retry):
            return
        ledger.write(signature, "begun")
        group = replace(self.group, factors=self.factors.get(signature, {}))
        log = self.folder / "logs" / f"{signature}.txt"
        log.parent.mkdir(parents=True, exist_ok=True)
        try:
            with prioritise_interrupts(), log.open("a") as file:
                run = _resolve_planned(signature, config)
                yield from obtain_steps(config, group, Console(file=file, width=100), wait, run)
        except BusyError:
            raise  # the other process records the outcome
        except (Stopped, KeyboardInterrupt, Preempted):
            ledger.write(signature, "ended")
            raise
        except (Exception, SystemExit) as error:  # whichever: it does not affect the others
            record_failure(directory, config, error)
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
