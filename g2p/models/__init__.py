"""Architectures: plain modules, a file each, independent of training and of configs."""

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING

from g2p.config.components import class_name, construct
from g2p.config.load_component import builder_of
from g2p.core.errors import CodeError

if TYPE_CHECKING:
    from torch import nn


def build_model(options: Mapping, **facts) -> "nn.Module":
    """Build the model `options["name"]`, of g2p or of a user, from its options and its facts.

    Facts depend on the data: `n_loci`, `n_phenotypes`, and for the models that use them
    `genome_L2` (chromosome and position of each locus), `ridge` or `lasso_effects` ((P, L), offsets
    (P,)) and `ranked_L` (loci by the variance that these explain, the largest first).

    Raises:
        CodeError: naming the model's file, where its class cannot be trained.
    """
    from torch import nn  # two seconds, for those who build no model

    name = options["name"]
    chosen = {key: value for key, value in options.items() if key != "name"}
    builder = builder_of(name, f"g2p.models.{name}", class_name(name))
    file, kind = inspect.getfile(builder), builder.__name__
    parameters = inspect.signature(builder).parameters
    facts = {name: value for name, value in facts.items() if name in parameters}
    model = construct(builder, **chosen, **facts)
    if not isinstance(model, nn.Module):
        fault = f"is not a torch.nn.Module: write class {kind}(nn.Module), or fit, load and predict"
    elif type(model).forward is nn.Module.forward:
        fault = "has no forward: write def forward(self, genotype_BL), from (B, L) to (B, P)"
    elif not any(True for _ in model.parameters()):
        fault = "has no parameters to train"
    else:
        return model
    raise CodeError(f"{file}: {kind} {fault}.")
