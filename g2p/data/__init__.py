"""From files to what a model is fitted on: source, panel, split, scale, batches."""

from importlib import import_module
from pathlib import Path

from g2p.config.registry import choice_options, prepare_options
from g2p.data.panel import Panel


def load_panel(options: dict, cache: Path) -> tuple[Panel, str]:
    """The panel of the source `options["name"]`, and its fingerprint.

    The fingerprint names source, options and content; panels are stored below `cache`.
    """
    known = choice_options("data", options["name"])
    told = {
        key: Path(value).expanduser() if known[key].is_path and value is not None else value
        for key, value in options.items()
        if key != "name" and key not in prepare_options()
    }
    return import_module(f"g2p.data.sources.{options['name']}").read(
        folder=cache / "panels", **told
    )
