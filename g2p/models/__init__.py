"""Architectures: plain modules, a file each, independent of training and of configs."""

import inspect
from importlib import import_module

from torch import nn

from g2p.config.components import class_name, construct
from g2p.core.errors import CodeError


def build_model(options: dict, **facts) -> nn.Module:
    """Build the model `options["name"]` from its options and the facts that it takes.

    Facts depend on the data: `n_loci`, `n_phenotypes`, and for the models that use them
    `genome_L2` (chromosome and position of each locus) and `ridge` (effects (P, L), offsets (P,)).

    Raises:
        CodeError: naming the model's file, where its class cannot be trained.
    """
    options = dict(options)
    name = options.pop("name")
    module, kind = import_module(f"g2p.models.{name}"), class_name(name)
    builder = getattr(module, kind)
    parameters = inspect.signature(builder).parameters
    facts = {name: value for name, value in facts.items() if name in parameters}
    model = construct(builder, module.__file__, **options, **facts)
    if not isinstance(model, nn.Module):
        fault = f"is not a torch.nn.Module: write class {kind}(nn.Module)"
    elif type(model).forward is nn.Module.forward:
        fault = "has no forward: write def forward(self, genotype_BL), from (B, L) to (B, P)"
    elif not any(True for _ in model.parameters()):
        fault = "has no parameters to train"
    else:
        return model
    raise CodeError(f"{module.__file__}: {kind} {fault}.")
