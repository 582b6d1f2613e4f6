"""`train.py`, `g2p train`: Hydra composes the config, g2p checks it and trains."""

import os
import sys
from contextlib import nullcontext

import hydra
from hydra._internal.utils import get_args_parser

from g2p.cli.config_dir import take_config_dir
from g2p.cli.multirun import summarised
from g2p.cli.training_job import TrainingJob
from g2p.config.compose import compose_config, jobs, parse, refuse_repeated_keys
from g2p.config.registry import CONF
from g2p.config.search_path import config_folders
from g2p.config.user_files import check_chosen_files
from g2p.core.errors import OptionError, ReportedError
from g2p.core.garbage import collect_rarely
from g2p.core.interrupts import (
    Stopped,
    prioritise_interrupts,
    stop_on_signals,
    stopped_message,
)
from g2p.core.messages import format_error, print_error
from g2p.core.pipes import survive_closed_pipes
from g2p.core.typed_command import typed_command
from g2p.launch.prepare import prepare_launcher, without_launcher_warning
from g2p.launch.search import search_overrides


def main() -> None:
    """Train one run, or with -m one for each combination.

    Exits with 0 only if all runs succeed; a search, if it has a best trial.
    """
    survive_closed_pipes()
    collect_rarely()
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
                    prepare_launcher(arguments.overrides)
                is_multirun = arguments.multirun and trains and not arguments.cfg
                summary = summarised(arguments.overrides, planned) if is_multirun else nullcontext()
                with summary:
                    main_of_hydra = hydra.main(
                        version_base="1.3", config_path=str(CONF), config_name="config"
                    )
                    main_of_hydra(TrainingJob())()
    except Stopped as stopped:
        print_error(stopped_message(stopped.number, "from the last finished epoch"))
        sys.exit(128 + stopped.number)
    except ReportedError:
        sys.exit(1)
    except Exception as error:
        print_error(format_error(error))
        sys.exit(1)


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
    if arguments.multirun and added:
        return added, []
    if arguments.multirun and not any(o.key_or_group == "hydra/sweeper" for o in overrides):
        # Here, since Hydra then looks for plugins: half a second.
        from g2p.launch.checked_sweeper import CHOICE
        from g2p.launch.hydra_plugins import register_plugins

        register_plugins()
        added = [CHOICE]
    return added[:1], planned
