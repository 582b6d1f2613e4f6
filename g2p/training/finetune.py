"""Fine-tuning: a model that starts from another run's weights."""

from pathlib import Path

from torch import nn

from g2p.core.errors import TrainingError
from g2p.core.phrases import listed
from g2p.data.preprocess import Prepared
from g2p.training.saved_model import load_model, misfits

# Parameters that belong to the phenotypes of a run, and are initialised anew.
PHENOTYPE_PREFIXES = ("readout.", "additive.")


def start_from(model: nn.Module, checkpoint: Path, data: Prepared) -> None:
    """Load the checkpoint's weights into `model`, except those that belong to its phenotypes.

    Raises:
        TrainingError: when its loci are others, or any other weight does not fit.
        DamagedRunError: when the checkpoint cannot be read.
    """
    folder = checkpoint.parent.parent
    base = load_model(checkpoint, folder.name, f"Remove {folder} and run the same command again.")
    if base.inputs["loci"]["id"] != data.loci["id"].to_pylist():
        raise TrainingError(
            f"{checkpoint} was trained on other loci, which are chosen on the training strains. "
            "Use data.missing=mask, so that these are the same."
        )
    weights = {n: w for n, w in base.weights.items() if not n.startswith(PHENOTYPE_PREFIXES)}
    expected = model.state_dict()
    unfit = [name for name in weights if name not in expected] + misfits(expected, weights)
    if unfit:
        raise TrainingError(
            f"{checkpoint} does not fit this model: {listed(unfit)}. A model whose layers depend "
            "on the number of phenotypes cannot be fine-tuned; use transfer.method=joint."
        )
    model.load_state_dict(weights, strict=False)
