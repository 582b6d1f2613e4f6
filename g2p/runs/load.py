"""Load a finished run's model, ready to predict; nothing in the run's directory is executed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from g2p.baselines import build_baseline
from g2p.config.code_digest import code_digest
from g2p.config.locate import is_dotted, locate
from g2p.config.registry import neutral_options
from g2p.config.run_config import ModelSection, RunConfig
from g2p.config.schema import check_group
from g2p.core.errors import G2PError, RunError
from g2p.core.nested import map_leaves
from g2p.core.typed_command import typed_command
from g2p.data.covariates import Design
from g2p.data.strain_cells import Cells
from g2p.hardware.device import resolve_accelerator
from g2p.runs.directory import RunDirectory
from g2p.runs.restore_network import restore_network
from g2p.training.inference import cached_batch, predict_standardised
from g2p.training.saved_model import SavedModel, damaged, load_model


def remedy() -> str:
    """Return the sentence on how a run is mended."""
    return f"{typed_command('train')} ... force=true trains the run again."


@dataclass(frozen=True, eq=False)
class RestoredModel:
    """A finished run's model, ready to predict, and the loci and phenotypes it was fitted on.

    It is built from a `g2p.training.saved_model.SavedModel`, the checked content of the run's
    checkpoint, which cannot predict by itself.

    Attributes:
        name: of the model.
        predict: genotypes (N, L) to standardised phenotypes (N, P), float64.
        loci: the locus table it expects, as lists by column.
        mean_genotype: (L,), of the training strains.
        phenotypes: the P names.
        mean, sd: (P,), from standardised to original units.
        model: the network or the baseline itself, with its weights.
        panel_columns: (L,), which loci of the panel of its training it expects; None where the
            checkpoint of an earlier version does not say.
        n_panel_loci: number of that panel's loci.
        design: of the covariates it was trained with; None without any.
        covariate_effects: (C, P) of the design's terms, original units.
    """

    name: str
    predict: Callable[[np.ndarray], np.ndarray]
    loci: dict[str, list]
    mean_genotype: np.ndarray
    phenotypes: list[str]
    mean: np.ndarray
    sd: np.ndarray
    model: Any
    panel_columns: np.ndarray | None
    n_panel_loci: int | None
    design: Design | None
    covariate_effects: np.ndarray

    @property
    def covariates(self) -> list[str]:
        """The columns of a strain table that it uses."""
        return self.design.columns if self.design else []

    def predict_original(self, genotypes: np.ndarray, cells: Mapping[str, Cells]) -> np.ndarray:
        """Return predictions (N, P) in original units, the covariates' part among them.

        Args:
            genotypes: (N, L).
            cells: covariates of these strains by column, null where missing; an absent one counts
                as that of the average training strain.
        """
        predicted = self.predict(genotypes) * self.sd + self.mean
        if self.design is None:
            return predicted
        return predicted + self.design.matrix(cells, genotypes) @ self.covariate_effects


def restore(directory: RunDirectory, accelerator: str, code: Sequence[str] = ()) -> RestoredModel:
    """Return the model of the checkpoint that was chosen on validation.

    Args:
        directory: of a finished run.
        accelerator: `auto`, `cpu` or `cuda`.
        code: packages and modules of a user's own that may be imported, since a run's directory
            says which class its model is of.

    Raises:
        RunError: when the run does not exist, is not finished, damaged, or of another version; or
            its model is of a user's code that is not among `code`, or has changed since.
    """
    if not directory.folder.is_dir():
        raise RunError(f"run={directory.folder} does not exist.")
    if not directory.finished:
        raise RunError(f"{directory.folder} is not a finished run (it has no metrics.json).")
    config = _checked_config(directory, code)
    options = config.model
    saved = load_model(
        directory.verify("checkpoints/best.ckpt"), directory.metrics()["signature"], remedy()
    )
    inputs = saved.inputs
    design, effects = _design(saved)
    if not options.is_trained:
        model = _baseline(options, saved)
        predictor = model.predict
    else:
        model = restore_network(config, saved, directory.folder / "config.yaml")
        device = resolve_accelerator(accelerator)
        model.to(device).eval()
        for module in model.modules():
            if isinstance(module, torch.nn.ReLU):
                module.inplace = True  # the same numbers, without memory of their own
        at_once = cached_batch(len(inputs["loci"]["id"])) if device == "cpu" else None
        predictor = torch.inference_mode()(partial(predict_standardised, model, at_once=at_once))
    return RestoredModel(
        name=options.name,
        predict=predictor,
        loci=inputs["loci"],
        mean_genotype=np.array(inputs["mean_genotype"]),
        phenotypes=inputs["phenotypes"],
        mean=np.array(inputs["mean"]),
        sd=np.array(inputs["sd"]),
        model=model,
        panel_columns=np.array(inputs["panel_columns"]) if "panel_columns" in inputs else None,
        n_panel_loci=inputs.get("n_panel_loci"),
        design=design,
        covariate_effects=effects,
    )


def _design(saved: SavedModel) -> tuple[Design | None, np.ndarray]:
    """Return the design of a checkpoint's covariates, if any, and their effects (C, P)."""
    n_phenotypes = len(saved.inputs["phenotypes"])
    plain = saved.inputs.get("covariates")
    if plain is None:
        return None, np.empty((0, n_phenotypes))
    try:
        design = Design.from_plain(plain, saved.inputs["mean_genotype"])
        effects = np.array(plain["effects"], float).reshape(len(design.terms), n_phenotypes)
        if not np.isfinite(effects).all():
            raise ValueError("an effect is not finite")
    except (TypeError, ValueError, KeyError) as error:
        raise saved.error(f"its covariates cannot be read ({error})") from None
    return design, effects


def _checked_config(directory: RunDirectory, code: Sequence[str]) -> RunConfig:
    """Return a run's config, which names a model that exists, with its options.

    Options that did not exist when the run was trained are neutral.
    """
    file = directory.folder / "config.yaml"
    config = directory.config()
    model = getattr(config, "model", None)
    if not isinstance(model, ModelSection):
        raise damaged(file, "it names no model", remedy())
    if is_dotted(getattr(model, "name", None)):
        _check_code(model, directory, code)
    try:
        config = config.replace(model={**neutral_options("model", model), **model})
        check_group("model", config)
    except G2PError as error:
        raise damaged(file, str(error), remedy()) from None
    return config


def _check_code(options: ModelSection, directory: RunDirectory, code: Sequence[str]) -> None:
    """Refuse a model of a user's code that may not be imported, or is not what the run trained.

    Raises:
        RunError: for such code.
        CodeError: for code that is not there.
    """
    name = options.name
    if not any(each and f"{name}.".startswith(f"{each}.") for each in code):
        package = name.partition(".")[0]
        raise RunError(
            f"the model of {directory.folder} is {name}, code of one's own, which runs when its "
            f"weights are loaded. If you trust it, allow it: code={package} on the command line, "
            f"code=[{package!r}] in Python. Metrics, history and predictions need no code."
        )
    recorded = directory.environment().get("code_digest")
    if code_digest(options) != recorded:
        raise RunError(
            f"the code of {name} in {locate(name).package} is not that of {directory.folder}: it "
            f"was changed after the run (digest {code_digest(options)}, of the run {recorded}). "
            "Restore that code, or train again."
        )


def _baseline(options: ModelSection, saved: SavedModel) -> Any:
    """Return a baseline with its state, after it has predicted one strain.

    Each baseline has another kind of state, some in a library's format, so its prediction for the
    mean training genotype shows whether the state is whole.
    """
    expected = 1, len(saved.inputs["phenotypes"])
    try:
        baseline = build_baseline(options).load(map_leaves(_array, saved.weights))
        predicted = baseline.predict(np.array([saved.inputs["mean_genotype"]]))
    except MemoryError:
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise saved.error(f"its state is not that of model={options.name}: {reason}") from None
    is_whole = predicted.shape == expected and predicted.dtype.kind == "f"
    if not (is_whole and np.isfinite(predicted).all()):
        raise saved.error(f"its state does not predict {expected[1]} phenotypes")
    return baseline


def _array(value: Any) -> Any:
    """Return a value of a baseline's state as it was before it became a checkpoint."""
    return value.numpy() if isinstance(value, torch.Tensor) else value
