"""Tasks of Ray: each is waited for, and what became of it said."""

from collections.abc import Callable
from types import SimpleNamespace

import ray
from hydra.core.utils import JobReturn
from hydra_plugins.hydra_ray_launcher import _core
from ray.exceptions import RayError

from g2p.launchers.died import died


def wait_for_all(tell: Callable[[JobReturn], None]) -> None:
    """Have the launcher, which gives up at the first task that died, wait for all of them."""
    launch = _core.launch_job_on_ray
    words: dict[ray.ObjectRef, list[str]] = {}

    def started(context, options, config, function, state) -> ray.ObjectRef:
        task = launch(context, options, config, function, state)
        words[task] = list(config.hydra.overrides.task)
        return task

    def get(task: ray.ObjectRef) -> JobReturn:
        try:
            returned = ray.get(task)
        except RayError as error:
            returned = died(words[task], type(error).__name__)
        tell(returned)
        return returned

    _core.launch_job_on_ray = started
    _core.ray = SimpleNamespace(get=get)
