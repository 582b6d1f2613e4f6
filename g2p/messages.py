"""What a person is told on the terminal: of an error, of how a job ended."""

import errno
import re
import sys
import traceback
from importlib.util import find_spec
from pathlib import Path

from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import HydraException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException

from g2p.components import raised_in_a_model
from g2p.errors import UserError

# Hydra's plugins that an extra of ours installs, by how their names begin.
EXTRAS = {"joblib": "launchers", "submitit": "launchers", "ray": "ray", "optuna": "search"}
PLUGIN = re.compile(r"hydra/(?:launcher|sweeper)/([a-z]+)|hydra_plugins\.hydra_([a-z]+)")


def tell(ended: JobReturn) -> None:
    """How a job ended that could not say so on this terminal itself."""
    result = ended._return_value
    if ended.status == JobStatus.FAILED:
        say(message(result))
        result.said = True
    elif result is not None:
        print(f"run: {result.folder}", flush=True)


def message(error: BaseException) -> str:
    """What a person is told of an error."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, HydraException | OmegaConfBaseException):
        cause = f" {error.__cause__}" if error.__cause__ else ""
        # Hydra's grammar knows letters of English only.
        quote = " Quote what is no plain word: 'key=\"value\"'." * isinstance(
            error, OverrideParseException
        )
        said = _missing_extra(f"{error}{cause}")
        return said or " ".join(f"{error}{cause}{quote}".split())
    if isinstance(error, OSError):  # after Hydra's, one of which is an OSError too
        where = f": {error.filename}" if error.filename else ""
        advice = {
            errno.ENOSPC: " Make room and give the same command again, sweep.py with "
            "--retry-failed; it goes on where it was.",
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
    for package in ("hydra", "hydra_plugins", "optuna", "submitit", "ray"):
        if _raised_in(error, package):
            return f"{package.split('_')[0].title()}: {' '.join(str(error).split())}"
    if of_model := raised_in_a_model(error):
        return of_model
    return "".join(traceback.format_exception(error)) + "This is a bug in g2p; please report it."


def _missing_extra(text: str) -> str | None:
    """How to install the launcher or sweeper that Hydra could not find, if it is one of ours."""
    for found in PLUGIN.finditer(text):
        name = found[1] or found[2]
        kind = "sweeper" if name == "optuna" else "launcher"
        if name in EXTRAS and find_spec(f"hydra_plugins.hydra_{name}_{kind}") is None:
            return not_installed(f"hydra/{kind}", name)
    return None


def not_installed(group: str, choice: str) -> str:
    """How to install the launcher or sweeper that is `choice` of Hydra's `group`."""
    extra = EXTRAS[choice.partition("_")[0]]
    return f"{group}={choice} is not installed. pip install -e '.[{extra}]' installs it."


def _raised_in(error: BaseException, package: str) -> bool:
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and package in Path(frames[-1].filename).parts


def say(text: str) -> None:
    print(f"error: {text}", file=sys.stderr, flush=True)
