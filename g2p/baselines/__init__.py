"""Baselines: closed forms and other libraries; `fit`, `load` and `predict`, a file each."""

from importlib import import_module

from g2p.config.components import class_name, construct
from g2p.core.errors import CodeError
from g2p.core.phrases import listed

METHODS = ("fit", "load", "predict")  # see `g2p.baselines.ridge`


def build_baseline(options: dict):
    """Build the baseline `options["name"]` from its options.

    Raises:
        CodeError: naming the baseline's file, where its class lacks a method.
    """
    options = dict(options)
    name = options.pop("name")
    module, kind = import_module(f"g2p.baselines.{name}"), class_name(name)
    baseline = construct(getattr(module, kind), module.__file__, **options)
    missing = [method for method in METHODS if not callable(getattr(baseline, method, None))]
    if missing:
        raise CodeError(f"{module.__file__}: {kind} has no {listed(missing)}.")
    return baseline
