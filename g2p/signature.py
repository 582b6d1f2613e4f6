"""The name of a run: a hash of everything that can change its result, and of nothing else."""

import hashlib
import json
from collections.abc import Iterable, Mapping

from g2p.config import inapplicable, is_baseline, prepare_options

# Raise when the same config would give other numbers, because the code that computes them changed.
NUMERICS_VERSION = 3


def signature(
    config: Mapping, *, data_fingerprint: str, phenotypes: list[str], accelerator: str
) -> str:
    """16 hex digits for a resolved, checked config.

    Covered are the keys that apply (the width of a feed-forward network that is off does not; an
    optimizer does not apply to ridge), not where files lie or what is logged. What only the run
    knows is passed in: two ways of writing the same thing give the same signature.

    Args:
        config: plain dicts.
        data_fingerprint: of the panel (source, options, content); stands for the source's options.
        phenotypes: their names, aliases resolved, in panel order.
        accelerator: `cpu` or `cuda`.
    """
    covered = {
        "numerics": json.dumps(NUMERICS_VERSION),
        "data": json.dumps(data_fingerprint),
        "prepare": _written("data", config, only=prepare_options()),
        "phenotypes": json.dumps(phenotypes),
        **{group: _written(group, config) for group in ("qc", "split", "transfer", "model")},
    }
    if not is_baseline(config["model"]["name"]):
        covered |= {
            "optim": _written("optim", config),
            "trainer": _written("trainer", config, accelerator=accelerator),
            "seed": json.dumps(config["seed"]),
        }
    # As json.dumps(..., sort_keys=True) has it.
    text = "{" + ", ".join(f'"{key}": {covered[key]}' for key in sorted(covered)) + "}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


_known: dict[tuple, str] = {}  # the runs of a study share most of their groups


def _written(group: str, config: Mapping, *, only: Iterable[str] = (), **decided) -> str:
    """The options of a group that have an effect, as JSON; `decided` ones replace its own."""
    key = (group, repr(config[group]), *decided.values())
    if key not in _known:
        idle = inapplicable(config)
        own = {k: v for k, v in config[group].items() if f"{group}.{k}" not in idle}
        told = {k: v for k, v in own.items() if not only or k in only} | decided
        _known[key] = json.dumps(_plain_numbers(told), sort_keys=True)
    return _known[key]


def _plain_numbers(value):
    """1 and 1.0 mean the same learning rate."""
    if isinstance(value, Mapping):
        return {key: _plain_numbers(v) for key, v in value.items()}
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
