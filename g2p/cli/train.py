"""From the command line to run(config): Hydra composes, we check, an error is one message."""

import os
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.plugins.sweeper import Sweeper
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from g2p.config.compose import compose_config, jobs, parse, refuse_repeated_keys, run_keys
from g2p.config.registry import CONF
from g2p.core.errors import UserError
from g2p.core.interrupts import Stopped, prioritise_interrupts, stop_on_signals, stopped_message
from g2p.core.messages import format_error, print_error, report_job_result
from g2p.core.pipes import survive_closed_pipes
from g2p.core.yaml_file import read_yaml
from g2p.launch.packed_launcher import PackedJob
from g2p.launch.preemption import Preempted, preemptible
from g2p.launch.prepare import prepare_launcher
from g2p.launch.search import search_overrides


def main() -> None:
    """`train.py`: one run, or with -m one for each combination.

    Exits 0 only when all succeeded; a search, when it has found a best trial.
    """
    survive_closed_pipes()
    stop_on_signals()
    # Hydra then raises what it would print with a traceback; we print it without.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        with prioritise_interrupts():
            # Hydra takes -m before or after its overrides; we do between them, too.
            sys.argv[1:] = sorted(sys.argv[1:], key=lambda word: word not in ("-m", "--multirun"))
            arguments = get_args_parser().parse_args()
            if not (arguments.help or arguments.hydra_help or arguments.info):
                added = _checked(arguments)
                place = sys.argv.index(arguments.overrides[-1]) + 1 if added else 1
                sys.argv[place:place] = added
            if arguments.multirun:
                prepare_launcher(arguments.overrides, report_job_result)
            hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")(job)()
    except Stopped as stopped:
        print_error(stopped_message(stopped.number, "from the last finished epoch"))
        sys.exit(128 + stopped.number)
    except Exception as error:
        if not getattr(error, "is_reported", False):
            print_error(format_error(error))
        sys.exit(1)


class TrialScore(float):
    """What a run came to: its mean validation R2, which a search maximises, and its directory."""

    def __new__(cls, folder: Path):
        from g2p.runs.directory import RunDirectory

        r2 = RunDirectory(folder).metrics()["val"]["r2_mean"]
        reached = super().__new__(cls, "nan" if r2 is None else r2)
        reached.folder = folder
        return reached

    def __reduce__(self):
        return type(self), (self.folder,)


def job(config: DictConfig) -> TrialScore:
    """One run of a single call or of a multirun."""
    from g2p.runs.run import run  # torch comes with it; --help and a wrong key do not wait for that

    hydra_config = HydraConfig.get()
    plain = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    try:
        with preemptible(), prioritise_interrupts():
            return TrialScore(run(plain, **_told(hydra_config.overrides.task, hydra_config)))
    except Preempted:
        raise
    except (Exception, SystemExit) as error:
        print_error(format_error(error))
        if hydra_config.mode == RunMode.MULTIRUN:  # Hydra counts it and goes on with the next job
            failed = UserError(format_error(error))  # of a kind that reaches another process whole
            failed.is_reported = True
            raise failed from None
        sys.exit(1)


def _run_packed(jobs: list[PackedJob], hydra_config: DictConfig) -> list[object]:
    """The runs of a multirun in this one process, as many at once as go together."""
    from g2p.runs.packed_runs import run_packed

    begin = [_begin(job.config, _told(job.overrides, hydra_config)) for job in jobs]
    return run_packed([job.config for job in jobs], begin, print)


job.run_packed = _run_packed


def _begin(config: dict, told: Mapping) -> Callable[[bool], Generator]:
    """A run as `g2p.runs.packed_runs` begins it."""
    from g2p.runs.lock import BusyError
    from g2p.runs.run import run_steps

    def steps(wait: bool) -> Generator:
        try:
            with prioritise_interrupts():
                return TrialScore((yield from run_steps(config, **told, wait=wait)))
        except BusyError:
            raise
        except Exception as error:
            print_error(format_error(error))
            error.is_reported = True
            raise

    return steps


def _told(words: Sequence[str], hydra_config: DictConfig) -> dict:
    """What a run is told beside its config."""
    multirun = hydra_config.mode == RunMode.MULTIRUN
    return {
        "set_by_user": run_keys(parse(words)),
        "group": Path(hydra_config.sweep.dir).name if multirun else None,
    }


def _checked(arguments) -> list[str]:
    """Refuse what one of the command's jobs would be refused for; the words that a search adds."""
    overrides = parse(arguments.overrides)
    refuse_repeated_keys(overrides)
    if arguments.config_dir:  # whose choices and keys Hydra alone knows
        for depth in ("*.yaml", "*/*.yaml", "*/*/*.yaml"):
            for file in sorted(Path(arguments.config_dir).glob(depth)):
                read_yaml(file)  # Hydra would follow an alias to itself, and each of a billion
        return []
    if not arguments.multirun and not arguments.cfg:
        for override in overrides:
            if override.is_sweep_override():
                line = override.input_line
                raise UserError(f"{line} is several values: add -m, or quote it if it is one.")
            if override.key_or_group == "hydra/sweeper":
                raise UserError(f"{override.input_line} has no effect without -m: add it.")
    added = search_overrides(overrides)
    for words in jobs(parse([*arguments.overrides, *added])):
        compose_config(words)
    # Hydra would compose all of them once more, a tenth of a second each, before the first starts.
    Sweeper.validate_batch_is_legal = lambda self, batch: None
    return added if arguments.multirun else added[:1]
