"""Published weights in our architectures.

Finds the architecture that the names of a file's tensors belong to. The mapping is data: one table
a model, ours to theirs.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count

import torch
from torch import Tensor, nn

from g2p.core.errors import UserError, listed
from g2p.models import build_model


@dataclass(frozen=True)
class Published:
    """How one study names the parameters of one of our architectures.

    Attributes:
        model: our architecture.
        layer: a name that every layer has, and only this study's files hold; `{i}` from 0.
        embedding: theirs, (L, D without a column of ones).
        readout: theirs, whose first dimension is P where there is one for each phenotype.
        options: of our architecture, beyond what the shapes say.
        table: ours -> theirs, `{i}` for a layer; several are stacked; `.T` is transposed first.
    """

    model: str
    layer: str
    embedding: str
    readout: str
    options: dict
    table: dict[str, tuple[str, ...]]


def _both(ours: str, theirs: str) -> dict[str, tuple[str, ...]]:
    """Weight and bias of one module."""
    return {f"{ours}.{part}": (f"{theirs}.{part}",) for part in ("weight", "bias")}


LAYER = "transformer_encoder.layers.{i}"
TABLES = (
    Published(
        model="rijal_attention",
        layer="query_matrices.{i}",
        embedding="random_matrix",
        readout="offset",
        options={"init_scale": 0.03},
        table={
            "embed.weight": ("random_matrix",),
            "blocks.{i}.attention.in_weight": (
                "query_matrices.{i}.T", "key_matrices.{i}.T", "value_matrices.{i}.T",
            ),
            "readout.weight": ("coeffs_attended",),
            "readout.offset": ("offset",),
        },
    ),
    Published(
        model="pooled_attention",
        layer="q_linears.{i}.weight",
        embedding="locus_embeddings.weight",
        readout="readout.bias",
        options={"skip": False, "skip_first_layer": False, "scaled": False, "dropout": 0.0,
                 "init_scale": 0.03},
        table={
            "embed.weight": ("locus_embeddings.weight",),
            **{
                f"blocks.{{i}}.attention.in_{part}": tuple(
                    f"{x}_linears.{{i}}.{part}" for x in "qkv"
                )
                for part in ("weight", "bias")
            },
            **_both("blocks.{i}.attention_norm", "norms.{i}"),
            **_both("readout.linear", "readout"),
        },
    ),
    Published(
        model="transformer",
        layer=f"{LAYER}.self_attn.in_proj_weight",
        embedding="locus_embeddings.weight",
        readout="fc_out.bias",
        options={"num_heads": 4, "ffn": True, "skip": True, "layer_norm": True, "scaled": True,
                 "dropout": 0.0, "init_scale": 1.0, "position": "none", "additive": False},
        table={
            "embed.weight": ("locus_embeddings.weight",),
            "blocks.{i}.attention.in_weight": (f"{LAYER}.self_attn.in_proj_weight",),
            "blocks.{i}.attention.in_bias": (f"{LAYER}.self_attn.in_proj_bias",),
            **_both("blocks.{i}.attention.out", f"{LAYER}.self_attn.out_proj"),
            **_both("blocks.{i}.ffn.0", f"{LAYER}.linear1"),
            **_both("blocks.{i}.ffn.3", f"{LAYER}.linear2"),
            **_both("blocks.{i}.attention_norm", f"{LAYER}.norm1"),
            **_both("blocks.{i}.ffn_norm", f"{LAYER}.norm2"),
            **_both("norm", "transformer_encoder.norm"),
            **_both("readout.linear", "fc_out"),
        },
    ),
)  # fmt: skip
# Carries nothing: the numbers 0 to L - 1.
IGNORED = {"locus_indices"}


def load_published(tensors: Mapping[str, Tensor], **options) -> tuple[str, nn.Module]:
    """Our architecture's name, and the architecture holding these tensors.

    Args:
        tensors: by their published names.
        options: of our architecture that no shape tells, where they are not as published (heads
            of a transformer; `skip`, `scaled` of a pooled attention).

    Raises:
        UserError: when no table fits, listing what is missing, extra or of the wrong shape.
    """
    found = next((t for t in TABLES if t.layer.format(i=0) in tensors), None)
    if found is None:
        known = "; ".join(f"{t.model} holds {t.layer.format(i=0)}" for t in TABLES)
        raise UserError(
            f"these are the parameters of no published model ({known}). "
            f"Found: {listed(tensors, 8) or 'nothing'}."
        )
    options = {"name": found.model, **_sizes(found, tensors), **found.options, **options}
    width, heads = options["embedding_dim"], options.get("num_heads", 1)
    if width % heads:
        raise UserError(f"{found.model}: {heads} heads do not divide the embedding of {width}.")
    model = build_model(
        options,
        n_loci=len(tensors[found.embedding]),
        n_phenotypes=len(tensors[found.readout]),
    )
    _fill(model, found, tensors)
    return found.model, model.eval()


def _sizes(found: Published, tensors: Mapping[str, Tensor]) -> dict:
    """What the shapes say of our architecture's options."""
    sides = {found.embedding: 2, found.readout: 1}
    needed = [name for name in sides if name not in tensors]
    if needed:
        raise UserError(f"{found.model}: missing: {listed(needed)}.")
    for name, dimensions in sides.items():
        shape = tuple(tensors[name].shape)
        if len(shape) < dimensions or not all(shape):
            raise UserError(f"{found.model}: of the wrong shape: {name} {shape}.")
    layers = next(i for i in count() if found.layer.format(i=i) not in tensors)
    sizes = {"num_layers": layers, "embedding_dim": tensors[found.embedding].shape[1]}
    if found.model == "rijal_attention":
        sizes["embedding_dim"] += 1  # the column of ones is not stored
    if found.model == "pooled_attention":
        sizes["layer_norm"] = "norms.0.weight" in tensors
    if found.model == "transformer":
        hidden = tensors.get("transformer_encoder.layers.0.linear1.weight")
        # Where it is missing or no matrix, _fill says so.
        sizes["ffn_dim"] = len(hidden) if hidden is not None and hidden.ndim == 2 else 1
    return sizes


def _fill(model: nn.Module, found: Published, tensors: Mapping[str, Tensor]) -> None:
    state, used, missing, wrong = {}, set(), [], []
    for ours, parameter in model.state_dict().items():
        layer = re.search(r"\d+", ours) if ours.startswith("blocks.") else None
        key = ours.replace(layer[0], "{i}", 1) if layer else ours
        names = [theirs.format(i=layer and layer[0]) for theirs in found.table[key]]
        plain = [name.removesuffix(".T") for name in names]
        used.update(plain)
        absent = [name for name in plain if name not in tensors]
        missing += absent
        if absent:
            continue
        parts = [
            tensors[p].mT if n != p and tensors[p].ndim == 2 else tensors[p]
            for n, p in zip(names, plain, strict=True)
        ]
        shapes = ", ".join(str(tuple(part.shape)) for part in parts)
        try:
            stacked = torch.cat(parts)
            if _without_ones(stacked) != _without_ones(parameter):  # transposed, say
                raise RuntimeError
            state[ours] = stacked.reshape(parameter.shape)
        except RuntimeError:
            wrong.append(f"{listed(plain)} {shapes} for {tuple(parameter.shape)}")
    extra = sorted(set(tensors) - used - IGNORED)
    problems = {"missing": missing, "extra": extra, "of the wrong shape": wrong}
    if any(problems.values()):
        told = "; ".join(f"{what}: {listed(names, 8)}" for what, names in problems.items() if names)
        raise UserError(f"{found.model}: {told}.")
    model.load_state_dict(state)


def _without_ones(tensor: Tensor) -> list[int]:
    return [size for size in tensor.shape if size > 1]
