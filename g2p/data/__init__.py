"""From data files to training batches: source, panel, split, quality control, scaling."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from g2p.config.locate import is_dotted
from g2p.config.registry import choice_options, panel_options, prepare_options
from g2p.data.panel import Panel
from g2p.data.strain_facts import add_strain_facts
from g2p.data.user_source import read_user_panel


def load_panel(options: Mapping, cache: Path) -> tuple[Panel, str]:
    """Read the panel of the source `options["name"]`, of g2p or of a user; with its fingerprint.

    The fingerprint names source, options and content; panels are stored below `cache`.
    """
    fields = choice_options("data", options["name"])
    arguments = {
        key: Path(value).expanduser() if fields[key].is_path and value is not None else value
        for key, value in options.items() if key != "name" and key not in prepare_options()
    }  # fmt: skip
    added = {key: arguments.pop(key, None) for key in panel_options()}
    if is_dotted(options["name"]):
        panel, fingerprint = read_user_panel(options["name"], arguments, cache / "panels")
    else:
        if "facts" in fields:  # covariates of the phenotype table are facts; earlier runs have none
            arguments["optional_facts"] = options.get("covariates", [])
        source = import_module(f"g2p.data.sources.{options['name']}")
        panel, fingerprint = source.read(folder=cache / "panels", **arguments)
    return add_strain_facts(panel, fingerprint, **added)
