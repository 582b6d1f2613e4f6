"""The fixed effects of covariates, estimated once for every model of the same data.

y = mean + C b + g(x) + noise. b is estimated by generalised least squares where g is linear with
random effects, ridge's model with its variances by REML (Henderson 1975, Biometrics 31:423), and is
not penalised. Each model then learns g from y - C b, and C b is added to what it predicts. Ridge
projects C out of the genotypes too, and so is the exact joint solution. That all models have the
same b is on purpose: what differs between arms of a study is then g alone.
"""

from dataclasses import replace

import numpy as np

from g2p.baselines.ridge import Ridge, column_space
from g2p.core.errors import DataError
from g2p.core.phrases import plural
from g2p.data.preprocess import Prepared, only_subset
from g2p.data.scaler import Scaler
from g2p.training.fit_ridge import training_values
from g2p.training.metrics import by_phenotype, scores

# Values beside those that effects take up, from which the variances are estimated.
FEWEST_BEYOND = 10


def adjust_for_covariates(data: Prepared) -> Prepared:
    """Return the data with the effects of its covariates, if any, taken out of the phenotypes."""
    covariates = data.covariates
    if covariates is None:
        return data
    train = data.split["train"]
    phenotypes = training_values(data)
    _refuse_too_few(data, phenotypes, covariates.values)
    ridge = Ridge().fit(data.genotypes, phenotypes, covariates.values)
    effects = ridge.covariate_effects.T * data.scaler.sd
    part = covariates.values @ effects
    left = data.observed - part
    scaler = Scaler.fit(only_subset(left, data.split, "train")[train])
    errors = data.standard_errors
    return replace(
        data,
        phenotypes=scaler.standardise(left).astype(np.float32),
        scaler=scaler,
        standard_errors=None if errors is None else errors * data.scaler.sd / scaler.sd,
        covariates=replace(covariates, effects=effects, part=part / scaler.sd),
    )


def _refuse_too_few(data: Prepared, phenotypes: np.ndarray, covariates: np.ndarray) -> None:
    """Raise a DataError for a phenotype whose values do not determine the covariates' effects."""
    for name, y in zip(data.phenotype_names, phenotypes.T, strict=True):
        C = covariates[np.isfinite(y)]
        rank = column_space(C - C.mean(axis=0)).shape[1] if len(C) else 0
        if len(C) < rank + FEWEST_BEYOND:
            raise DataError(
                f"data.covariates: phenotype '{name}' has {plural(len(C), 'value')} among the "
                f"training strains; {rank} effects of covariates need {rank + FEWEST_BEYOND}. Use "
                "fewer covariates, or levels."
            )


def covariate_scores(data: Prepared, predicted: np.ndarray) -> dict:
    """Return what the covariates explain of the test strains, as metrics.json has it.

    By phenotype: `r2`, of their effects alone; `r2_beyond`, of the model where the covariates'
    effects are taken out of both predicted and observed; `share_of_prediction`, of the variance of
    what it predicts from genotypes, which the covariates explain (adjusted R2): near 1, the model
    reads them from the genotypes. `effects`, in original units, of a level against the average
    level, and of a number by its standard deviation.

    Args:
        data: whose covariates' effects are estimated.
        predicted: (n, P), of the test strains, original units.
    """
    covariates = data.covariates
    assert covariates is not None and covariates.part is not None and covariates.effects is not None
    rows = data.split["test"]
    observed = only_subset(data.observed, data.split, "test")[rows]
    part = covariates.part[rows] * data.scaler.sd
    beyond = predicted - part
    shares = [_adjusted_r2(covariates.values[rows], y) for y in (beyond / data.scaler.sd).T]
    terms = zip(covariates.design.terms, covariates.effects, strict=True)
    names = data.phenotype_names
    return {
        "r2": by_phenotype(names, scores(part + data.scaler.mean, observed).r2),
        "r2_beyond": by_phenotype(names, scores(beyond, observed - part).r2),
        "share_of_prediction": by_phenotype(names, np.array(shares)),
        "effects": {term.label: by_phenotype(names, effects) for term, effects in terms},
    }


def _adjusted_r2(C: np.ndarray, y: np.ndarray) -> float:
    """Return the adjusted R2 of standardised y (n,) on C (n, c), at least 0; 0 of a constant y."""
    y = y - y.mean()
    basis = column_space(C - C.mean(axis=0))
    degrees = len(y) - 1 - basis.shape[1]
    if degrees < 1 or y.std() < 1e-9:  # what is left of it is rounding
        return 0.0
    unexplained = 1 - ((basis.T @ y) ** 2).sum() / (y**2).sum()
    return max(0.0, 1 - unexplained * (len(y) - 1) / degrees)
