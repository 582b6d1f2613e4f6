"""From the command line to run(config): Hydra composes, we check, an error is one message."""

import errno
import itertools
import math
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.plugins.sweeper import Sweeper
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from g2p.compose import alternatives, composed, parse, run_keys
from g2p.config import CONF
from g2p.errors import UserError

MOST_ENDS = 1000  # combinations of the ends of a search's ranges that are all checked


class Stopped(BaseException):
    """A signal asked the process to stop. Not an Exception: nothing goes on after it."""

    def __init__(self, number: int):
        self.number = number


def main() -> None:
    """`train.py`: one run, or with -m one for each combination. Exits 0 only when all succeeded."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    # Hydra then raises what it would print with a traceback; we print it without.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        arguments = get_args_parser().parse_args()
        if not (arguments.help or arguments.hydra_help or arguments.info or arguments.config_dir):
            sys.argv = [sys.argv[0], *_checked(arguments, sys.argv[1:])]
        hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")(_job)()
    except Stopped as stopped:
        name = signal.Signals(stopped.number).name
        say(f"stopped by {name}. The same command goes on from the last finished epoch.")
        sys.exit(128 + stopped.number)
    except Exception as error:
        if not getattr(error, "said", False):
            say(message(error))
        sys.exit(1)


def _stop(number: int, frame) -> None:
    raise Stopped(number)


def _job(config: DictConfig) -> str:
    """One run of a single call or of a multirun."""
    from g2p.run import run  # torch comes with it; --help and a wrong key do not wait for that

    hydra_config = HydraConfig.get()
    multirun = hydra_config.mode == RunMode.MULTIRUN
    try:
        folder = run(
            OmegaConf.to_container(config, resolve=True, throw_on_missing=True),
            set_by_user=run_keys(parse(hydra_config.overrides.task)),
            group=Path(hydra_config.sweep.dir).name if multirun else None,
        )
        return str(folder)
    except Exception as error:
        say(message(error))
        error.said = True
        if multirun:
            raise  # Hydra counts it as failed and goes on with the next job
        sys.exit(1)


def _checked(arguments, words: list[str]) -> list[str]:
    """The command line for Hydra, once every job that it stands for is known to be valid."""
    overrides = parse(arguments.overrides)
    sweeps = arguments.multirun
    if not sweeps:
        swept = next((o for o in overrides if o.is_sweep_override()), None)
        if swept is not None:
            raise UserError(
                f"{swept.input_line} is several values: add -m, or quote it if it is one."
            )
    for job in _jobs(overrides):
        composed(job)
    # Hydra would compose all of them once more, a tenth of a second each, before the first starts.
    Sweeper.validate_batch_is_legal = lambda self, batch: None
    return words


def _jobs(overrides: list[Override]) -> Iterator[list[str]]:
    """The overrides of each job of a multirun; of a search, those at the ends of its ranges."""
    ends = [alternatives(override) for override in overrides]
    sampled = any(o.is_sweep_override() and not o.is_discrete_sweep() for o in overrides)
    if sampled and math.prod(map(len, ends)) > MOST_ENDS:
        first = [words[0] for words in ends]
        for i, words in enumerate(ends):
            for word in words:
                yield [*first[:i], word, *first[i + 1 :]]
    else:
        yield from map(list, itertools.product(*ends))


def message(error: Exception) -> str:
    """What a person is told of an error."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, HydraException | OmegaConfBaseException):
        cause = f" {error.__cause__}" if error.__cause__ else ""
        return " ".join(f"{error}{cause}".split())
    if isinstance(error, OSError):  # after Hydra's, one of which is an OSError too
        where = f": {error.filename}" if error.filename else ""
        advice = {
            errno.ENOSPC: " Make room and give the same command again; it goes on where it was.",
            errno.EACCES: " Set paths.runs and paths.cache to folders that you may write to.",
            errno.EROFS: " Set paths.runs and paths.cache to folders that you may write to.",
        }.get(error.errno, "")
        return f"{error.strerror or error}{where}.{advice}"
    if isinstance(error, MemoryError):
        return f"not enough memory: {error}."
    if type(error).__name__ == "OutOfMemoryError" or "DefaultCPUAllocator" in str(error):  # torch's
        advice = "Try a smaller trainer.batch_size or model.embedding_dim."
        return f"not enough memory: {str(error).splitlines()[0]} {advice}"
    if _raised_in(error, "hydra"):
        return f"Hydra: {' '.join(str(error).split())}"
    return "".join(traceback.format_exception(error)) + "This is a bug in g2p; please report it."


def _raised_in(error: Exception, package: str) -> bool:
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and package in Path(frames[-1].filename).parts


def say(text: str) -> None:
    print(f"error: {text}", file=sys.stderr, flush=True)
