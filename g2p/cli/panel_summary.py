"""`g2p panel [group=choice] [key=value] ...`: tables and figures of a panel.

The command line and its messages are those of `train.py`, restricted to the keys that choose a
panel. Figures go into `panels/` beside the folder of the runs. Imports no torch.
"""

import argparse
from pathlib import Path

import numpy as np

from g2p.cli.command import run_command
from g2p.config.compose import compose_config, overridden_keys
from g2p.config.registry import prepare_options
from g2p.config.run_config import RunConfig
from g2p.config.search_path import config_folders
from g2p.core.console import Console
from g2p.core.errors import OptionError
from g2p.core.phrases import listed
from g2p.core.typed_command import typed_command
from g2p.data import load_panel
from g2p.data.panel_store import panel_file
from g2p.report.panel import figures
from g2p.report.panel.genotype_stats import calls, relatedness, relationship
from g2p.report.panel.heritability import heritability, heritability_errors, sampled_with_values
from g2p.report.panel.ld_decay import decay
from g2p.report.panel.tables import panel_table, phenotype_table

USED = ("data", "phenotype", "paths")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="g2p panel",
        description="Print tables of a panel and its phenotypes, and draw figures into panels/, "
        "beside the folder of the runs.",
        epilog=f"Keys are those of {typed_command('train')} that choose data (data, data.*, "
        f"phenotype, paths.*); {typed_command('train')} --help lists them. "
        "Example: g2p panel data=byxrm phenotype=YPD",
    )
    parser.add_argument(
        "overrides", nargs="*", metavar="KEY=VALUE", help="data=byxrm, phenotype=YPD, ..."
    )
    parser.add_argument(
        "--config-dir", "-cd", action="append", default=[], metavar="DIR",
        help="a folder of YAML files of one's own, such as DIR/data/mine.yaml",
    )  # fmt: skip
    arguments = parser.parse_args()
    run_command(lambda: _summarise_composed(arguments.overrides, arguments.config_dir))


def _summarise_composed(overrides: list[str], folders: list[str]) -> None:
    with config_folders(folders):
        summarise(config_of(overrides), Console())


def config_of(overrides: list[str]) -> RunConfig:
    """Return the checked config of these overrides.

    Raises:
        G2PError: as `train.py`, and for a key without effect on the summary.
    """
    config = compose_config(overrides)
    without_effect = {f"data.{key}" for key in prepare_options()}
    for key in overridden_keys(overrides):
        if key.partition(".")[0] not in USED or key in without_effect:
            raise OptionError(
                f"{key} has no effect: a summary shows the panel before split, quality control and "
                f"LD pruning. Remove it. The command takes {listed(USED)}."
            )
    return config


def summarise(config: RunConfig, console: Console) -> Path:
    """Print and draw the panel of a checked config; return the figures' folder."""
    cache = Path(config.paths.cache).expanduser().absolute()
    with console.status("reading the panel"):
        panel, fingerprint = load_panel(config.data, cache)
    columns = panel.columns(config.phenotype) if panel.phenotype_names else []
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
            all_loci = np.arange(panel.genotypes.shape[1])
            kinship = relationship(panel.genotypes, rows, all_loci)
            shares = heritability(kinship, values[rows])
            errors = heritability_errors(kinship, values[rows], shares)
            h2 = dict(zip(names, zip(shares.tolist(), errors.tolist(), strict=True), strict=True))

    console.print(panel_table(config.data.name, panel, called, linked, related))
    sample = f"{len(rows):,} of {len(values):,} strains"
    if names:
        console.print(phenotype_table(names, values, h2, panel.noise_ceiling))
        console.print(
            f"h2: additive share of the variance ± standard error, REML, all loci, {sample}.",
            soft_wrap=True,
        )

    runs = Path(config.paths.runs).expanduser().absolute()
    folder = runs.parent / "panels" / f"{config.data.name}-{fingerprint[:8]}"
    drawings = {
        "frequencies": (figures.frequencies, called),
        "linkage": linked and (figures.linkage, linked),
        "relatedness": related and (figures.relationships, related, len(values)),
        "components": related and (figures.components, related, len(values)),
        "phenotypes": names and (figures.phenotypes, values, names),
        "correlations": len(names) > 1 and (figures.correlations, values, names),
        "heritability": any(np.isfinite(share) for share, _ in h2.values())
        and (figures.heritabilities, h2, panel.noise_ceiling, sample),
    }
    for name, drawing in drawings.items():
        path = folder / f"{name}.png"
        path.unlink(missing_ok=True)  # an old figure may show other phenotypes
        if drawing:
            figures.draw(path, *drawing)
    print(f"panel: {panel_file(cache / 'panels', config.data.name, fingerprint)}")
    print(f"figures: {folder}", flush=True)
    return folder
