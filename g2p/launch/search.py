"""A search over runs: the keys that it varies, its remaining trials, its best trial.

Hydra's sweeper does the search. `hydra/sweeper=NAME` starts from `conf/hydra/search/NAME.yaml`,
whose keys are added to the command line here, so that they are checked as if typed.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import yaml
from hydra import compose
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.types import Override
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from g2p.config.compose import compose_config, jobs, parse, text_of
from g2p.config.registry import CONF
from g2p.config.schema import inapplicable_keys
from g2p.config.search_path import composing
from g2p.core.errors import OptionError
from g2p.core.nested import flatten

RESULTS = "optimization_results.yaml"  # which the sweeper writes into hydra.sweep.dir


def search_overrides(overrides: Sequence[Override]) -> list[str]:
    """Return the overrides that `hydra/sweeper=...` adds to a command line; none without a search.

    Raises:
        OptionError: when there is nothing to search, or a number of trials is below 1.
    """
    name = next((o.value() for o in overrides if o.key_or_group == "hydra/sweeper"), None)
    if not (CONF / "hydra" / "search" / f"{name}.yaml").is_file():
        return []
    start = [f"+hydra/search={name}"]
    hydra_overrides = [text_of(o) for o in overrides if o.key_or_group.startswith("hydra")]
    with composing():
        config = compose("config", overrides=[*start, *hydra_overrides], return_hydra_config=True)
    sweeper = config.hydra.sweeper
    for key in ("n_trials", "n_jobs"):
        if not isinstance(sweeper[key], int) or sweeper[key] < 1:
            raise OptionError(f"hydra.sweeper.{key} must be at least 1, not {sweeper[key]}.")
    space = _space(sweeper.params or {}, overrides)
    if not space and not any(o.is_sweep_override() for o in overrides):
        raise OptionError(
            "there is nothing to search: none of hydra.sweeper.params is an option of this model. "
            "Set ranges, such as 'model.x=interval(0.1,1)'."
        )
    if sweeper.storage is None:
        return [*start, "hydra.sweeper.params=null", *space]
    name = sweeper.study_name or _search_name(overrides, space)
    named = f"hydra.sweeper.study_name={name}"
    return [*start, "hydra.sweeper.params=null", *space, named, *_remaining_trials(sweeper, name)]


def _search_name(overrides: Sequence[Override], space: list[str]) -> str:
    """Name a search in a storage by its keys: another data set or space is another search."""
    user_overrides = [text_of(o) for o in overrides if not o.key_or_group.startswith("hydra")]
    text = json.dumps(sorted([*user_overrides, *space]))
    return f"g2p-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _space(params: DictConfig | dict, overrides: Sequence[Override]) -> list[str]:
    """Return the keys of the space that the user has not set, and that every run has."""
    set_by_user = {override.key_or_group for override in overrides}
    keys = [key for key in params if key not in set_by_user]
    for job in jobs(overrides):
        config = compose_config(job)
        idle = inapplicable_keys(config)
        flat = flatten(config)
        keys = [key for key in keys if key in flat and key not in idle]
    return [f"{key}={params[key]}" for key in keys]


def _remaining_trials(sweeper: DictConfig, name: str) -> list[str]:
    """Return overrides for the remaining trials of a stored search, drawn with another seed.

    Raises:
        OptionError: for a storage that cannot be opened.
    """
    import optuna  # half a second, and an extra
    from sqlalchemy.exc import SQLAlchemyError

    try:
        names = [s.study_name for s in optuna.get_all_study_summaries(sweeper.storage)]
    except (SQLAlchemyError, ImportError) as error:
        why = str(error).splitlines()[0]
        raise OptionError(
            f"hydra.sweeper.storage={sweeper.storage} cannot be used: {why}"
        ) from None
    if name not in names:
        return []
    study = optuna.load_study(study_name=name, storage=sweeper.storage)
    done = sum(trial.state.is_finished() for trial in study.trials)
    overrides = [f"hydra.sweeper.n_trials={max(0, sweeper.n_trials - done)}"]
    if sweeper.sampler.get("seed") is not None:
        overrides.append(f"hydra.sweeper.sampler.seed={sweeper.sampler.seed + done}")
    return overrides


class ReportBest(Callback):
    """Prints the best trial of a search that has ended, and its run's directory."""

    def on_multirun_start(self, config: DictConfig, **of_hydra) -> None:
        # Where no trial remains, no launcher makes the folder that the sweeper writes to.
        Path(config.hydra.sweep.dir).mkdir(parents=True, exist_ok=True)

    def on_multirun_end(self, config: DictConfig, **of_hydra) -> None:
        from g2p.runs.resolve import resolve_run  # torch comes with it

        GlobalHydra.instance().clear()  # which has ended, and would not compose another config
        result = yaml.safe_load((Path(config.hydra.sweep.dir) / RESULTS).read_text())
        chosen = [f"{key}={value}" for key, value in result["best_params"].items()]
        overrides = parse(config.hydra.overrides.task)
        fixed = [text_of(override) for override in overrides if not override.is_sweep_override()]
        folder = resolve_run(compose_config([*fixed, *chosen])).directory.folder
        print(f"best trial: validation R2 {result['best_value']:z.3f} with {', '.join(chosen)}")
        print(f"run: {folder}", flush=True)
