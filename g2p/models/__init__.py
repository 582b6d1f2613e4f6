"""Architectures: plain modules, a file each; they know nothing of training or of configs."""

from importlib import import_module

from torch import nn

from g2p.config import class_name


def build_model(options: dict, *, n_loci: int, n_phenotypes: int) -> nn.Module:
    """The model `options["name"]`, told its options and what is known at run time only."""
    options = dict(options)
    name = options.pop("name")
    builder = getattr(import_module(f"g2p.models.{name}"), class_name(name))
    return builder(n_loci=n_loci, n_phenotypes=n_phenotypes, **options)
