"""Running a command: an error is one message and a non-zero exit, never a traceback."""

import sys
from collections.abc import Callable

from g2p.core.messages import format_error, print_error
from g2p.core.pipes import survive_closed_pipes


def run_command(action: Callable[[], object], *, interrupted: str = "stopped.") -> None:
    """Call `action`; exit with 130 after Ctrl-C and with 1 after an error, with one message each.

    Args:
        action: the command.
        interrupted: the message after Ctrl-C.
    """
    survive_closed_pipes()
    try:
        action()
    except KeyboardInterrupt:
        print_error(interrupted)
        sys.exit(130)
    except Exception as error:
        print_error(format_error(error))
        sys.exit(1)
