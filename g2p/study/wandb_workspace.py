"""A study's dashboard: a Weights & Biases workspace of its runs, by phenotype, model and layers.

Saved in W&B for who is logged in, and always as `workspace.json` in the study's folder. It names
what `g2p.tracking.wandb_tracker` logs; `tests/study/test_wandb_workspace.py` holds the two against
each other.
"""

import os
from collections.abc import Sequence
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING

from g2p.config.run_config import RunConfig, Section
from g2p.core.atomic_files import write_json
from g2p.core.errors import OptionError
from g2p.core.json_shapes import Dashboard, read_checked_json
from g2p.study.design import Study
from g2p.study.expand import StudyRun
from g2p.study.ledger import Ledger
from g2p.tracking.group import Group, factor_key
from g2p.tracking.tracker import wandb_options
from g2p.tracking.wandb_client import first_line, wandb_mode

if TYPE_CHECKING:
    from wandb_workspaces.reports.v2.interface import PanelTypes

LAYERS = "model.num_layers"
FEWEST_GROUPS = 10  # W&B's default limit in a panel


def write_dashboard(study: Study, runs: list[StudyRun], folder: Path) -> str:
    """Write the study's workspace; returns a line that says where it is.

    A second call changes the workspace that the first one saved.

    Raises:
        OptionError: where wandb-workspaces is not installed, or the runs are logged nowhere.
    """
    logger = runs[0].config.logger
    options = wandb_options(logger)
    if options is None:
        raise OptionError(
            f"--dashboard requires runs in Weights & Biases: remove logger={logger.name}."
        )
    try:
        import wandb_workspaces.workspaces as ws
    except ImportError:
        raise OptionError(
            "--dashboard requires wandb-workspaces: pip install -e '.[dashboards]'"
        ) from None
    group = options["group"] or Group.of_study(study.name, study.size).name
    parts = {
        "sections": _sections(study, runs),
        "settings": ws.WorkspaceSettings(max_runs=max(FEWEST_GROUPS, len(_labels(study, runs)))),
        "runset_settings": ws.RunsetSettings(
            filters=_filter(group, _trained_before(runs, folder)),
            groupby=[ws.Config(key) for key in dict.fromkeys(["model.name", _key(study, runs)])],
            pinned_columns=["summary:test_r2_mean"],
        ),
    }
    project, name = options["project"], f"{study.name}-{study.size}"
    file = folder / "workspace.json"
    url = (read_checked_json(file, Dashboard) or {}).get("url")  # where it was saved before
    why_not = "log in to W&B and run the same command again to save it there"
    workspace = ws.Workspace(entity="", project=project, name=name, **parts)
    try:
        if wandb_mode() == "online":
            saved = _saved_before(url, project) or ws.Workspace(_entity(), project, name)
            for key, value in parts.items():
                setattr(saved, key, value)
            workspace, url, why_not = saved.save(), saved.url, ""
    except Exception as error:  # of any kind: W&B and its libraries raise many
        why_not = f"W&B did not accept it: {first_line(error)}"
    write_json(file, {"url": url, **_json(workspace)})
    return f"dashboard: {file} ({why_not})" if why_not else f"dashboard: {url}"


def _json(workspace) -> dict:
    """The workspace as W&B stores it; the package has no public name for that."""
    return workspace._to_model().model_dump(mode="json", by_alias=True, exclude_none=True)


def _saved_before(url: str | None, project: str):
    import wandb_workspaces.workspaces as ws

    try:
        saved = ws.Workspace.from_url(url) if url else None
    except Exception:  # deleted since, or another server's: a new one is saved
        return None
    return saved if saved and saved.project == project else None


def _entity() -> str:
    import wandb

    return os.environ.get("WANDB_ENTITY") or wandb.Api().default_entity or ""


def _filter(group: str, signatures: Sequence[str]):
    """The runs of the group, without its summary, and those trained before in another one."""
    from wandb_workspaces.workspaces import And, Metric, Or

    # The package writes this as Python, and what looks like an operator in it is then changed.
    escaped = "".join(f"\\U{ord(letter):08x}" for letter in group)
    trained = And(Metric("Group") == escaped, Metric("JobType") == "run")
    return Or(trained, Metric("ID").isin(list(signatures))) if signatures else trained


def _trained_before(runs: list[StudyRun], folder: Path) -> list[str]:
    """Signatures, which are W&B's ids too, of the runs that were finished before the study."""
    begun = Ledger(folder).signatures()
    return [run.signature for run in runs if run.directory.finished and run.signature not in begun]


def _sections(study: Study, runs: list[StudyRun]) -> list:
    from wandb_workspaces.reports import v2 as wr
    from wandb_workspaces.workspaces import Section

    arm = wr.Config(_key(study, runs))
    phenotypes = list(dict.fromkeys(name for run in runs for name in run.phenotypes))
    by_phenotype: list[PanelTypes] = [
        wr.LinePlot(
            title=name, x="epoch", y=[f"val_r2/{name}"], title_x="epoch", title_y="validation R2",
            groupby=arm, groupby_aggfunc="mean", groupby_rangefunc="minmax",
        )
        for name in phenotypes
    ]  # fmt: skip
    by_model: list[PanelTypes] = [
        wr.BarPlot(title=title, metrics=[metric], groupby=arm, groupby_aggfunc="mean",
                   groupby_rangefunc="minmax", title_x="test R2")
        for title, metric in [
            ("mean of phenotypes", "test_r2_mean"), *((n, f"test_r2/{n}") for n in phenotypes),
        ]
    ]  # fmt: skip
    against: list[PanelTypes] = [
        wr.ScatterPlot(
            title=f"test R2 against {axis}", x=wr.Config(axis), y=wr.SummaryMetric("test_r2_mean"),
            running_ymean=True,
        )
        for axis in _axes(runs)
    ]  # fmt: skip
    if LAYERS in _axes(runs):
        against.append(wr.BarPlot(
            title="test R2 by layers", metrics=["test_r2_mean"], groupby=wr.Config(LAYERS),
            groupby_aggfunc="mean", groupby_rangefunc="minmax", title_x="test R2",
        ))  # fmt: skip
    sections = [
        Section(name="Test R2 by model", panels=by_model, is_open=True, pinned=True),
        Section(name="Validation R2 by phenotype", panels=by_phenotype, is_open=True),
        Section(name="Test R2 against layers and other numbers", panels=against, is_open=True),
    ]
    return [section for section in sections if section.panels]


def _key(study: Study, runs: list[StudyRun]) -> str:
    """The config key by which the arms differ.

    Where possible it is a key that every run has, rather than the factor's: a run that was trained
    before the study has no factors.
    """
    key = study.arm if "." in study.arm else "model.name"
    pairs = {
        (str(factors[study.arm]), _at(run.config, key))
        for run in runs for factors in run.point_factors
    }  # fmt: skip
    labels, values = ({pair[i] for pair in pairs} for i in (0, 1))
    if len(labels) == len(values) == len(pairs) and None not in values:
        return key
    return f"factor.{factor_key(study.arm)}"


def _labels(study: Study, runs: list[StudyRun]) -> set[str]:
    return {str(factors[study.arm]) for run in runs for factors in run.point_factors}


def _axes(runs: list[StudyRun]) -> list[str]:
    """Config keys with numbers to draw R2 against: layers, and factors with several."""
    factors = dict.fromkeys(key for run in runs for key in run.factors if "." in key)
    axes = [] if all(_at(run.config, LAYERS) is None for run in runs) else [LAYERS]
    for key in factors:
        values = {_at(run.config, key) for run in runs}
        numbers = [v for v in values if isinstance(v, Real) and not isinstance(v, bool)]
        if len(numbers) > 1 and key not in axes:
            axes.append(key)
    return axes


def _at(config: RunConfig, key: str):
    """The value of a dotted key; None where there is none. A list as text, to be compared."""
    value = config
    for part in key.split("."):
        value = getattr(value, part, None)
    return str(value) if isinstance(value, list | Section) else value
