"""Covariates of strains as a design matrix: sex, batch, age, and principal components.

A column of texts becomes a term for each of its levels, a column of numbers one term. All are
centred, and numbers scaled, by the training strains alone. A strain without a value, or of a level
that no training strain has, has zeros there: it counts as the average training strain.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from g2p.core.errors import DataError
from g2p.core.phrases import listed, plural
from g2p.data.panel import Panel
from g2p.data.sources.delimited_text import NUMBER
from g2p.data.split import Split
from g2p.data.strain_cells import Cells, is_number, strain_cells


@dataclass(frozen=True)
class Term:
    """A column of the design: (x - mean) / sd, where x is a number, or 1 at `level`, else 0.

    `column` is of the strain table; `PC1`, ... are principal components, which are not in it.
    """

    column: str
    level: str | None
    mean: float
    sd: float

    @property
    def label(self) -> str:
        return self.column if self.level is None else f"{self.column}={self.level}"


@dataclass(frozen=True, eq=False)
class Design:
    """How a design matrix of C columns is built; the last K are principal components of genotypes.

    Attributes:
        terms: one for each column of the design. The terms that come from the same column of the
            strain table, such as the levels of a batch, are adjacent.
        loadings: (K, L) of the components, at L loci.
        centre: (L,), the mean genotype of the training strains.
    """

    terms: tuple[Term, ...]
    loadings: np.ndarray
    centre: np.ndarray

    @property
    def columns(self) -> list[str]:
        """Of the strain table."""
        return list(dict.fromkeys(term.column for term in self._of_table))

    @property
    def _of_table(self) -> tuple[Term, ...]:
        return self.terms[: len(self.terms) - len(self.loadings)]

    def matrix(self, cells: Mapping[str, Cells], genotypes: np.ndarray) -> np.ndarray:
        """Return the design (n, C) of strains.

        Args:
            cells: by column of the strain table, null where missing; of an absent column all are.
            genotypes: (n, L), as the model sees them.
        """
        n = len(genotypes)
        X = np.zeros((n, len(self.terms)))
        for column in self.columns:
            places = [i for i, term in enumerate(self._of_table) if term.column == column]
            values = cells.get(column, [None] * n)
            X[:, places] = _standardised([self.terms[i] for i in places], values)
        if len(self.loadings):
            components = (genotypes.astype(np.float32) - self.centre) @ self.loadings.T
            first = len(self._of_table)
            X[:, first:] = components / [term.sd for term in self.terms[first:]]
        return X

    def unknown(self, cells: Mapping[str, Cells]) -> list[str]:
        """Say, a line for each column, which strains count as average there."""
        lines = []
        for column in self.columns:
            levels = {term.level for term in self._of_table if term.column == column}
            if (values := cells.get(column)) is None:
                lines.append(f"covariate {column}: the panel has no such column; all strains")
                continue
            if missing := sum(value is None for value in values):
                lines.append(f"covariate {column}: {plural(missing, 'strain')} without a value")
            if None not in levels and (new := {v for v in values if v is not None} - levels):
                n = plural(sum(value in new for value in values), "strain")
                levels_text = listed(sorted(new), 5)
                lines.append(f"covariate {column}: no training strain has {levels_text}; {n}")
            if None in levels and (texts := [v for v in values if v and not is_number(v)]):
                n = plural(len(texts), "strain")
                lines.append(f"covariate {column}: {texts[0][:40]!r} is no number; {n}")
        return [f"{line} count as the average training strain." for line in lines]

    def as_plain(self) -> dict:
        """Return plain values, for a checkpoint."""
        return {"terms": [asdict(term) for term in self.terms], "loadings": self.loadings.tolist()}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any], centre: Sequence[float]) -> "Design":
        """Read what `as_plain` wrote.

        Raises:
            TypeError, ValueError, KeyError: where it is something else.
        """
        terms = tuple(Term(**term) for term in plain["terms"])
        loadings = np.array(plain["loadings"], float).reshape(-1, len(centre))
        if any(not np.isfinite([t.mean, t.sd]).all() or t.sd <= 0 for t in terms):
            raise ValueError("a term is not finite")
        return cls(terms, loadings, np.array(centre))


def fit_design(
    panel: Panel, split: Split, genotypes: np.ndarray, covariates: list, categorical: list,
    n_components: int,
) -> tuple[Design, list[str]]:  # fmt: skip
    """Return the design that the training strains determine, and what is to be said of it.

    Args:
        panel: whose strain table has the columns.
        split: of its strains.
        genotypes: (N, L), as the model sees them.
        covariates: columns of the strain table.
        categorical: those of them whose numbers are names of groups.
        n_components: of the training strains' genotypes.

    Raises:
        DataError: for a column that does not exist, is constant on the training strains, names
            single strains, or for more terms than training strains can determine.
    """
    if names := [name for name in categorical if name not in covariates]:
        raise DataError(f"data.categorical: {listed(map(str, names))} is not in data.covariates.")
    rows = split["train"]
    cells = strain_cells(panel, covariates)
    of_train = {column: [values[row] for row in rows] for column, values in cells.items()}
    terms = [
        term
        for column, values in of_train.items()
        for term in _terms(column, values, column in categorical)
    ]
    centre = genotypes[rows].mean(axis=0, dtype=np.float64)
    loadings = np.empty((0, len(centre)))
    if n_components:
        loadings, components = _principal_components(genotypes[rows], n_components)
        terms += components
    if len(terms) > len(rows) - 3:
        raise DataError(
            f"data.covariates: {len(rows)} training strains do not determine the effects of "
            f"{len(terms)} covariates and levels."
        )
    design = Design(tuple(terms), loadings, centre)
    unknown = design.unknown(_of_split(cells, split))
    return design, [_summary(design), *_of_one_strain(design, of_train), *unknown]


def _of_split(cells: Mapping[str, Cells], split: Split) -> dict[str, Cells]:
    rows = np.concatenate(list(split.values()))
    return {name: [values[row] for row in rows] for name, values in cells.items()}


def _summary(design: Design) -> str:
    kinds = []
    for column in design.columns:
        levels = [term.level for term in design.terms if term.column == column]
        kinds.append(f"{column} ({'a number' if levels == [None] else f'{len(levels)} levels'})")
    if len(design.loadings):
        kinds.append(plural(len(design.loadings), "principal component"))
    return f"covariates: {listed(kinds)}"


def _of_one_strain(design: Design, of_train: Mapping[str, Cells]) -> list[str]:
    """Say, a line for each column, which of its levels a single training strain has."""
    lines = []
    for column, values in of_train.items():
        levels = [term.level for term in design.terms if term.column == column]
        if alone := [level for level in levels if level and values.count(level) == 1]:
            lines.append(
                f"covariate {column}: one training strain each, whose phenotype the effect will "
                f"fit, has {listed(alone, 5)}."
            )
    return lines


def _terms(column: str, values: Cells, is_categorical: bool) -> list[Term]:
    """Return the terms of a column, from the training strains' values."""
    present = [value for value in values if value is not None]
    levels = sorted(set(present))
    if len(levels) < 2:
        what = f"is {levels[0]!r} in all" if levels else "has no value in any of"
        raise DataError(
            f"data.covariates: '{column}' {what} {len(values):,} training strains, so that it "
            "explains nothing. Leave it out."
        )
    if all(NUMBER.fullmatch(value) for value in levels) and not is_categorical:
        numbers = np.array(present, float)
        if not np.isfinite(numbers).all() or np.ptp(numbers) == 0:
            raise DataError(f"data.covariates: '{column}' has no two finite values that differ.")
        return [Term(column, None, float(numbers.mean()), float(numbers.std()))]
    if len(levels) > len(present) / 2:
        raise DataError(
            f"data.covariates: '{column}' has {len(levels):,} levels among {len(present):,} "
            "training strains: it names strains rather than groups of them."
        )
    return [Term(column, level, present.count(level) / len(present), 1.0) for level in levels]


def _standardised(terms: list[Term], values: Cells) -> np.ndarray:
    """Return the columns (n, len(terms)) of one column of the strain table."""
    if terms[0].level is None:
        numbers = np.array([float(v) if v is not None and is_number(v) else np.nan
                            for v in values])  # fmt: skip
        numbers = (numbers - terms[0].mean) / terms[0].sd
        return np.where(np.isfinite(numbers), numbers, 0.0)[:, None]
    X = np.array([[value == term.level for term in terms] for value in values], float)
    return np.where(X.any(axis=1, keepdims=True), X - [term.mean for term in terms], 0.0)


def _principal_components(genotypes: np.ndarray, number: int) -> tuple[np.ndarray, list[Term]]:
    """Return loadings (K, L) and terms of the first principal components of genotypes (n, L)."""
    from sklearn.decomposition import PCA  # a second, for those who ask for components

    if number >= min(genotypes.shape):
        raise DataError(
            f"data.principal_components={number}: {len(genotypes)} training strains at "
            f"{genotypes.shape[1]} loci have fewer."
        )
    pca = PCA(number, random_state=0).fit(genotypes.astype(np.float32))
    sd = pca.transform(genotypes.astype(np.float32)).std(axis=0, dtype=np.float64)
    if not (sd > 0).all():
        raise DataError(f"data.principal_components={number}: the training strains have fewer.")
    terms = [Term(f"PC{i}", None, 0.0, float(s)) for i, s in enumerate(sd, start=1)]
    return np.asarray(pca.components_, np.float64), terms
