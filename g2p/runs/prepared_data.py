"""The data that a run is fitted on, and that its model is explained on."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from g2p.config.registry import neutral_options, prepare_options
from g2p.config.run_config import RunConfig
from g2p.data.preprocess import Prepared, prepare
from g2p.runs.resolve import ResolvedRun
from g2p.training.covariates import adjust_for_covariates

# Options of data that genotypes do not depend on, at neutral values.
NOT_OF_GENOTYPES = {
    "weights": "none", "covariates": [], "categorical": [], "principal_components": 0,
}  # fmt: skip


def prepared_data(config: RunConfig, resolved: ResolvedRun) -> Prepared:
    """Return the strains, loci and phenotypes of a run, cleaned, LD-pruned and standardised.

    The effects of covariates, if it has any, are taken out of the phenotypes.

    Raises:
        DataError: as `g2p.data.preprocess.prepare`.
    """
    values = {**neutral_options("data", config.data), **config.data}  # of an earlier version, too
    options = {key: value for key, value in values.items() if key in prepare_options()}
    panel = replace(resolved.panel, phenotypes=resolved.phenotypes)
    cache = Path(config.paths.cache).expanduser()
    stored = cache / "pruned" / f"{_genotypes_signature(config, resolved.signature_of)}.npz"
    return adjust_for_covariates(
        prepare(
            panel, resolved.split, resolved.columns, config.qc, resolved.target, stored, **options
        )
    )


def ridge_config(config: RunConfig) -> RunConfig:
    """Return the config of ridge on a run's data."""
    return config.replace(model={"name": "ridge"})


def _genotypes_signature(config: RunConfig, signature_of: Callable[..., str]) -> str:
    """Hash the keys that decide on a run's genotypes, as if they were a run's config.

    Its phenotypes are not among them: they decide by the split alone, which has a digest.
    """
    ridge = ridge_config(config)
    ridge = ridge.replace(data={**config.data, **NOT_OF_GENOTYPES, "missing": "mask"})
    return signature_of(ridge.replace(transfer={"name": "none"}), phenotypes=[])
