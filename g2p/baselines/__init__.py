"""Baselines: closed forms and other libraries; `fit`, `load` and `predict`, a file each."""

import inspect
from collections.abc import Mapping

import numpy as np

from g2p.config.components import class_name, construct
from g2p.config.load_component import builder_of
from g2p.core.errors import CodeError
from g2p.core.phrases import listed

METHODS = ("fit", "load", "predict")  # see `g2p.baselines.ridge`
PROPERTIES = ("state", "num_parameters")  # once it is fitted
INTERFACE = (
    f" A closed form has the methods {listed(METHODS)} and, once it is fitted, "
    f"{listed(PROPERTIES)}, as g2p.baselines.ridge has."
)


def build_baseline(options: Mapping):
    """Build the baseline `options["name"]`, of g2p or of a user, from its options.

    Raises:
        CodeError: naming the baseline's file, where its class lacks a method.
    """
    name = options["name"]
    chosen = {key: value for key, value in options.items() if key != "name"}
    builder = builder_of(name, f"g2p.baselines.{name}", class_name(name))
    baseline = construct(builder, **chosen)
    missing = [method for method in METHODS if not callable(getattr(baseline, method, None))]
    if missing:
        file, name = inspect.getfile(builder), builder.__name__
        raise CodeError(f"{file}: {name} has no {listed(missing)}.{INTERFACE}")
    return baseline


def fit_closed_form(options: Mapping, genotypes: np.ndarray, phenotypes: np.ndarray):
    """Build a baseline and fit it to genotypes (n, L) and phenotypes (n, P), NaN where missing.

    Raises:
        CodeError: naming its class, where `fit` does not return it, what it predicts is not of
            (n, P), or it has no state.
    """
    baseline = build_baseline(options).fit(genotypes, phenotypes)
    if not callable(getattr(baseline, "predict", None)):
        raise CodeError(f"{options['name']}: fit returns {baseline!r}; it must return self.")
    predicted, expected = baseline.predict(genotypes[:2]), phenotypes[:2].shape
    if not isinstance(predicted, np.ndarray) or predicted.shape != expected:
        returned = getattr(predicted, "shape", None) or type(predicted).__name__
        raise CodeError(
            f"{options['name']}: predict returns {returned}; it must return an array of (strains, "
            f"phenotypes), here {expected}."
        )
    if missing := [name for name in PROPERTIES if not hasattr(baseline, name)]:
        raise CodeError(f"{options['name']} has no {listed(missing)} after fit.{INTERFACE}")
    if not isinstance(baseline.state, dict):
        raise CodeError(f"{options['name']}: its state must be a property, a dict of arrays.")
    return baseline
