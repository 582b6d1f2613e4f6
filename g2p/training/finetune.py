"""Fine-tuning: a model that starts from another run's weights."""

from pathlib import Path

from torch import nn

from g2p.core.errors import UserError, listed
from g2p.data.preprocess import Prepared
from g2p.training.saved_model import load_model, misfits

# Parts that belong to the phenotypes of a run, and start afresh.
OF_PHENOTYPES = ("readout.", "additive.")


def start_from(model: nn.Module, checkpoint: Path, data: Prepared) -> None:
    """Give `model` the checkpoint's weights, but for those that belong to its phenotypes.

    Raises:
        UserError: when the checkpoint is damaged, its loci are others, or any other weight does not
            fit.
    """
    folder = checkpoint.parent.parent
    base = load_model(
        checkpoint, folder.name, f"Remove {folder}: the same command trains it again."
    )
    if base.inputs["loci"]["id"] != data.loci["id"].to_pylist():
        raise UserError(
            f"{checkpoint} was trained on other loci. They are chosen on the training strains: "
            "use data.missing=mask, so that these are the same."
        )
    weights = {n: w for n, w in base.weights.items() if not n.startswith(OF_PHENOTYPES)}
    expected = model.state_dict()
    wrong = [name for name in weights if name not in expected] + misfits(expected, weights)
    if wrong:
        raise UserError(
            f"{checkpoint} does not fit this model: {listed(wrong)}. A model whose layers depend "
            "on the number of phenotypes cannot be fine-tuned; transfer.method=joint does without."
        )
    model.load_state_dict(weights, strict=False)
