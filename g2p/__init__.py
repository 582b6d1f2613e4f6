"""g2p trains genotype-to-phenotype models and measures which component earns its gain.

    import g2p
    run = g2p.train("model=ridge", "phenotype=YPD")
    run.metrics["test"]["r2"], run.predict(genotypes)

Names are imported when they are first used, so `import g2p` takes no time: torch, pandas and
matplotlib are loaded by what needs them.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from g2p.api import list_runs, load_panel, load_run, load_study, sweep, train
    from g2p.core.errors import (
        CodeError,
        DamagedRunError,
        DataError,
        G2PError,
        OptionError,
        RunError,
        TrainingError,
    )
    from g2p.data.panel import Panel
    from g2p.explain.run import Run
    from g2p.study.study_results import StudyResults

__version__ = "0.2.0"

__all__ = [
    "CodeError", "DamagedRunError", "DataError", "G2PError", "OptionError", "Panel", "Run",
    "RunError", "StudyResults", "TrainingError", "list_runs", "load_panel", "load_run",
    "load_study", "sweep", "train",
]  # fmt: skip

_MODULES = {
    "g2p.api": ("train", "sweep", "load_run", "list_runs", "load_study", "load_panel"),
    "g2p.core.errors": (
        "G2PError", "OptionError", "DataError", "CodeError", "TrainingError", "RunError",
        "DamagedRunError",
    ),
    "g2p.data.panel": ("Panel",),
    "g2p.explain.run": ("Run",),
    "g2p.study.study_results": ("StudyResults",),
}  # fmt: skip
__path__.append(f"{__path__[0]}/cli/moved")  # see the package g2p.cli.moved
_HOMES = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str):
    """Import a public name when it is first used (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'g2p' has no attribute '{name}'")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
