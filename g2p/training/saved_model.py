"""The checked content of a checkpoint, to predict with or to start from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

import torch
from torch import Tensor, nn

from g2p.core.errors import DamagedRunError
from g2p.core.phrases import listed
from g2p.training.checkpoints import REMEDY, load_checkpoint, refuse_another_run


@dataclass(frozen=True, eq=False)
class SavedModel:
    """The checked content of a checkpoint: weights and inputs, but no model that could predict.

    `g2p.runs.load.RestoredModel` is the model that a finished run's `SavedModel` is loaded into.

    Attributes:
        path: of the checkpoint.
        weights: parameters by their names in the model, or a baseline's state.
        inputs: what `g2p.data.preprocess.Prepared.inputs` wrote, of L loci and P phenotypes.
        remedy: a sentence for the user when the weights do not fit.
    """

    path: Path
    weights: dict
    inputs: dict
    remedy: str

    def error(self, what: str) -> DamagedRunError:
        """Return the error that reports what is wrong with the checkpoint."""
        return damaged(self.path, what, self.remedy)

    def fill(self, model: nn.Module) -> None:
        """Load these weights into `model`, all of them and no others.

        Raises:
            DamagedRunError: naming those that are missing, extra, or of another shape or kind.
        """
        expected = model.state_dict()
        faults = {
            "missing": [name for name in expected if name not in self.weights],
            "extra": [name for name in self.weights if name not in expected],
            "of another shape or kind": misfits(expected, self.weights),
        }
        if summary := "; ".join(f"{what}: {listed(n, 3)}" for what, n in faults.items() if n):
            raise self.error(f"its weights are not those of the model: {summary}")
        model.load_state_dict(self.weights)


def load_model(path: Path, run: str, remedy: str = REMEDY) -> SavedModel:
    """Return the content of the checkpoint at `path`, after checking that it is consistent.

    Args:
        path: of the checkpoint.
        run: the signature of the run that it must belong to.
        remedy: a sentence for the user when it does not.

    Raises:
        DamagedRunError: when it is gone, damaged, of another version or of another run.
    """
    checkpoint = load_checkpoint(path, remedy)
    refuse_another_run(path, checkpoint, run, remedy)
    weights = checkpoint.get("state_dict")
    if not isinstance(weights, dict) or not weights or not all(isinstance(k, str) for k in weights):
        raise damaged(path, "it has no state_dict of weights by name", remedy)
    try:
        inputs = _checked_inputs(checkpoint.get("inputs"))
    except ValueError as error:
        raise damaged(path, str(error), remedy) from None
    weights = {
        name.removeprefix("model."): value for name, value in weights.items()
        if not name.startswith("loss.")  # of a loss with parameters, which nothing predicts with
    }  # fmt: skip
    return SavedModel(path, weights, inputs, remedy)


def damaged(file: Path, what: str, remedy: str) -> DamagedRunError:
    """Return the error that reports why a run's file cannot be used."""
    return DamagedRunError(
        f"{file} is damaged or of another version ({what.rstrip('.')}). {remedy}"
    )


def misfits(expected: Mapping[str, Tensor], weights: Mapping) -> list[str]:
    """The names in both whose tensors differ in shape, or in being whole numbers or not."""
    return [
        name for name, value in weights.items() if name in expected
        and not (
            isinstance(value, torch.Tensor)
            and value.layout == torch.strided
            and value.shape == expected[name].shape
            and value.is_floating_point() == expected[name].is_floating_point()
            and not value.is_complex()
        )
    ]  # fmt: skip


def _checked_inputs(value: object) -> dict:
    """Return a checkpoint's inputs; raise a ValueError with the reason why they cannot predict."""
    inputs = _mapping({"inputs": value}, "inputs")
    loci = _mapping(inputs, "loci")
    n_loci = _check_list(loci, "id", _is_text, "names")
    _check_list(loci, "chromosome", _is_text, "names", n_loci)
    _check_list(loci, "position", _is_position, "whole numbers", n_loci)
    for name in {"allele_0", "allele_1"} & set(loci):
        _check_list(loci, name, lambda value: value is None or _is_text(value), "names", n_loci)
    n_phenotypes = _check_list(inputs, "phenotypes", _is_text, "names")
    _check_list(inputs, "mean_genotype", _is_genotype, "numbers from -1 to 1", n_loci)
    _check_list(inputs, "mean", _is_number, "numbers", n_phenotypes)
    _check_list(inputs, "sd", lambda value: _is_number(value) and value > 0, "numbers above 0",
                n_phenotypes)  # fmt: skip
    if "n_panel_loci" in inputs:  # a checkpoint of an earlier version lacks it
        total = inputs["n_panel_loci"]
        if not (_is_position(total) and total > 0):
            raise ValueError("its n_panel_loci is not a number of loci")
        _check_list(inputs, "panel_columns", range(total).__contains__,
                    f"columns of {total} loci", n_loci)  # fmt: skip
    return inputs


def _mapping(values: Mapping, name: str) -> dict:
    if not isinstance(values.get(name), dict):
        raise ValueError(f"its {name} are missing or not a mapping")
    return values[name]


def _check_list(
    values: Mapping, name: str, fits: Callable[[object], bool], of: str, length: int | None = None
) -> int:
    """Return the length of a list, which must not be empty, and of `length` where that is set."""
    items = values.get(name)
    if not isinstance(items, list) or not items or len(items) != (length or len(items)):
        raise ValueError(f"its {name} is not a list of {f'{length} ' if length else ''}{of}")
    if not all(map(fits, items)):
        raise ValueError(f"its {name} holds other things than {of}")
    if name in ("id", "phenotypes") and len(set(items)) != len(items):
        raise ValueError(f"its {name} holds a name twice")
    return len(items)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_position(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def _is_genotype(value: object) -> bool:
    return _is_number(value) and -1 <= value <= 1
