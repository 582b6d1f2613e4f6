"""A call from Python in a process that is the user's: what it changes there, it changes back."""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from g2p.core.interrupts import interruptible_call

_LOCK = threading.RLock()  # a user's model or callback may call g2p, too


@contextmanager
def call_from_python() -> Iterator[None]:
    """Train in the block; afterwards torch's random state and the signals' handlers are as before.

    Threads that train wait for each other: random state, warning filters and Hydra's state are
    those of the process, and a run's numbers depend on the first. Ctrl-C raises KeyboardInterrupt.
    """
    cuda = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    with _LOCK, torch.random.fork_rng(cuda), interruptible_call():
        frozen = gc.get_freeze_count()
        try:
            yield
        finally:
            if not frozen:
                gc.unfreeze()  # what a study has frozen
