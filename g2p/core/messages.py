"""Messages on the terminal: errors, and how a job ended."""

import errno
import os
import re
import sys
import traceback
from importlib.util import find_spec
from pathlib import Path

import yaml
from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import HydraException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException

from g2p.core.console import visible
from g2p.core.errors import G2PError, ReportedError
from g2p.core.model_errors import USER_CODE, format_model_error
from g2p.core.typed_command import typed_command

# Hydra's plugins that an extra of g2p installs, by the beginning of their names.
EXTRAS = {
    "joblib": "launchers", "submitit": "launchers", "ray": "ray", "optuna": "search",
    "tensorboard": "tensorboard",
}  # fmt: skip
BUG = "This is a bug in g2p; please report it."
LOOK_THERE_FIRST = (
    "Code of your own is in use: if the error comes from it, correct it there. Else: "
)
WRITABLE = " Set paths.runs and paths.cache to folders that you can write to."
# Messages of the system's loader, malloc's callers in C++, Python's threads, numpy and torch.
NO_MEMORY = (
    "failed to map segment", "Cannot allocate memory", "cannot allocate memory", "std::bad_alloc",
    "can't allocate memory", "can't start new thread",
    "array is too big", "Maximum allowed dimension exceeded", "Storage size calculation overflowed",
)  # fmt: skip
PLUGIN = re.compile(r"hydra/(?:launcher|sweeper)/([a-z]+)|hydra_plugins\.hydra_([a-z]+)")


def report_job_result(ended: JobReturn) -> None:
    """Print how a job ended that does not print on this terminal itself."""
    result = ended._return_value
    if ended.status == JobStatus.FAILED:
        message = format_error(result)
        print_error(message)
        ended._return_value = ReportedError(message)
    elif result is not None:
        print(f"run: {result.folder}", flush=True)


def format_error(error: BaseException) -> str:
    """The message of an error. Raises nothing, whatever the error is."""
    try:
        return _message(error)
    except Exception as other:  # most often an error without a valid text
        return f"{type(error).__name__}, which cannot be shown: {type(other).__name__}. {BUG}"


def _message(error: BaseException) -> str:
    if isinstance(error, G2PError):
        return str(error)
    if isinstance(error, SystemExit):
        return f"the run called sys.exit({error.code!r})."
    text = _text(error)
    cause = f" {_text(error.__cause__)}" if error.__cause__ else ""
    for each in (error, error.__cause__):
        if each is not None and (message := _memory_message(each, _text(each))):
            return message
    if isinstance(error, HydraException | OmegaConfBaseException):
        # Hydra's grammar has the letters of English only.
        quote = " Quote a value with other characters: 'key=\"value\"'." * isinstance(
            error, OverrideParseException
        )
        return _missing_extra(f"{text}{cause}") or one_line(f"{text}{cause}{quote}")
    if isinstance(error, OSError):  # after Hydra's, one of which is an OSError too
        where = f": {_named(error.filename)}" if error.filename else ""
        advice = {
            errno.ENOSPC: " Free some space and run the same command again "
            f"({typed_command('sweep')} with --retry-failed) to resume.",
            errno.EACCES: WRITABLE,
            errno.EROFS: WRITABLE,
        }.get(error.errno or 0, "")
        return f"{error.strerror or text}{where}.{advice}"
    if isinstance(error, yaml.YAMLError):
        return f"a YAML file cannot be read: {one_line(text)}"
    if isinstance(error, RecursionError) and _passed_through(error, "hydra"):
        return "a config refers to itself: check the defaults lists of its YAML files."
    if isinstance(error, RuntimeError) and "home directory" in text:  # Path.expanduser's
        return "a path begins with ~, but this home folder (HOME) does not exist. Write it in full."
    for package in ("hydra", "hydra_plugins", "optuna", "submitit", "ray", "lightgbm"):
        if _raised_in(error, package):
            return f"{package.split('_')[0].title()}: {one_line(text)}"
    if message := format_model_error(error):
        return message
    return f"{''.join(traceback.format_exception(error))}{LOOK_THERE_FIRST * bool(USER_CODE)}{BUG}"


def _memory_message(error: BaseException, text: str) -> str | None:
    """The message of an error that reports too little memory; None for other errors."""
    if type(error).__name__ == "OutOfMemoryError" or "DefaultCPUAllocator" in text:  # torch's
        advice = "Try a smaller trainer.batch_size or model.embedding_dim."
        return f"not enough memory: {visible(text.partition(chr(10))[0])} {advice}"
    is_enomem = isinstance(error, OSError) and error.errno == errno.ENOMEM
    if is_enomem or isinstance(error, MemoryError) or any(part in text for part in NO_MEMORY):
        return f"not enough memory: {one_line(text) or 'an allocation failed'}."
    return None


def _text(error: BaseException) -> str:
    """The text of an error, or its type where it has no valid text."""
    try:
        return str(error)
    except Exception:  # of another library's class
        return type(error).__name__


def _named(file: str | bytes | int) -> str:
    return visible(os.fsdecode(file) if isinstance(file, bytes) else str(file))


def one_line(text: str) -> str:
    return visible(" ".join(text.split()))


def _missing_extra(text: str) -> str | None:
    """How to install the launcher or sweeper that Hydra misses, if an extra of g2p has it."""
    for match in PLUGIN.finditer(text):
        name = match[1] or match[2]
        kind = "sweeper" if name == "optuna" else "launcher"
        if name in EXTRAS and not _is_installed(f"hydra_plugins.hydra_{name}_{kind}"):
            return not_installed(f"hydra/{kind}", name)
    return None


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, AttributeError, ValueError):  # nor is its package
        return False


def not_installed(group: str, choice: str) -> str:
    """How to install the launcher, sweeper or logger that is a group's choice."""
    extra = EXTRAS[choice.partition("_")[0]]
    return f"{group}={choice} is not installed. pip install -e '.[{extra}]' installs it."


def _raised_in(error: BaseException, package: str) -> bool:
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and package in Path(frames[-1].filename).parts


def _passed_through(error: BaseException, package: str) -> bool:
    frames = traceback.extract_tb(error.__traceback__, limit=100)
    return any(package in Path(frame.filename).parts for frame in frames)


def print_error(text: str) -> None:
    """Print the message of an error; only that of a bug has several lines."""
    lines = "\n".join(map(visible, text.split("\n")))
    print(f"error: {lines}", file=sys.stderr, flush=True)


def refuse_moved(module: str, command: str) -> None:
    """Name the command that a module was before 0.2.0, and exit with 2."""
    print_error(f"python -m {module} is g2p {command} now. See g2p {command} --help.")
    sys.exit(2)
