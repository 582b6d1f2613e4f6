"""The command `g2p`, also `python -m g2p`: one word says which command, the rest is its own."""

import sys
from importlib import import_module

from g2p.core.errors import nearest
from g2p.core.messages import print_error

# Command -> the module of g2p.cli that has its `main`, and what it does.
COMMANDS = {
    "train": ("train", "train one model, or with -m one for each combination"),
    "sweep": ("sweep", "train a study, compare, report"),
    "runs": ("runs", "list the runs there are, and delete some"),
    "predict": ("predict", "predict other strains with a finished run"),
    "panel": ("panel_summary", "show what a panel holds: tables and figures"),
    "average": ("average", "average the predictions of runs that differ in their seed"),
    "pretrained": ("pretrained", "load published weights and predict with them"),
}


def main() -> None:
    """Run a command; exits as that does, with 0 after --help, and with 2 for an unknown command."""
    command, *rest = sys.argv[1:] or ["--help"]
    if command in ("-h", "--help"):
        lines = [f"  {name:<12}{purpose}" for name, (_, purpose) in COMMANDS.items()]
        print("usage: g2p COMMAND ...", "", *lines, "", "g2p COMMAND --help says more.", sep="\n")
        return
    if command not in COMMANDS:
        print_error(
            f"{command} is not a command of g2p.{nearest(command, COMMANDS)} See g2p --help."
        )
        sys.exit(2)
    module, _ = COMMANDS[command]
    sys.argv[:] = [f"g2p {command}", *rest]
    import_module(f"g2p.cli.{module}").main()


if __name__ == "__main__":
    main()
