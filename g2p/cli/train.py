"""`train.py`, `g2p train`: Hydra composes the config, g2p checks it and trains."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import hydra
from hydra._internal.utils import get_args_parser
from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.plugins.sweeper import Sweeper
from hydra.types import RunMode
from omegaconf import DictConfig

from g2p.cli.config_dir import take_config_dir
from g2p.cli.multirun import summarised
from g2p.config.complete import plain_config
from g2p.config.compose import compose_config, jobs, parse, refuse_repeated_keys, run_keys
from g2p.config.registry import CONF
from g2p.config.run_config import RunConfig
from g2p.config.search_path import config_folders
from g2p.config.user_files import check_chosen_files
from g2p.core.errors import OptionError, ReportedError
from g2p.core.interrupts import (
    Preempted,
    Stopped,
    prioritise_interrupts,
    stop_on_signals,
    stopped_message,
)
from g2p.core.messages import format_error, print_error, report_job_result
from g2p.core.pipes import survive_closed_pipes
from g2p.core.typed_command import typed_command
from g2p.launch.packed_launcher import PackedJob
from g2p.launch.preemption import preemptible
from g2p.launch.prepare import prepare_launcher, without_launcher_warning
from g2p.launch.search import search_overrides

if TYPE_CHECKING:
    from g2p.runs.execute import Steps


def main() -> None:
    """Train one run, or with -m one for each combination.

    Exits with 0 only if all runs succeed; a search, if it has a best trial.
    """
    survive_closed_pipes()
    stop_on_signals()
    # Hydra then raises an error instead of printing it with a traceback.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        with prioritise_interrupts(), without_launcher_warning():
            # Hydra takes flags before or after the overrides; here these may stand between them.
            folders, others = take_config_dir(sys.argv[1:])
            flags = [part for folder in folders for part in ("--config-dir", folder)]
            is_flag = {"-m", "--multirun"}
            sys.argv[1:] = [*flags, *sorted(others, key=lambda text: text not in is_flag)]
            arguments = get_args_parser().parse_args()
            planned: list[list[str]] = []
            trains = not (arguments.help or arguments.hydra_help or arguments.info)
            with config_folders(folders):
                if trains:
                    added, planned = _check(arguments)
                else:
                    overrides = parse(arguments.overrides)
                    check_chosen_files({o.key_or_group: o.value() for o in overrides})
                    name = f"hydra.help.app_name='{typed_command('train')}'"
                    added = [name] if arguments.help else []
                # Beside the other overrides, which a flag must not part.
                last = arguments.overrides[-1] if arguments.overrides else sys.argv[0]
                position = sys.argv.index(last) + 1
                sys.argv[position:position] = added
                if arguments.multirun:
                    prepare_launcher(arguments.overrides, report_job_result)
                is_multirun = arguments.multirun and trains and not arguments.cfg
                summary = summarised(arguments.overrides, planned) if is_multirun else nullcontext()
                with summary:
                    main_of_hydra = hydra.main(
                        version_base="1.3", config_path=str(CONF), config_name="config"
                    )
                    main_of_hydra(job)()
    except Stopped as stopped:
        print_error(stopped_message(stopped.number, "from the last finished epoch"))
        sys.exit(128 + stopped.number)
    except ReportedError:
        sys.exit(1)
    except Exception as error:
        print_error(format_error(error))
        sys.exit(1)


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


def job(config: DictConfig) -> TrialScore:
    """Train one run, of a single call or of a multirun."""
    from g2p.runs.run import run  # imports torch, which --help and a wrong key do not need

    hydra_config = HydraConfig.get()
    plain = plain_config(config)
    is_multirun = hydra_config.mode == RunMode.MULTIRUN
    overrides = hydra_config.overrides.task
    try:
        with preemptible(), prioritise_interrupts():
            score = TrialScore(run(plain, **_run_options(overrides, hydra_config)))
    except Preempted:
        raise
    except (Exception, SystemExit) as error:
        print_error(format_error(error))
        if is_multirun:  # Hydra counts it and starts the next job
            note_job(hydra_config.sweep.dir, hydra_config.job.num, overrides, error)
            raise ReportedError(format_error(error)) from None
        sys.exit(1)
    if is_multirun:
        note_job(hydra_config.sweep.dir, hydra_config.job.num, overrides, score)
    return score


def note_job(
    folder: str, number: int, overrides: Sequence[str], ended: TrialScore | BaseException
) -> None:
    """Note in a multirun's folder what became of a job."""
    from g2p.runs.multirun import note_failure, note_run

    if isinstance(ended, TrialScore):
        note_run(Path(folder), number, overrides, ended.folder)
    else:
        note_failure(Path(folder), number, overrides, format_error(ended))


def _run_packed(jobs: list[PackedJob], hydra_config: HydraConf) -> list[TrialScore | BaseException]:
    """Train the runs of a multirun in this process, those of one kind stacked."""
    from g2p.runs.packed_runs import run_packed

    starts = [_run_starter(job.config, _run_options(job.overrides, hydra_config)) for job in jobs]
    results = run_packed([job.config for job in jobs], starts, print)
    for each, result in zip(jobs, results, strict=True):
        note_job(hydra_config.sweep.dir, each.number, each.overrides, result)
    return results


job.run_packed = _run_packed


def _run_starter(config: RunConfig, options: Mapping) -> Callable[[bool], "Steps[TrialScore]"]:
    """Return the function by which `g2p.runs.packed_runs` starts a run."""
    from g2p.runs.lock import BusyError
    from g2p.runs.run import run_steps

    def steps(wait: bool) -> "Steps[TrialScore]":
        try:
            with prioritise_interrupts():
                return TrialScore((yield from run_steps(config, **options, wait=wait)))
        except BusyError:
            raise
        except Exception as error:
            message = format_error(error)
            print_error(message)
            raise ReportedError(message) from error

    return steps


def _run_options(overrides: Sequence[str], hydra_config: HydraConf) -> dict:
    """Return the options of a run that are not in its config."""
    is_multirun = hydra_config.mode == RunMode.MULTIRUN
    return {
        "set_by_user": run_keys(parse(overrides)),
        "group": Path(hydra_config.sweep.dir).name if is_multirun else None,
    }


def _check(arguments) -> tuple[list[str], list[list[str]]]:
    """Check the configs of all jobs.

    Returns:
        The overrides that a search adds, and those of each job; none of a search, which draws its
        jobs as it goes.
    """
    overrides = parse(arguments.overrides)
    refuse_repeated_keys(overrides)
    if not arguments.multirun and not arguments.cfg:
        for override in overrides:
            if override.is_sweep_override():
                line = override.input_line
                raise OptionError(f"{line} is several values: add -m, or quote it if it is one.")
            if override.key_or_group == "hydra/sweeper":
                raise OptionError(f"{override.input_line} has no effect without -m: add it.")
    added = search_overrides(overrides)
    planned = list(jobs(parse([*arguments.overrides, *added])))
    for job_overrides in planned:
        compose_config(job_overrides)
    # Hydra would compose all of them again, a tenth of a second each, before the first starts.
    Sweeper.validate_batch_is_legal = lambda self, batch: None
    return (added, []) if arguments.multirun and added else (added[:1], planned)
