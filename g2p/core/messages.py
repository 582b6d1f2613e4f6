"""What a person is told on the terminal: of an error, of how a job ended."""

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
from g2p.core.errors import UserError
from g2p.core.model_errors import format_model_error

# Hydra's plugins that an extra of ours installs, by how their names begin.
EXTRAS = {"joblib": "launchers", "submitit": "launchers", "ray": "ray", "optuna": "search"}
BUG = "This is a bug in g2p; please report it."
WRITABLE = " Set paths.runs and paths.cache to folders that you may write to."
# What the system's loader, malloc's callers in C++ Python's threads, numpy and torch say of it.
NO_MEMORY = (
    "failed to map segment", "Cannot allocate memory", "cannot allocate memory", "std::bad_alloc",
    "can't allocate memory", "can't start new thread",
    "array is too big", "Maximum allowed dimension exceeded", "Storage size calculation overflowed",
)  # fmt: skip
PLUGIN = re.compile(r"hydra/(?:launcher|sweeper)/([a-z]+)|hydra_plugins\.hydra_([a-z]+)")


def report_job_result(ended: JobReturn) -> None:
    """How a job ended that could not say so on this terminal itself."""
    result = ended._return_value
    if ended.status == JobStatus.FAILED:
        print_error(format_error(result))
        result.said = True
    elif result is not None:
        print(f"run: {result.folder}", flush=True)


def format_error(error: BaseException) -> str:
    """What a person is told of an error. Raises nothing, whatever the error is."""
    try:
        return _message(error)
    except Exception as other:  # an error that cannot be written, most often
        return f"{type(error).__name__}, which cannot be shown: {type(other).__name__}. {BUG}"


def _message(error: BaseException) -> str:
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, SystemExit):
        return f"the run called sys.exit({error.code!r})."
    text = _text(error)
    cause = f" {_text(error.__cause__)}" if error.__cause__ else ""
    for one in (error, error.__cause__):
        if one is not None and (memory := _about_memory(one, _text(one))):
            return memory
    if isinstance(error, HydraException | OmegaConfBaseException):
        # Hydra's grammar knows letters of English only.
        quote = " Quote what is no plain word: 'key=\"value\"'." * isinstance(
            error, OverrideParseException
        )
        return _missing_extra(f"{text}{cause}") or one_line(f"{text}{cause}{quote}")
    if isinstance(error, OSError):  # after Hydra's, one of which is an OSError too
        where = f": {_named(error.filename)}" if error.filename else ""
        advice = {
            errno.ENOSPC: " Make room and give the same command again, sweep.py with "
            "--retry-failed; it goes on where it was.",
            errno.EACCES: WRITABLE,
            errno.EROFS: WRITABLE,
        }.get(error.errno, "")
        return f"{error.strerror or text}{where}.{advice}"
    if isinstance(error, yaml.YAMLError):
        return f"a YAML file cannot be read: {one_line(text)}"
    if isinstance(error, RecursionError) and _passed_through(error, "hydra"):
        return "a config refers to itself: look at the defaults of the YAML files that it is of."
    if isinstance(error, RuntimeError) and "home directory" in text:  # Path.expanduser's
        return "a path begins with ~, and there is no such home folder (HOME). Write it in full."
    for package in ("hydra", "hydra_plugins", "optuna", "submitit", "ray", "lightgbm"):
        if _raised_in(error, package):
            return f"{package.split('_')[0].title()}: {one_line(text)}"
    if of_model := format_model_error(error):
        return of_model
    return f"{''.join(traceback.format_exception(error))}{BUG}"


def _about_memory(error: BaseException, text: str) -> str | None:
    """Of an error that says that memory ran out, in whichever words; None for others."""
    if type(error).__name__ == "OutOfMemoryError" or "DefaultCPUAllocator" in text:  # torch's
        advice = "Try a smaller trainer.batch_size or model.embedding_dim."
        return f"not enough memory: {visible(text.partition(chr(10))[0])} {advice}"
    full = isinstance(error, OSError) and error.errno == errno.ENOMEM
    if full or isinstance(error, MemoryError) or any(words in text for words in NO_MEMORY):
        return f"not enough memory: {one_line(text) or 'no more could be had'}."
    return None


def _text(error: BaseException) -> str:
    """What an error says, where it can say it."""
    try:
        return str(error)
    except Exception:  # of somebody else's class
        return type(error).__name__


def _named(file: str | bytes | int) -> str:
    return visible(os.fsdecode(file) if isinstance(file, bytes) else str(file))


def one_line(text: str) -> str:
    return visible(" ".join(text.split()))


def _missing_extra(text: str) -> str | None:
    """How to install the launcher or sweeper that Hydra could not find, if it is one of ours."""
    for found in PLUGIN.finditer(text):
        name = found[1] or found[2]
        kind = "sweeper" if name == "optuna" else "launcher"
        if name in EXTRAS and not _is_there(f"hydra_plugins.hydra_{name}_{kind}"):
            return not_installed(f"hydra/{kind}", name)
    return None


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, AttributeError, ValueError):  # nor is what it would lie in
        return False


def not_installed(group: str, choice: str) -> str:
    """How to install the launcher or sweeper that is `choice` of Hydra's `group`."""
    extra = EXTRAS[choice.partition("_")[0]]
    return f"{group}={choice} is not installed. pip install -e '.[{extra}]' installs it."


def _raised_in(error: BaseException, package: str) -> bool:
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and package in Path(frames[-1].filename).parts


def _passed_through(error: BaseException, package: str) -> bool:
    frames = traceback.extract_tb(error.__traceback__, limit=100)
    return any(package in Path(frame.filename).parts for frame in frames)


def print_error(text: str) -> None:
    """Print the message of an error; only a bug's has several lines."""
    lines = "\n".join(map(visible, text.split("\n")))
    print(f"error: {lines}", file=sys.stderr, flush=True)
