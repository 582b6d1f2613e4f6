"""The command `g2p`, also `python -m g2p`: its first argument names the command to run."""

import sys
from importlib import import_module

from g2p.core.messages import print_error
from g2p.core.phrases import nearest
from g2p.core.pipes import survive_closed_pipes

# Command -> the module of g2p.cli with its `main`, and its purpose.
COMMANDS = {
    "train": ("train", "train one run, or with -m one for each combination of values"),
    "sweep": ("sweep", "train a study, compare its runs and write a report"),
    "runs": ("runs", "list runs, and delete some"),
    "predict": ("predict", "predict other strains with a finished run"),
    "score": ("score", "score a finished run on another panel that has phenotypes"),
    "explain": ("explain", "say which loci and interactions a run found"),
    "panel": ("panel_summary", "print tables and draw figures of a panel"),
    "average": ("average", "average the predictions of runs that differ in their seed"),
    "pretrained": ("pretrained", "predict with published weights"),
}


def main() -> None:
    """Run a command and exit with its code; with 0 after --help, with 2 for an unknown command."""
    survive_closed_pipes()
    command, *rest = sys.argv[1:] or ["--help"]
    if command in ("-h", "--help"):
        lines = [f"  {name:<12}{purpose}" for name, (_, purpose) in COMMANDS.items()]
        print("usage: g2p COMMAND ...", "", *lines, sep="\n")
        print("\ng2p COMMAND --help lists the arguments of a command.")
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
