"""Runs of the W&B client: begun, ended, and offline once its server could not be reached.

A process waits for the server once. When that was in vain, its other runs, and those of processes
that it starts, are offline from the first.
"""

import logging
import os
from collections.abc import Mapping

log = logging.getLogger(__name__)

SECONDS_TO_ANSWER = 10


def start_run(options: Mapping):
    """A W&B run, online when that works, else offline; None when W&B will have none of it."""
    import wandb

    settings = {
        "console": "off", "silent": True,
        "init_timeout": float(os.environ.get("WANDB_INIT_TIMEOUT", 30)),
        # Else a run would wait for hours for a server that went away while it trained.
        "finish_timeout": float(os.environ.get("WANDB_FINISH_TIMEOUT", 60)),
        "finish_timeout_raises": True,
        # A list of all installed packages takes 0.1 s; environment.json has the versions.
        "x_save_requirements": False,
    }  # fmt: skip
    # Beside the others that are open, each finished by itself; wandb.run stays empty.
    options = {**options, "settings": settings, "reinit": "create_new"}
    try:
        mode = wandb_mode()
        if mode == "online":
            _check_reachable()
        return wandb.init(mode=mode, resume="allow" if mode == "online" else None, **options)
    except Exception as error:  # W&B and what it is built on raise many kinds
        log.warning("W&B: %s", first_line(error))
    try:
        _go_offline()
        # The attempt that failed still holds the run's own id.
        return wandb.init(mode="offline", **{**options, "id": f"{options['id']}-offline"})
    except Exception as error:
        log.warning("W&B does not log this run: %s", first_line(error))
        return None


def _check_reachable() -> None:
    """Ask W&B's server for an answer of any kind, before a run is begun there.

    An attempt to begin one that fails stays with W&B's client, which waits for it once more when
    the process ends.

    Raises:
        ConnectionError: when there is none, within seconds.
    """
    import requests
    import wandb

    url = wandb.setup().settings.base_url
    try:
        requests.get(url, timeout=SECONDS_TO_ANSWER, allow_redirects=False, stream=True).close()
    except requests.exceptions.SSLError:  # of certificates, the client knows more
        return
    except (requests.ConnectionError, requests.Timeout) as error:
        raise ConnectionError(f"{url} does not answer ({type(error).__name__}).") from None


def finish_run(run, exit_code: int) -> None:
    """End a W&B run, waiting for what it has not sent yet; not where another has waited in vain.

    Then W&B itself ends it with the process, as all that are left at once.
    """
    if not run.offline and os.environ.get("WANDB_MODE") == "offline":
        return
    try:
        run.finish(exit_code=exit_code)
    except TimeoutError as error:
        log.warning("W&B: %s", first_line(error))
        _go_offline()


def _go_offline() -> None:
    """Have no other run of this process, or of those that it starts, wait for W&B."""
    log.warning("W&B is logged offline from here on; `wandb sync` sends it later.")
    os.environ["WANDB_MODE"] = "offline"
    # Else W&B's client would wait once more as the process ends, to send its own measurements.
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")


def wandb_mode() -> str:
    """`WANDB_MODE`, else `online` for who is logged in and `offline` for who is not."""
    import wandb

    told = os.environ.get("WANDB_MODE")
    return told or ("online" if wandb.login(prompt=False, verify=False) else "offline")


def first_line(error: Exception) -> str:
    """What a warning says of an error."""
    return next(iter(str(error).splitlines()), type(error).__name__)
