"""Any model of g2p as an estimator of scikit-learn, for its pipelines and cross-validation.

    from g2p.sklearn import G2PRegressor
    cross_val_score(G2PRegressor(model="ridge"), genotypes, phenotype, cv=10)

It keeps its model in memory and writes no run; `g2p.train` is what to use for results that last.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import check_is_fitted

from g2p.config.compose import compose_config
from g2p.config.override_text import format_override
from g2p.config.registry import GROUPS, prepare_options
from g2p.config.run_config import RunConfig
from g2p.core.errors import DataError
from g2p.data.panel import UNKNOWN, Panel, missing_genotypes, validate
from g2p.data.preprocess import Prepared, prepare
from g2p.data.split import Split


class G2PRegressor(RegressorMixin, BaseEstimator):
    """A model of g2p with `fit`, `predict` and `score` of scikit-learn.

    Args:
        model: a choice of `model`, such as "ridge" or "transformer".
        options: of the model, by name; of other groups with the group's name, as in
            `{"num_layers": 2, "optim.lr": 1e-3, "trainer.max_epochs": 50}`.
        validation_share: of the strains, drawn by `seed`: a network's best epoch is chosen on them.
            A closed form is fitted on all strains.
        seed: of that draw, of initial weights, batches and dropout.

    Errors are those of g2p: `OptionError` for an option, `DataError` for data that do not fit.
    """

    def __init__(
        self,
        model: str = "ridge",
        options: Mapping | None = None,
        validation_share: float = 0.15,
        seed: int = 0,
    ):
        self.model = model
        self.options = options
        self.validation_share = validation_share
        self.seed = seed

    def fit(self, X, y) -> "G2PRegressor":
        """Fit genotypes (N, L) from -1 to 1 to phenotypes (N,) or (N, P), NaN where missing.

        X may be a DataFrame, whose columns then are the names of loci.
        """
        from g2p.runs.in_process import call_from_python
        from g2p.training.fit import fit_model

        config = self._config()
        genotypes, phenotypes = _numbers(X, "X"), _numbers(y, "y", np.float64)
        if genotypes.ndim != 2 or phenotypes.ndim not in (1, 2) or len(y) != len(genotypes):
            raise DataError(
                f"X is of shape {genotypes.shape} and y of shape {phenotypes.shape}; they must be "
                "(strains, loci) and (strains,) or (strains, phenotypes)."
            )
        self.n_features_in_ = genotypes.shape[1]
        if hasattr(X, "columns"):
            self.feature_names_in_ = np.array(X.columns.map(str), object)
        self._is_vector = phenotypes.ndim == 1
        self.data_ = self._prepare(genotypes, phenotypes.reshape(len(phenotypes), -1), config)
        with tempfile.TemporaryDirectory() as folder, call_from_python():  # of checkpoints
            checkpoints = Path(folder) / "checkpoints"
            checkpoints.mkdir()
            self.fitted_ = fit_model(config, self.data_, checkpoints, lambda rows: None)
        return self

    def predict(self, X) -> np.ndarray:
        """Return phenotypes (N,) or (N, P), as y was, in its units, for genotypes (N, L)."""
        check_is_fitted(self)
        genotypes = _numbers(X, "X")
        if genotypes.ndim != 2 or genotypes.shape[1] != self.n_features_in_:
            raise DataError(
                f"X is of shape {genotypes.shape}; it must be (strains, {self.n_features_in_})."
            )
        names = [str(name) for name in getattr(X, "columns", [])]
        if names and names != list(getattr(self, "feature_names_in_", names)):
            raise DataError("the columns of X are not those that the model was fitted on.")
        genotypes = genotypes[:, self.data_.panel_columns]
        mean = np.array(self.data_.inputs()["mean_genotype"], np.float32)
        genotypes = np.where(missing_genotypes(genotypes), mean, genotypes)
        predicted = self.data_.scaler.original(self.fitted_.predict(genotypes))
        return predicted[:, 0] if self._is_vector else predicted

    def _config(self) -> RunConfig:
        """Return the config that the options mean."""
        overrides = [format_override("model", self.model), "logger=none", f"seed={self.seed}"]
        for key, value in (self.options or {}).items():
            is_full = key.partition(".")[0] in GROUPS
            overrides.append(format_override(key if is_full else f"model.{key}", value))
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
        return prepare(panel, split, columns, config.qc, **options)


def _numbers(values, name: str, kind: type = np.float32) -> np.ndarray:
    """Return values as an array of numbers.

    Raises:
        DataError: where they are none.
    """
    try:
        return np.asarray(values, kind)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name} must hold numbers ({error}).") from None
