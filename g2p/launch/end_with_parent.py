"""A job's process that does not outlive the command that started it."""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def end_with(parent: int) -> None:
    """Have this process killed when its parent ends, however that is; only Linux can do so.

    A killed run resumes from its last epoch, so nothing is lost.

    Args:
        parent: the id of the process that started this one, which may have ended meanwhile.
    """
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
