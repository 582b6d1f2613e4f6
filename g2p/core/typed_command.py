"""The commands of g2p as the user types them: `python train.py` in a checkout, `g2p train` else."""

import re
import sys
from pathlib import Path

from g2p.core.package import PACKAGE

SCRIPTS = ("train", "sweep")  # beside the package in a checkout; a wheel has none


def typed_command(name: str) -> str:
    """Return how the user of this process writes a command, `train` or `sweep`."""
    called = Path(sys.argv[0] if sys.argv else "").absolute()
    is_script = called in {PACKAGE.parent / f"{script}.py" for script in SCRIPTS}
    return f"python {name}.py" if is_script else f"g2p {name}"


def with_typed_commands(text: str) -> str:
    """Return a help text, in which each `train.py` and `sweep.py` is as the user types it."""
    return re.sub(r"(?:python )?\b(train|sweep)\.py", lambda match: typed_command(match[1]), text)
