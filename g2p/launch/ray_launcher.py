"""Tasks of Ray: each is waited for, and its result reported."""

import signal
from collections.abc import Callable
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import ray
from hydra.core.utils import JobReturn
from ray.exceptions import RayError

from g2p.core.interrupts import raise_if_interrupted
from g2p.launch.job_failure import job_failure

SECONDS_BETWEEN_LOOKS = 0.5
# Of a package that declares types, in a module of which nothing is public.
_core: Any = import_module("hydra_plugins.hydra_ray_launcher._core")


def wait_for_all(report: Callable[[JobReturn], None]) -> None:
    """Have the launcher, which gives up at the first task that died, wait for all of them."""
    launch, start = _core.launch_job_on_ray, _core.start_ray
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    overrides: dict[ray.ObjectRef, list[str]] = {}

    def connected(options) -> None:
        if options.address != "local":
            options.pop("object_store_memory")  # the plugin always adds it; a cluster has its own
        start(options)

    def started(context, options, config, function, state) -> ray.ObjectRef:
        for number, handler in handlers.items():  # Ray has put handlers of its own there
            signal.signal(number, handler)
        task = launch(context, options, config, function, state)
        overrides[task] = list(config.hydra.overrides.task)
        return task

    def get(task: ray.ObjectRef) -> JobReturn:
        ready = []
        while not ready:
            ready, _ = ray.wait([task], timeout=SECONDS_BETWEEN_LOOKS)
            raise_if_interrupted()  # Ray drops what is raised within its calls
        try:
            returned = ray.get(task)
        except RayError as error:
            returned = job_failure(overrides[task], type(error).__name__)
        report(returned)
        return returned

    _core.start_ray = connected
    _core.launch_job_on_ray = started
    _core.ray = SimpleNamespace(get=get)
