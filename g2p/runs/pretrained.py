"""Published weights in our architectures.

Finds the architecture that the names of a file's tensors belong to. The mapping is data: a table
for each model, from our parameter names to the published ones.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count

import torch
from torch import Tensor, nn

from g2p.core.errors import DataError
from g2p.core.phrases import listed
from g2p.models import build_model


@dataclass(frozen=True)
class PublishedNames:
    """The names that one study gives the parameters of one of our architectures.

    Attributes:
        model: our architecture.
        layer: a name that every layer has, and only this study's files hold; `{i}` from 0.
        embedding: published name of the embedding, (L, D without a column of ones).
        readout: published name of a tensor whose first dimension is P.
        options: of our architecture, beyond what the shapes determine.
        table: our name -> published names, `{i}` for a layer; several are stacked, after a `.T` is
            transposed.
    """

    model: str
    layer: str
    embedding: str
    readout: str
    options: dict
    table: dict[str, tuple[str, ...]]


def _weight_and_bias(our_name: str, published_name: str) -> dict[str, tuple[str, ...]]:
    """Return the entries of one module's weight and bias."""
    return {f"{our_name}.{key}": (f"{published_name}.{key}",) for key in ("weight", "bias")}


LAYER = "transformer_encoder.layers.{i}"
TABLES = (
    PublishedNames(
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
    PublishedNames(
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
            **_weight_and_bias("blocks.{i}.attention_norm", "norms.{i}"),
            **_weight_and_bias("readout.linear", "readout"),
        },
    ),
    PublishedNames(
        model="transformer",
        layer=f"{LAYER}.self_attn.in_proj_weight",
        embedding="locus_embeddings.weight",
        readout="fc_out.bias",
        options={"num_heads": 4, "ffn": True, "skip": True, "layer_norm": True, "scaled": True,
                 "dropout": 0.0, "init_scale": 1.0, "position": "none", "additive": False,
                 "additive_effects": "ridge", "attended_loci": None},
        table={
            "embed.weight": ("locus_embeddings.weight",),
            "blocks.{i}.attention.in_weight": (f"{LAYER}.self_attn.in_proj_weight",),
            "blocks.{i}.attention.in_bias": (f"{LAYER}.self_attn.in_proj_bias",),
            **_weight_and_bias("blocks.{i}.attention.out", f"{LAYER}.self_attn.out_proj"),
            **_weight_and_bias("blocks.{i}.ffn.0", f"{LAYER}.linear1"),
            **_weight_and_bias("blocks.{i}.ffn.3", f"{LAYER}.linear2"),
            **_weight_and_bias("blocks.{i}.attention_norm", f"{LAYER}.norm1"),
            **_weight_and_bias("blocks.{i}.ffn_norm", f"{LAYER}.norm2"),
            **_weight_and_bias("norm", "transformer_encoder.norm"),
            **_weight_and_bias("readout.linear", "fc_out"),
        },
    ),
)  # fmt: skip
# Without information: the numbers 0 to L - 1.
IGNORED = {"locus_indices"}


def load_published(tensors: Mapping[str, Tensor], **options) -> tuple[str, nn.Module]:
    """Return our architecture's name, and the model with these tensors as its weights.

    Args:
        tensors: by their published names.
        options: of our architecture that no shape determines, where they differ from the published
            ones (heads of a transformer; `skip`, `scaled` of a pooled attention).

    Raises:
        DataError: when no table matches, listing missing, extra and misshapen tensors.
    """
    names = next((t for t in TABLES if t.layer.format(i=0) in tensors), None)
    if names is None:
        expected = "; ".join(f"{t.model} has {t.layer.format(i=0)}" for t in TABLES)
        raise DataError(
            f"no published model has these parameters ({expected}). "
            f"Found: {listed(tensors, 8) or 'nothing'}."
        )
    options = {"name": names.model, **_sizes(names, tensors), **names.options, **options}
    width, heads = options["embedding_dim"], options.get("num_heads", 1)
    if width % heads:
        raise DataError(f"{names.model}: {heads} heads do not divide the embedding of {width}.")
    model = build_model(
        options,
        n_loci=len(tensors[names.embedding]),
        n_phenotypes=len(tensors[names.readout]),
    )
    _fill(model, names, tensors)
    return names.model, model.eval()


def _sizes(names: PublishedNames, tensors: Mapping[str, Tensor]) -> dict:
    """Return the options of our architecture that the shapes determine."""
    sides = {names.embedding: 2, names.readout: 1}
    missing = [name for name in sides if name not in tensors]
    if missing:
        raise DataError(f"{names.model}: missing: {listed(missing)}.")
    for name, dimensions in sides.items():
        shape = tuple(tensors[name].shape)
        if len(shape) < dimensions or not all(shape):
            raise DataError(f"{names.model}: of the wrong shape: {name} {shape}.")
    layers = next(i for i in count() if names.layer.format(i=i) not in tensors)
    sizes = {"num_layers": layers, "embedding_dim": tensors[names.embedding].shape[1]}
    if names.model == "rijal_attention":
        sizes["embedding_dim"] += 1  # the column of ones is not stored
    if names.model == "pooled_attention":
        sizes["layer_norm"] = "norms.0.weight" in tensors
    if names.model == "transformer":
        hidden = tensors.get("transformer_encoder.layers.0.linear1.weight")
        # Where it is missing or no matrix, _fill says so.
        sizes["ffn_dim"] = len(hidden) if hidden is not None and hidden.ndim == 2 else 1
    return sizes


def _fill(model: nn.Module, names: PublishedNames, tensors: Mapping[str, Tensor]) -> None:
    """Load the published tensors into a model, or list all that do not match it."""
    state, used, missing, misshapen = {}, set(), [], []
    for our_name, parameter in model.state_dict().items():
        layer = re.search(r"\d+", our_name) if our_name.startswith("blocks.") else None
        key = our_name.replace(layer[0], "{i}", 1) if layer else our_name
        entries = [entry.format(i=layer and layer[0]) for entry in names.table[key]]
        published = [entry.removesuffix(".T") for entry in entries]
        used.update(published)
        absent = [name for name in published if name not in tensors]
        missing += absent
        if absent:
            continue
        parts = [
            tensors[name].mT if entry != name and tensors[name].ndim == 2 else tensors[name]
            for entry, name in zip(entries, published, strict=True)
        ]
        shapes = ", ".join(str(tuple(part.shape)) for part in parts)
        try:
            stacked = torch.cat(parts)
            if _without_ones(stacked) != _without_ones(parameter):  # transposed, say
                raise RuntimeError
            state[our_name] = stacked.reshape(parameter.shape)
        except RuntimeError:
            misshapen.append(f"{listed(published)} {shapes} for {tuple(parameter.shape)}")
    extra = sorted(set(tensors) - used - IGNORED)
    problems = {"missing": missing, "extra": extra, "of the wrong shape": misshapen}
    if any(problems.values()):
        lines = (
            f"{problem}: {listed(tensor_names, 8)}"
            for problem, tensor_names in problems.items()
            if tensor_names
        )
        raise DataError(f"{names.model}: {'; '.join(lines)}.")
    model.load_state_dict(state)


def _without_ones(tensor: Tensor) -> list[int]:
    return [size for size in tensor.shape if size > 1]
