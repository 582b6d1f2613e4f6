"""The name of a run: a hash of everything that can change its result, and of nothing else."""

import hashlib
import json
from collections.abc import Iterable, Mapping

from g2p.config.code_digest import code_digest, user_digest
from g2p.config.registry import choice_options, prepare_options
from g2p.config.run_config import RunConfig
from g2p.config.schema import inapplicable_keys
from g2p.config.user_code import user_code

# Raise when the same config would give other numbers, because code that computes them changed and
# no model's digest covers it (see g2p.config.code_digest): data, training, scores.
NUMERICS_VERSION = 3
HALF = 8  # hex digits


def signature(
    config: RunConfig, *, data_fingerprint: str, phenotypes: list[str], accelerator: str
) -> str:
    """Return 16 hex digits for a resolved, checked config and the code that it runs.

    Covered are the keys that apply (the width of a feed-forward network that is off does not; an
    optimizer does not apply to ridge) and are not neutral (`NeutralAt`), not paths or the logger.
    What depends on panel and machine is passed in: two ways of writing the same run give the same
    signature. The first half covers config and data, the second these and the code, so that a run
    of the same config under other code is found by its name.

    Args:
        config: resolved and checked.
        data_fingerprint: of the panel (source, options, content); stands for the source's options.
        phenotypes: their names, aliases resolved, in panel order.
        accelerator: `cpu` or `cuda`.
    """
    config_text = _config_text(config, data_fingerprint, phenotypes, accelerator)
    others = [f" {name} {user_digest(name)}" for name in user_code(config)]
    code = f"{NUMERICS_VERSION} {code_digest(config.model)}{''.join(others)}"
    return _digest(config_text)[:HALF] + _digest(f"{config_text} {code}")[:HALF]


def config_part(signature: str) -> str:
    """Return the half that all runs of one config and data share, whatever code they ran."""
    return signature[:HALF]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _config_text(
    config: RunConfig, data_fingerprint: str, phenotypes: list[str], accelerator: str
) -> str:
    covered = {
        "data": json.dumps(data_fingerprint),
        "prepare": _group_text("data", config, only=prepare_options()),
        "phenotypes": json.dumps(phenotypes),
        **{group: _group_text(group, config) for group in ("qc", "split", "transfer", "model")},
    }
    if config.model.is_trained:
        covered |= {
            "optim": _group_text("optim", config),
            "trainer": _group_text("trainer", config, accelerator=accelerator),
            "seed": json.dumps(config.seed),
        }
    elif config.trainer.metrics:
        covered["metrics"] = json.dumps(config.trainer.metrics)
    # As json.dumps(..., sort_keys=True) has it.
    return "{" + ", ".join(f'"{key}": {covered[key]}' for key in sorted(covered)) + "}"


_cached: dict[tuple, str] = {}  # the runs of a study share most of their groups


def _group_text(group: str, config: RunConfig, *, only: Iterable[str] = (), **resolved) -> str:
    """Return as JSON the options of a group that change a result, some replaced by `resolved`."""
    section = getattr(config, group)
    key = (group, repr(section), *resolved.values())
    if key not in _cached:
        idle = inapplicable_keys(config)
        declared = choice_options(group, getattr(section, "name", None))
        options = {
            k: v for k, v in section.items()
            if f"{group}.{k}" not in idle and not (k in declared and declared[k].is_neutral(v))
        }  # fmt: skip
        covered = {k: v for k, v in options.items() if not only or k in only} | resolved
        _cached[key] = json.dumps(_plain_numbers(covered), sort_keys=True)
    return _cached[key]


def _plain_numbers(value):
    """Write whole numbers without a point: 1 and 1.0 mean the same learning rate."""
    if isinstance(value, Mapping):
        return {key: _plain_numbers(v) for key, v in value.items()}
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
