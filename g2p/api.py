"""What g2p does, as functions of Python: they raise subclasses of `g2p.G2PError` and never exit.

They work in scripts, threads and notebooks; runs of several threads are trained in turn. Ctrl-C
raises KeyboardInterrupt, and the same call resumes.

Overrides are those of the command line, one text each: `train("model=ridge", "phenotype=YPD")`.
"""

import os
import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from g2p.core.errors import OptionError, RunError, TrainingError

if TYPE_CHECKING:
    import pandas as pd

    from g2p.data.panel import Panel
    from g2p.explain.run import Run
    from g2p.study.study_results import StudyResults

Folder = str | os.PathLike


def train(*overrides: str, config_dir: Folder | None = None) -> "Run":
    """Train one run, or return it where it is finished, as `python train.py` does.

    Args:
        overrides: as on the command line; a key with several values is refused.
        config_dir: a folder of YAML files of one's own, such as `model/mine.yaml`.

    Raises:
        G2PError: for an override, data or a model that cannot be used; a run that was interrupted
            goes on when it is called again.
    """
    from g2p.config.compose import compose_config, overridden_keys
    from g2p.config.locate import is_dotted
    from g2p.core.messages import format_error
    from g2p.explain.run import Run
    from g2p.runs.in_process import call_from_python
    from g2p.runs.run import run

    with call_from_python(), _config_folders(config_dir):
        config = compose_config(_texts(overrides))
        try:
            folder = run(config, set_by_user=overridden_keys(_texts(overrides)))
        except SystemExit as error:  # raised by code of one's own
            raise TrainingError(format_error(error)) from error
    name = config.model.name
    return Run(folder, code=(name,) if is_dotted(name) else ())  # it was named in this call


def load_run(folder: Folder, *, code: Sequence[str] = ()) -> "Run":
    """Open a finished run; its files are read when they are asked for, and none is executed.

    A run of an earlier version has no checksums, which is a warning.

    Args:
        folder: the run's directory.
        code: packages of one's own, `["my_pkg"]`, that may be imported when the weights of a model
            of theirs are loaded. Config, metrics, history and predictions need no code.

    Raises:
        RunError: when the folder is not the directory of a finished run.
    """
    from g2p.explain.run import Run
    from g2p.runs.directory import RunDirectory, unverified_line

    path = Path(folder).expanduser()
    if not path.is_dir():
        raise RunError(f"{path} does not exist, or is no folder.")
    if not RunDirectory(path).finished:
        raise RunError(f"{path} is not a finished run (it has no metrics.json).")
    run = Run(path, code=tuple([code] if isinstance(code, str) else code))
    _ = run.metrics  # so that a damaged one is found now
    if line := unverified_line([run.directory]):
        warnings.warn(line, stacklevel=2)
    return run


def list_runs(
    folder: Folder = "runs", *, config_dir: Folder | None = None, **filters: Any
) -> "pd.DataFrame":
    """List the runs in a folder, as `g2p runs` does, the latest last.

    Args:
        folder: of the runs, `paths.runs`.
        config_dir: a folder of YAML files of one's own, whose names `model` and `data` then take.
        filters: a key of the config or `status`, with a value or a list of values, of which a run
            has one: `model="ridge"`, `status=["done", "failed"]`, `**{"optim.lr": 1e-3}`.

    Returns:
        A row a run: signature, status, test_r2 (mean over phenotypes), epochs, when, error, folder,
        and a column for each key of the configs (NaN where it has no effect).

    Raises:
        RunError: when the folder does not exist.
        OptionError: for a filter that no run can have.
    """
    from g2p.config.override_text import format_value
    from g2p.runs.index import stored_runs
    from g2p.runs.listing import as_frame
    from g2p.runs.query import parse_filter

    path = Path(folder).expanduser()
    if not path.is_dir():
        raise RunError(f"there are no runs: {path} does not exist.")
    with _config_folders(config_dir):
        matching = [
            parse_filter(f"{key}={','.join(map(format_value, _alternatives(key, value)))}", path)
            for key, value in filters.items()
        ]
    return as_frame([run for run in stored_runs(path) if all(match(run) for match in matching)])


def load_panel(*overrides: str, config_dir: Folder | None = None) -> "Panel":
    """Read the panel that overrides of `data` and `paths` name, as a training would.

    Args:
        overrides: such as "data=byxrm", "paths.data=data".
        config_dir: a folder of YAML files of one's own, such as `data/mine.yaml`.

    Raises:
        G2PError: for a source that cannot be read.
    """
    from g2p import data
    from g2p.config.compose import compose_config

    with _config_folders(config_dir):
        config = compose_config(_texts(overrides))
    panel, _ = data.load_panel(config.data, Path(config.paths.cache).expanduser())
    return panel


def sweep(*arguments: str, config_dir: Folder | None = None) -> "StudyResults":
    """Train a study, compare its runs and write its report, as `python sweep.py` does.

    Args:
        arguments: "study=NAME", "size=SIZE", and overrides of every run. Flags are for the command
            line; `load_study` opens the results that are there.
        config_dir: a folder of YAML files of one's own.

    Returns:
        The results, of which every run is done.

    Raises:
        OptionError: for an argument that is wrong.
        TrainingError: when runs failed or were not trained; `load_study` opens the rest.
    """
    from g2p.cli.sweep import execute_study
    from g2p.core.console import Console
    from g2p.runs.in_process import call_from_python

    texts = _texts(arguments)
    if flags := [text for text in texts if text.startswith("-")]:
        raise OptionError(f"{flags[0]} is a flag of the command line; from Python there are none.")
    with call_from_python(), _config_folders(config_dir):
        outcome = execute_study(texts, set(), Console())
    if not outcome.is_done:
        raise TrainingError(
            "not every run of the study is done; the columns status and error of the results in "
            f"{outcome.folder} say why. g2p.load_study opens them."
        )
    return load_study(outcome.folder)


def load_study(folder: Folder) -> "StudyResults":
    """Open the results of a study, which may still be under way.

    Args:
        folder: of the study, such as `studies/ladder-smoke` beside the folder of the runs.

    Raises:
        RunError: when the folder holds no results of a study.
    """
    from g2p.study.study_results import StudyResults

    return StudyResults.load(Path(folder).expanduser())


def _config_folders(folder: Folder | None) -> AbstractContextManager[None]:
    from g2p.config.search_path import config_folders

    return config_folders([] if folder is None else [Path(folder).expanduser()])


def _alternatives(key: str, value) -> list:
    """Return the values of which a run must have one."""
    values = list(value) if isinstance(value, list | tuple | set) else [value]
    if not values:
        raise OptionError(f"{key} has no values to filter by.")
    return values


def _texts(overrides: Sequence[str]) -> list[str]:
    """Return overrides as a list.

    Raises:
        OptionError: for one that is no text, such as a list of them.
    """
    for override in overrides:
        if not isinstance(override, str):
            raise OptionError(
                f"{override!r} is no override: pass each as a text of its own, such as "
                "'model=ridge', 'phenotype=YPD'."
            )
    return list(overrides)
