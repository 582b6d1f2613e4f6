"""A call from Python in a process that is the user's: what it changes there, it changes back."""

import gc
import inspect
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from g2p.core.errors import OptionError
from g2p.core.interrupts import interruptible_call

_LOCK = threading.RLock()  # a user's model or callback may call g2p, too


@contextmanager
def call_from_python() -> Iterator[None]:
    """Train in the block; afterwards torch's random state and the signals' handlers are as before.

    Threads that train wait for each other: random state, warning filters and Hydra's state are
    those of the process, and a run's numbers depend on the first. Ctrl-C raises KeyboardInterrupt.

    Raises:
        OptionError: in a process that a call in the user's script has started, and that imports the
            script: it would call again, and wait for itself.
    """
    if _is_imported_again():
        raise OptionError(
            "a new process imports the script that started it, which calls g2p again. Put the "
            "calls in the script under: if __name__ == '__main__':"
        )
    cuda = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    with _LOCK, torch.random.fork_rng(cuda), interruptible_call():
        frozen = gc.get_freeze_count()
        try:
            yield
        finally:
            if gc.get_freeze_count() > frozen:
                gc.unfreeze()  # else no garbage among what a study has frozen is ever found


def _is_imported_again() -> bool:
    """Whether the caller is the script of the parent process, which multiprocessing imports."""
    return any(
        frame.f_code.co_name == "<module>" and frame.f_globals.get("__name__") == "__mp_main__"
        for frame, _ in traceback.walk_stack(inspect.currentframe())
    )
