"""Estimates of a run's cost before it is trained: parameters, memory and arithmetic."""

from dataclasses import dataclass

from g2p.config.locate import is_dotted
from g2p.config.run_config import RunConfig
from g2p.study.sizes import Sizes
from g2p.training.budget import count_epochs, count_updates
from g2p.training.flops import model_size, training_flops

# Bytes a parameter: itself, its gradient, and two moments of Adam.
BYTES_A_PARAMETER = 16
# Values of width D stored for the backward pass, a block and token: norms, queries, keys, ...
STORED_VALUES = 10


@dataclass(frozen=True)
class Cost:
    """Estimates; zeros for a baseline, whose cost is not one of epochs.

    Attributes:
        parameters: of the model.
        memory: bytes, of parameters and activations.
        flops: of training for all epochs, none stopped early.
    """

    parameters: int = 0
    memory: int = 0
    flops: float = 0.0


def cost(config: RunConfig, sizes: Sizes) -> Cost:
    """Estimate the cost of one run, with torch's meta device, where nothing is computed.

    Args:
        config: of the run.
        sizes: of what it learns from.
    """
    options = config.model
    if not options.is_trained:
        return Cost()
    n_loci, n_phenotypes, n_train = sizes[:3]
    parameters = model_size(options, n_loci=n_loci, n_phenotypes=n_phenotypes).parameters
    activations = 0  # of a user's model, unknown
    if not is_dotted(options.name):
        tokens = config.trainer.batch_size * min(options.get("attended_loci") or n_loci, n_loci)
        ffn_width = options.ffn_dim if getattr(options, "ffn", False) else 0
        width = STORED_VALUES * options.embedding_dim + 2 * ffn_width
        activations = 4 * tokens * options.num_layers * width
    trainer = config.trainer
    updates = count_updates(n_train, batch_size=trainer.batch_size, drop_last=trainer.drop_last)
    n_networks = trainer.ensemble  # trained one after another
    return Cost(
        parameters=n_networks * parameters,
        memory=BYTES_A_PARAMETER * parameters + activations,
        flops=n_networks * (training_flops(
            config, n_loci=n_loci, n_phenotypes=n_phenotypes, n_train=n_train,
            epochs=count_epochs(trainer.max_epochs, trainer.max_updates, max(1, updates)),
        ) or 0.0),
    )  # fmt: skip
