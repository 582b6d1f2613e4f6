"""From the command line to run(config): Hydra composes, we check, an error is one message."""

import errno
import itertools
import os
import signal
import sys
import traceback
from pathlib import Path

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from g2p.config import CONF, GROUPS, check, choices, unknown_choice
from g2p.errors import UserError
from g2p.launchers.leaving import Leaving, leaving
from g2p.launchers.prepare import prepare


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
        if arguments.multirun:
            prepare(arguments.overrides, tell)
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
        with leaving():
            folder = run(
                OmegaConf.to_container(config, resolve=True, throw_on_missing=True),
                set_by_user=_keys(_parse(hydra_config.overrides.task)),
                group=Path(hydra_config.sweep.dir).name if multirun else None,
            )
        return str(folder)
    except Leaving:
        raise
    except (Exception, SystemExit) as error:
        say(message(error))
        if multirun:  # Hydra counts it as failed and goes on with the next job
            failed = UserError(message(error))  # of a kind that reaches another process whole
            failed.said = True
            raise failed from None
        sys.exit(1)


def _checked(arguments, words: list[str]) -> list[str]:
    """The command line for Hydra, once every job that it stands for is known to be valid."""
    overrides = _parse(arguments.overrides)
    sweeps = arguments.multirun
    if not sweeps:
        swept = next((o for o in overrides if o.is_sweep_override()), None)
        if swept is not None:
            raise UserError(
                f"{swept.input_line} is several values: add -m, or quote it if it is one."
            )
    alternatives = [_alternatives(override) for override in overrides]
    for job in itertools.product(*alternatives):
        composed(list(job))
    return words


def composed(words: list[str], *, of_many: bool = False) -> dict:
    """The checked config of a command's overrides, as plain dicts.

    An override without effect is refused, unless it is `of_many` runs: some may need it.

    Raises:
        UserError: naming the key or choice that is wrong, or that is several.
    """
    parsed = _parse(words)
    for override in parsed:
        if override.is_sweep_override():
            raise UserError(f"{override.input_line} is several values: quote it if it is one.")
    _check_choices(parsed)
    with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
        config = hydra.compose("config", overrides=[_open(override) for override in parsed])
    plain = OmegaConf.to_container(config, resolve=True)
    check(plain, () if of_many else _keys(parsed))
    return plain


def keys(words: list[str]) -> list[str]:
    """The keys and groups that a command's overrides set, Hydra's own among them."""
    return [override.key_or_group for override in _parse(words)]


def _parse(overrides) -> list[Override]:
    return OverridesParser.create().parse_overrides(list(overrides))


def _alternatives(override: Override) -> list[str]:
    """The overrides that a sweep stands for; none for a range that only a sweeper can sample."""
    if not override.is_sweep_override():
        return [override.input_line]
    if not override.is_discrete_sweep():
        return []
    key = override.get_key_element()
    return [f"{key}={value}" for value in override.sweep_string_iterator()]


def _keys(overrides: list[Override]) -> list[str]:
    return [o.key_or_group for o in overrides if not o.key_or_group.startswith("hydra")]


def _check_choices(overrides: list[Override]) -> None:
    for override in overrides:
        group, value = override.key_or_group, override.value()
        if group in GROUPS and not override.is_delete() and value not in choices(group):
            raise UserError(unknown_choice(group, value))


def _open(override: Override) -> str:
    """The override, allowed to add a key: our own check then says what is wrong with it."""
    key = override.key_or_group
    plain = not override.is_add() and not override.is_force_add() and not override.is_delete()
    is_value = not (CONF / key).is_dir() and not key.startswith("hydra")
    return f"++{override.input_line}" if plain and is_value else override.input_line


def tell(ended: JobReturn) -> None:
    """How a job ended that could not say so on this terminal itself."""
    result = ended._return_value
    if ended.status == JobStatus.FAILED:
        say(message(result))
        result.said = True
    elif result is not None:
        print(f"run: {result}", flush=True)


def message(error: BaseException) -> str:
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
    if isinstance(error, SystemExit):
        return f"the run called sys.exit({error.code!r})."
    for library, name in {"hydra": "Hydra", "submitit": "submitit", "ray": "Ray"}.items():
        if _raised_in(error, library):
            return f"{name}: {' '.join(str(error).split())}"
    return "".join(traceback.format_exception(error)) + "This is a bug in g2p; please report it."


def _raised_in(error: BaseException, package: str) -> bool:
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and package in Path(frames[-1].filename).parts


def say(text: str) -> None:
    print(f"error: {text}", file=sys.stderr, flush=True)
