"""Architectures: plain modules, a file each; they know nothing of training or of configs."""

import inspect
from importlib import import_module

from torch import nn

from g2p.config import class_name


def build_model(options: dict, **facts) -> nn.Module:
    """The model `options["name"]`, told its options and those facts that it asks for.

    Facts are known at run time only: `n_loci`, `n_phenotypes`, and for the models that use them
    `genome_L2` (chromosome and position of each locus) and `ridge` (effects (P, L), offsets (P,)).
    """
    options = dict(options)
    name = options.pop("name")
    builder = getattr(import_module(f"g2p.models.{name}"), class_name(name))
    asked = inspect.signature(builder).parameters
    return builder(**options, **{fact: value for fact, value in facts.items() if fact in asked})
