"""An error in a model's file, which may be a user's own: its traceback from there on."""

import traceback
from pathlib import Path

from g2p.core.package import PACKAGE

MODELS = (PACKAGE / "models", PACKAGE / "baselines")  # where users add files of their own


def format_model_error(error: BaseException) -> str | None:
    """Return the traceback of an error from the first frame in a model's file on, if there is one.

    The file may be the user's own: what is above it would not help, and it is no bug of ours.
    """
    told = traceback.TracebackException.from_exception(error)
    files = [Path(frame.filename) for frame in told.stack]
    of_models = [
        file.name != "__init__.py" and any(file.is_relative_to(folder) for folder in MODELS)
        for file in files
    ]
    if True not in of_models:
        return None
    first = of_models.index(True)
    told.stack = traceback.StackSummary.from_list(told.stack[first:])
    return (
        f"{''.join(told.format())}This went wrong in the model's file {files[first]}, line "
        f"{told.stack[0].lineno}. Correct it, if it is yours; if it is one that comes with g2p, "
        "please report it."
    )
