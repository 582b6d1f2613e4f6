"""An error in a model's file or in code of a user's own: its traceback from there on."""

import re
import traceback
from pathlib import Path

from g2p.core.package import PACKAGE

MODELS = (PACKAGE / "models", PACKAGE / "baselines")  # where users add files of their own
FRAME = re.compile(r'^  File "(?P<file>[^"]+)", line (?P<line>\d+)', re.MULTILINE)
USER_CODE: set[Path] = set()  # packages and files of users that this process imports


def format_model_error(error: BaseException) -> str | None:
    """Return the traceback of an error from the first frame in such a file on, if there is one.

    The file may be the user's, and the error no bug in g2p; the frames above it would not help.
    """
    report = traceback.TracebackException.from_exception(error)
    files = [Path(frame.filename) for frame in report.stack]
    is_theirs = [_is_of_user(file) or _is_of_model(file) for file in files]
    if True not in is_theirs:
        return None
    first = is_theirs.index(True)
    report.stack = traceback.StackSummary.from_list(report.stack[first:])
    return "".join(report.format()) + _verdict(files[first], report.stack[0].lineno)


def format_model_error_text(text: str) -> str | None:
    """Return the same of a traceback that another process sent as a text."""
    for frame in FRAME.finditer(text):
        file = Path(frame["file"])
        if _is_of_user(file) or _is_of_model(file):
            rest = text[frame.start() :].rstrip()
            verdict = _verdict(file, int(frame["line"]))
            return f"Traceback (most recent call last):\n{rest}\n{verdict}"
    return None


def _verdict(file: Path, line: int | None) -> str:
    if _is_of_user(file):
        return f"The error is in code of your own, {file}, line {line}."
    return (
        f"The error is in the model's file {file}, line {line}. Correct it if the file is yours; "
        "please report it if the file comes with g2p."
    )


def _is_of_user(file: Path) -> bool:
    return any(file.is_relative_to(each) for each in USER_CODE)


def _is_of_model(file: Path) -> bool:
    return file.name != "__init__.py" and any(file.is_relative_to(folder) for folder in MODELS)
