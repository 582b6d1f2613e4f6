"""Running a command: an error is one message and a non-zero exit, never a traceback."""

import sys
from collections.abc import Callable

from g2p.cli.config_dir import with_config_dir
from g2p.core.garbage import collect_rarely
from g2p.core.messages import format_error, print_error
from g2p.core.pipes import survive_closed_pipes


def run_command(action: Callable[[], object], *, interrupted: str = "stopped.") -> None:
    """Call `action`; exit with 130 after Ctrl-C and with 1 after an error, with one message each.

    Args:
        action: the command.
        interrupted: the message after Ctrl-C.
    """
    survive_closed_pipes()
    collect_rarely()
    try:
        action()
    except KeyboardInterrupt:
        print_error(interrupted)
        sys.exit(130)
    except Exception as error:
        print_error(format_error(error))
        sys.exit(1)


def run_documented(
    action: Callable[[list[str]], object], *, description: str | None, interrupted: str
) -> None:
    """Call `action` with the command line's arguments, or print the help.

    Args:
        action: the command; --config-dir is taken off its arguments, and in effect.
        description: the help, for -h and where there are no arguments.
        interrupted: the message after Ctrl-C.
    """
    arguments = sys.argv[1:]
    if not arguments or {"-h", "--help"} & set(arguments):
        print(description)
        sys.exit(0 if arguments else 1)

    def act() -> None:
        with with_config_dir(arguments) as others:
            action(others)

    run_command(act, interrupted=interrupted)
