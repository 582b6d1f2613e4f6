"""One run of a study as a launcher's job: its status is written down, its failure stays its own."""

from dataclasses import dataclass
from pathlib import Path

from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from g2p.cli import Stopped, message
from g2p.errors import UserError
from g2p.identity import identify
from g2p.launchers.leaving import Leaving, leaving
from g2p.results.record import Record
from g2p.run import obtain
from g2p.study.ledger import Ledger, status


@dataclass(frozen=True)
class Job:
    """What a launcher calls with a run's config, in this process or in another.

    Attributes:
        folder: of the study.
        group: name of the study, for the tracker.
        signatures: by the job's number.
        retry: whether a run that failed before is tried again.
    """

    folder: Path
    group: str
    signatures: tuple[str, ...]
    retry: bool

    def __call__(self, config: DictConfig) -> None:
        from hydra.core.hydra_config import HydraConfig

        signature = self.signatures[int(HydraConfig.get().job.num)]
        plain = OmegaConf.to_container(config, resolve=True)
        self.run(signature, plain)

    def run(self, signature: str, config: dict) -> None:
        """Train the run unless another process does; whatever it raises becomes its status."""
        ledger = Ledger(self.folder)
        record = Record(Path(config["paths"]["runs"]).expanduser().absolute() / signature)
        now = status(record, ledger.entries().get(signature))
        if now == "done" or (now == "failed" and not self.retry):
            return
        ledger.write(signature, "running")
        log = self.folder / "logs" / f"{signature}.txt"
        log.parent.mkdir(parents=True, exist_ok=True)
        try:
            _check_signature(signature, config)
            with leaving(), log.open("a") as file:
                obtain(config, self.group, Console(file=file, width=100))
        except (Stopped, KeyboardInterrupt, Leaving):
            ledger.write(signature, "pending")
            raise
        except (Exception, SystemExit) as error:  # whichever: it costs this run only
            ledger.write(signature, "failed", message(error))
        else:
            ledger.write(signature, "done")


def _check_signature(signature: str, config: dict) -> None:
    """Raises UserError where this machine takes the config for another run than was planned."""
    known = identify(config)
    if known.record.folder.name != signature:
        raise UserError(
            f"the study was planned on a machine that differs from this one, on which the run "
            f"computes on {known.accelerator}: say trainer=gpu or trainer=cpu, and let both have "
            "the same data."
        )
