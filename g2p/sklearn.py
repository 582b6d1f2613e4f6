"""Any model of g2p as an estimator of scikit-learn, for its pipelines and cross-validation.

    from g2p.sklearn import G2PRegressor
    cross_val_score(G2PRegressor(model="ridge"), genotypes, phenotype, cv=10)

It keeps its model in memory and writes no run; `g2p.train` is what to use for results that last.
"""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.model_selection import train_test_split
from sklearn.utils import Tags
from sklearn.utils.validation import (
    check_array,
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from g2p.config.compose import compose_config
from g2p.config.override_text import format_override
from g2p.config.registry import GROUPS, prepare_options
from g2p.config.run_config import RunConfig
from g2p.config.search_path import config_folders
from g2p.core.errors import DataError
from g2p.data.panel import UNKNOWN, Panel, missing_genotypes, validate
from g2p.data.preprocess import Prepared, prepare
from g2p.data.split import Split
from g2p.training.covariates import adjust_for_covariates


class InputError(DataError, ValueError):
    """X or y that cannot be used; a ValueError too, which scikit-learn's tools expect."""


class G2PRegressor(RegressorMixin, BaseEstimator):
    """A model of g2p with `fit`, `predict` and `score` of scikit-learn.

    It passes scikit-learn's estimator checks on genotypes, which lie in [-1, 1].

    Args:
        model: a choice of `model`, such as "ridge" or "transformer".
        options: of the model, by name; of other groups with the group's name, as in
            `{"num_layers": 2, "optim.lr": 1e-3, "trainer.max_epochs": 50}`.
        validation_share: of the strains, drawn by `seed`: a network's best epoch is chosen on them.
            A closed form is fitted on all strains.
        seed: of that draw, of initial weights, batches and dropout.
        config_dir: a folder of YAML files of one's own, such as `model/mine.yaml`.

    Errors are those of g2p: `OptionError` for an option, `InputError`, a `DataError`, for data that
    do not fit.
    """

    def __init__(
        self,
        model: str = "ridge",
        options: Mapping | None = None,
        validation_share: float = 0.15,
        seed: int = 0,
        config_dir: str | os.PathLike | None = None,
    ):
        self.model = model
        self.options = options
        self.validation_share = validation_share
        self.seed = seed
        self.config_dir = config_dir

    def fit(self, X, y) -> "G2PRegressor":
        """Fit genotypes (N, L) from -1 to 1 to phenotypes (N,) or (N, P), NaN where missing.

        X may be a DataFrame, whose columns then are the names of loci.
        """
        from g2p.runs.in_process import call_from_python
        from g2p.training.fit import fit_model

        config = self._config()
        with _input_errors():
            if y is None:
                raise ValueError("G2PRegressor requires y to be passed, but the target y is None.")
            genotypes = self._genotypes(X, is_fit=True)
            phenotypes = check_array(y, ensure_2d=False, input_name="y", **_numbers(np.float64))
            check_consistent_length(genotypes, phenotypes)
            self._is_vector = phenotypes.ndim == 1
            table = phenotypes.reshape(len(phenotypes), -1)
            self.data_ = self._prepare(genotypes, table, config)
        with tempfile.TemporaryDirectory() as folder, call_from_python():  # of checkpoints
            checkpoints = Path(folder) / "checkpoints"
            checkpoints.mkdir()
            self.fitted_ = fit_model(config, self.data_, checkpoints, lambda rows: None)
        return self

    def predict(self, X) -> np.ndarray:
        """Return phenotypes (N,) or (N, P), as y was, in its units, for genotypes (N, L)."""
        check_is_fitted(self)
        with _input_errors():
            genotypes = self._genotypes(X, is_fit=False)[:, self.data_.panel_columns]
        mean = np.array(self.data_.inputs()["mean_genotype"], np.float32)
        genotypes = np.where(missing_genotypes(genotypes), mean, genotypes)
        predicted = self.data_.scaler.original(self.fitted_.predict(genotypes))
        if (covariates := self.data_.covariates) is not None:  # principal components
            predicted += covariates.design.matrix({}, genotypes) @ covariates.effects
        return predicted[:, 0] if self._is_vector else predicted

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.target_tags.multi_output = True
        return tags

    def _genotypes(self, X, *, is_fit: bool) -> np.ndarray:
        """Return genotypes (N, L) float32, the loci checked against those of the fit."""
        fewest = 2 if is_fit else 1
        options = _numbers(np.float32)
        return np.asarray(
            validate_data(self, X, reset=is_fit, ensure_min_samples=fewest, **options), np.float32
        )

    def _config(self) -> RunConfig:
        """Return the config that the options mean."""
        overrides = [format_override("model", self.model), "logger=none", f"seed={self.seed}"]
        for key, value in (self.options or {}).items():
            is_full = key.partition(".")[0] in GROUPS
            overrides.append(format_override(key if is_full else f"model.{key}", value))
        folders = [] if self.config_dir is None else [Path(self.config_dir).expanduser()]
        with config_folders(folders):
            return compose_config(overrides)

    def _prepare(
        self, genotypes: np.ndarray, phenotypes: np.ndarray, config: RunConfig
    ) -> Prepared:
        n_strains, n_loci = genotypes.shape
        names = getattr(self, "feature_names_in_", [f"locus_{i}" for i in range(n_loci)])
        loci = pa.table({
            "id": list(names), "chromosome": [UNKNOWN] * n_loci, "position": range(1, n_loci + 1),
        })  # fmt: skip
        panel = validate(
            Panel(
                genotypes,
                phenotypes,
                strains=[f"strain_{i}" for i in range(n_strains)],
                phenotype_names=[f"y{i}" for i in range(phenotypes.shape[1])],
                loci=loci,
            ),
            "X, y",
        )
        train = val = np.arange(n_strains)
        if config.model.is_trained:
            parts = train_test_split(train, test_size=self.validation_share, random_state=self.seed)
            train, val = map(np.asarray, parts)
        split = Split({"train": train, "val": val, "test": val})  # nothing is scored on test
        options = {key: getattr(config.data, key) for key in prepare_options()}
        columns = list(range(phenotypes.shape[1]))
        return adjust_for_covariates(prepare(panel, split, columns, config.qc, **options))


def _numbers(dtype: type) -> dict[str, Any]:
    """Return what scikit-learn is to make of values: numbers of a type, NaN where missing."""
    return {"dtype": dtype, "ensure_all_finite": "allow-nan"}


@contextmanager
def _input_errors() -> Iterator[None]:
    """Raise what is wrong with X or y as an InputError; scikit-learn has its own type of some."""
    try:
        yield
    except (DataError, ValueError) as error:
        raise InputError(str(error)) from error
