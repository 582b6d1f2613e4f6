"""The name of a run: a hash of everything that can change its result, and of nothing else."""

import hashlib
import json
from collections.abc import Mapping

from g2p.config import inapplicable, is_baseline, prepare_options

# Raise when the same config would give other numbers, because the code that computes them changed.
NUMERICS_VERSION = 2


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
        "numerics": NUMERICS_VERSION,
        "data": data_fingerprint,
        "prepare": {k: v for k, v in _applying("data", config).items() if k in prepare_options()},
        "phenotypes": phenotypes,
        **{group: _applying(group, config) for group in ("qc", "split", "transfer", "model")},
    }
    if not is_baseline(config["model"]["name"]):
        covered |= {
            "optim": _applying("optim", config),
            "trainer": _applying("trainer", config) | {"accelerator": accelerator},
            "seed": config["seed"],
        }
    text = json.dumps(covered, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


_known: dict[tuple[str, str], dict] = {}  # the runs of a study share most of their groups


def _applying(group: str, config: Mapping) -> dict:
    """The options of a group that have an effect."""
    written = (group, repr(config[group]))
    if written not in _known:
        idle = inapplicable(config)
        own = {k: v for k, v in config[group].items() if f"{group}.{k}" not in idle}
        _known[written] = _plain_numbers(own)
    return _known[written]


def _plain_numbers(value):
    """1 and 1.0 mean the same learning rate."""
    if isinstance(value, Mapping):
        return {key: _plain_numbers(v) for key, v in value.items()}
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
