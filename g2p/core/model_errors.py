"""An error in a model's file, which may be a user's own: its traceback from there on."""

import traceback
from pathlib import Path

from g2p.core.package import PACKAGE

MODELS = (PACKAGE / "models", PACKAGE / "baselines")  # where users add files of their own


def format_model_error(error: BaseException) -> str | None:
    """Return the traceback of an error from the first frame in a model's file on, if there is one.

    The file may be the user's, and the error no bug in g2p; the frames above it would not help.
    """
    report = traceback.TracebackException.from_exception(error)
    files = [Path(frame.filename) for frame in report.stack]
    in_model = [
        file.name != "__init__.py" and any(file.is_relative_to(folder) for folder in MODELS)
        for file in files
    ]
    if True not in in_model:
        return None
    first = in_model.index(True)
    report.stack = traceback.StackSummary.from_list(report.stack[first:])
    return (
        f"{''.join(report.format())}The error is in the model's file {files[first]}, line "
        f"{report.stack[0].lineno}. Correct it if the file is yours; please report it if the file "
        "comes with g2p."
    )
