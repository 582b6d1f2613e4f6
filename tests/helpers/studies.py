"""Studies written in a test: planned without a panel, or run from a file."""

from pathlib import Path
from subprocess import CompletedProcess

from g2p.study.design import Study, plan
from g2p.study.schema import check_shape
from tests.helpers.command import sweep
from tests.helpers.configs import SMALL_RIDGE, paths

NAMES = ["23C", "25C", "cu"]  # of the phenotypes of their panel


def plan_study(size="full", user_overrides=None, seeds_of_part=None, **spec) -> Study:
    """The study that a file with these keys declares, in one of its sizes."""
    spec = {"sizes": {"full": {}}, **spec}
    check_shape(spec)
    return plan("test", size, spec, lambda common: NAMES, user_overrides, seeds_of_part)


def run_study(folder: Path, spec: str, *arguments: str) -> tuple[CompletedProcess, Path]:
    """Run a study of size laptop from a file in a new folder, on small panels; also its folder."""
    folder.mkdir()
    (folder / "mine.yaml").write_text(spec)
    return continue_study(folder, *arguments)


def continue_study(folder: Path, *arguments: str) -> tuple[CompletedProcess, Path]:
    """Run the study of `run_study` again, as a user does after a kill."""
    done = sweep(
        "study=mine.yaml", "size=laptop", "logger=none", *SMALL_RIDGE[:2], *paths(folder),
        *arguments, cwd=folder,
    )  # fmt: skip
    return done, folder / "studies" / "mine-laptop"
