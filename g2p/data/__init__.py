"""From data files to training batches: source, panel, split, quality control, scaling."""

from importlib import import_module
from pathlib import Path

from g2p.config.registry import choice_options, prepare_options
from g2p.data.panel import Panel


def load_panel(options: dict, cache: Path) -> tuple[Panel, str]:
    """Read the panel of the source `options["name"]`; return it and its fingerprint.

    The fingerprint names source, options and content; panels are stored below `cache`.
    """
    fields = choice_options("data", options["name"])
    arguments = {
        key: Path(value).expanduser() if fields[key].is_path and value is not None else value
        for key, value in options.items()
        if key != "name" and key not in prepare_options()
    }
    return import_module(f"g2p.data.sources.{options['name']}").read(
        folder=cache / "panels", **arguments
    )
