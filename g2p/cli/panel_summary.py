"""`g2p panel [group=choice] [key=value] ...`: a panel's tables and pictures.

The command line is that of `train.py`, and so are its messages; only what says which panel it is
may be given. No torch.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from g2p.cli.command import run_command
from g2p.config.compose import compose_config, overridden_keys
from g2p.config.registry import prepare_options
from g2p.core.console import Console
from g2p.core.errors import UserError, listed
from g2p.data import load_panel
from g2p.data.panel_store import panel_file
from g2p.report.panel import figures
from g2p.report.panel.genotype_stats import calls, relatedness, relationship
from g2p.report.panel.heritability import heritability, sampled_with_values
from g2p.report.panel.ld_decay import decay
from g2p.report.panel.tables import panel_table, phenotype_table

USED = ("data", "phenotype", "paths")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="g2p panel",
        description="Show what a panel holds: a table, the phenotypes, figures below paths.cache.",
        epilog="Keys are those of train.py that choose data (data, data.*, phenotype, paths.*); "
        "g2p train --help lists them. Example: g2p panel data=byxrm phenotype=YPD",
    )
    parser.add_argument("overrides", nargs="*", metavar="group=choice or key=value")
    overrides = parser.parse_args().overrides
    run_command(lambda: summarise(config_of(overrides), Console()))


def config_of(words: list[str]) -> dict:
    """The checked config of these overrides, as plain dicts.

    Raises:
        UserError: as `train.py`, and for a key that a summary does not depend on.
    """
    config = compose_config(words)
    later = {f"data.{key}" for key in prepare_options()}
    for key in overridden_keys(words):
        if key.partition(".")[0] not in USED or key in later:
            raise UserError(
                f"{key} has no effect: a summary is of the panel itself, before it is split, "
                f"cleaned or thinned. Remove it. Used are {listed(USED)}."
            )
    return config


def summarise(config: Mapping, console: Console) -> Path:
    """Print what the panel of a checked config holds and draw it; returns the figures' folder."""
    cache = Path(config["paths"]["cache"]).expanduser().absolute()
    with console.status("reading the panel"):
        panel, fingerprint = load_panel(config["data"], cache)
    columns = panel.columns(config["phenotype"]) if panel.phenotype_names else []
    names = [panel.phenotype_names[c] for c in columns]
    values = panel.phenotypes[:, columns]
    with console.status("genotypes"):
        called = calls(panel.genotypes)
        linked = decay(panel.genotypes, panel.loci)
        related = relatedness(panel.genotypes)
    h2, rows = {}, np.empty(0)
    if names:  # a panel may have genotypes alone
        with console.status("heritabilities"):
            rows = sampled_with_values(values)
            everywhere = np.arange(panel.genotypes.shape[1])
            shares = heritability(relationship(panel.genotypes, rows, everywhere), values[rows])
            h2 = dict(zip(names, shares.tolist(), strict=True))

    console.print(panel_table(config["data"]["name"], panel, called, linked, related))
    of = f"{len(rows):,} of {len(values):,} strains"
    if names:
        console.print(phenotype_table(names, values, h2, panel.noise_ceiling))
        console.print(f"h2: additive share of the variance, REML, all loci, {of}.")

    folder = cache / "summary" / fingerprint
    drawings = {
        "frequencies": (figures.frequencies, called),
        "linkage": linked and (figures.linkage, linked),
        "relatedness": related and (figures.relationships, related, len(values)),
        "phenotypes": names and (figures.phenotypes, values, names),
        "heritability": any(np.isfinite(share) for share in h2.values())
        and (figures.heritabilities, h2, panel.noise_ceiling, of),
    }
    for name, drawing in drawings.items():
        path = folder / f"{name}.png"
        path.unlink(missing_ok=True)  # it may show other phenotypes
        if drawing:
            figures.draw(path, *drawing)
    print(f"panel: {panel_file(cache / 'panels', config['data']['name'], fingerprint)}")
    print(f"figures: {folder}", flush=True)
    return folder
