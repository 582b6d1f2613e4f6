"""Starting and finishing runs of the W&B client, offline once its server is unreachable.

A process waits for the server once. If the server does not answer, the later runs of the process,
and of processes that it starts, are offline from their start.
"""

import logging
import os
from collections.abc import Mapping
from typing import Any

log = logging.getLogger(__name__)

SECONDS_TO_ANSWER = 10


def start_run(options: Mapping):
    """Start a W&B run, online if possible, else offline; return None if W&B refuses both."""
    import wandb

    settings = {
        "console": "off", "silent": True,
        "init_timeout": float(os.environ.get("WANDB_INIT_TIMEOUT", 30)),
        # By default a run waits for hours for a server that stops answering while it trains.
        "finish_timeout": float(os.environ.get("WANDB_FINISH_TIMEOUT", 60)),
        "finish_timeout_raises": True,
        # Listing all installed packages takes 0.1 s; environment.json has the versions.
        "x_save_requirements": False,
    }  # fmt: skip
    # "create_new": several runs are open at once, each finished separately.
    arguments: dict[str, Any] = {**options, "settings": settings, "reinit": "create_new"}
    try:
        mode = wandb_mode()
        if mode == "online":
            _check_reachable()
        resume = "allow" if mode == "online" else None
        return wandb.init(**{**arguments, "mode": mode, "resume": resume})
    except Exception as error:  # W&B and its libraries raise many types
        log.warning("W&B: %s", first_line(error))
    try:
        _go_offline()
        # The failed attempt still occupies the run's id.
        return wandb.init(**{**arguments, "mode": "offline", "id": f"{options['id']}-offline"})
    except Exception as error:
        log.warning("W&B does not log this run: %s", first_line(error))
        return None


def _check_reachable() -> None:
    """Check that W&B's server answers, before a run is started there.

    W&B's client waits for a run that it fails to start once more when the process ends.

    Raises:
        ConnectionError: if no answer comes within seconds.
    """
    import requests
    import wandb

    url = wandb.setup().settings.base_url
    try:
        requests.get(url, timeout=SECONDS_TO_ANSWER, allow_redirects=False, stream=True).close()
    except requests.exceptions.SSLError:  # the client has its own certificates
        return
    except (requests.ConnectionError, requests.Timeout) as error:
        raise ConnectionError(f"{url} does not answer ({type(error).__name__}).") from None


def finish_run(run, exit_code: int) -> None:
    """Finish a W&B run and wait until it is uploaded, unless an earlier run waited in vain.

    In that case W&B finishes all open runs at once when the process ends.
    """
    if not run.offline and os.environ.get("WANDB_MODE") == "offline":
        return
    try:
        run.finish(exit_code=exit_code)
    except TimeoutError as error:
        log.warning("W&B: %s", first_line(error))
        _go_offline()


def _go_offline() -> None:
    """Log the later runs of this process, and of processes that it starts, offline."""
    log.warning("W&B logs offline from now on; `wandb sync` uploads the runs later.")
    os.environ["WANDB_MODE"] = "offline"
    # W&B's client would wait once more when the process ends, to upload its own measurements.
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")


def wandb_mode() -> str:
    """Return `WANDB_MODE` if set, else `online` if the user is logged in, else `offline`."""
    import wandb

    mode = os.environ.get("WANDB_MODE")
    return mode or ("online" if wandb.login(prompt=False, verify=False) else "offline")


def first_line(error: Exception) -> str:
    """Return the first line of an error's text, for a warning."""
    return next(iter(str(error).splitlines()), type(error).__name__)
