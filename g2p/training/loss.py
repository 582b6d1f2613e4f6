"""The loss: squared error over what was observed, Huber's, a Gaussian likelihood, or a user's own.

Where training strains are weighted, it is the weighted sum over the number of observed values: as
weights have mean 1 over the training strains, not over each batch, so that its expectation is the
loss of all of them, and learning rates keep their meaning.
"""

import inspect
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import huber_loss

from g2p.config.load_component import load_component
from g2p.core.errors import CodeError, OptionError

Loss = Callable[..., Tensor]  # of predictions and `g2p.data.batches.Batch.targets`


def load_loss(
    name: str | None, *, n_phenotypes: int, huber_delta: float = 1.0, weighted: bool = False
) -> Loss:
    """Return `masked_mse`, the loss `huber` or `gaussian`, or a user's own, my_pkg.losses.mine.

    Args:
        name: of the loss; None is squared error.
        n_phenotypes: P.
        huber_delta: in standardised units, where Huber's loss turns from squared to absolute.
        weighted: whether training strains are weighted.

    Raises:
        OptionError: where strains are weighted, and the function computes the whole loss itself.
    """
    if name is None:
        return masked_mse
    if name == "huber":
        return partial(masked_loss, partial(huber_loss, delta=huber_delta, reduction="none"), name)
    if name == "gaussian":
        return GaussianLoss(n_phenotypes)
    function = load_component(name)
    # As masked_mse, with three arguments it computes all of it by itself.
    is_whole = len(inspect.signature(function).parameters) == len(("predicted", "observed", "n"))
    if is_whole and weighted:
        raise OptionError(
            f"data.weights: trainer.loss={name} computes the loss of a whole batch, which cannot "
            "be weighted. Write a function of (predicted_BP, observed_BP), which returns the loss "
            "of each value."
        )
    return partial(_whole if is_whole else masked_loss, function, name)


def masked_mse(
    predicted_BP: Tensor, observed_BP: Tensor, n_observed: Tensor, weight_BP: Tensor | None = None
) -> Tensor:
    """Squared error summed over the observed values (NaN is not one), over `n_observed`.

    `n_observed` is the count in the whole batch, so that shares of a batch add up to its loss. A
    batch without any observed value has loss 0. `weight_BP` multiplies the squared errors.

    Raises:
        CodeError: for predictions of another shape, which torch would stretch to that of the
            observed values.
    """
    _check_shape(predicted_BP, observed_BP)
    is_observed = observed_BP.isfinite()
    error = torch.where(is_observed, predicted_BP - observed_BP, 0.0)
    return _weighted(error.square(), weight_BP).sum() / n_observed.clamp(min=1)


def masked_loss(
    function: Callable[[Tensor, Tensor], Tensor], name: str,
    predicted_BP: Tensor, observed_BP: Tensor, n_observed: Tensor, weight_BP: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Sum what a user's function returns for the observed values, over `n_observed`.

    The function sees predictions in place of missing values, so that its gradient is finite.

    Raises:
        CodeError: where it does not return a value for each prediction.
    """
    _check_shape(predicted_BP, observed_BP)
    is_observed = observed_BP.isfinite()
    complete_BP = torch.where(is_observed, observed_BP, predicted_BP.detach())
    loss_BP = function(predicted_BP, complete_BP)
    if getattr(loss_BP, "shape", None) != observed_BP.shape:
        raise CodeError(
            f"{name} returns {_described(loss_BP)}; it must return the loss of each value, "
            f"{tuple(observed_BP.shape)}. A function of (predicted_BP, observed_BP, n_observed) "
            "returns their sum over n_observed, as g2p.training.loss.masked_mse."
        )
    loss_BP = torch.where(is_observed, loss_BP, 0.0)
    return _weighted(loss_BP, weight_BP).sum() / n_observed.clamp(min=1)


class GaussianLoss(nn.Module):
    """The negative log likelihood of Gaussian noise, with a learned variance for each phenotype.

    A phenotype that is predicted well counts for more (Kendall et al. 2018, CVPR, equation 7).
    """

    def __init__(self, n_phenotypes: int):
        super().__init__()
        self.log_variance_P = nn.Parameter(torch.zeros(n_phenotypes))

    def forward(
        self, predicted_BP: Tensor, observed_BP: Tensor, n_observed: Tensor,
        weight_BP: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        def negative_log_likelihood(predicted_BP: Tensor, observed_BP: Tensor) -> Tensor:
            error_BP = (predicted_BP - observed_BP).square() * (-self.log_variance_P).exp()
            return 0.5 * (error_BP + self.log_variance_P)

        return masked_loss(
            negative_log_likelihood, "gaussian", predicted_BP, observed_BP, n_observed, weight_BP
        )


def _weighted(loss_BP: Tensor, weight_BP: Tensor | None) -> Tensor:
    return loss_BP if weight_BP is None else loss_BP * weight_BP


def _whole(
    function: Loss, name: str, predicted_BP: Tensor, observed_BP: Tensor, n_observed: Tensor
) -> Tensor:
    _check_shape(predicted_BP, observed_BP)
    loss = function(predicted_BP, observed_BP, n_observed)
    if not isinstance(loss, Tensor) or loss.dim():
        raise CodeError(f"{name} returns no tensor with a single value.")
    return loss


def _check_shape(predicted_BP: Tensor, observed_BP: Tensor) -> None:
    if not isinstance(predicted_BP, Tensor) or predicted_BP.shape != observed_BP.shape:
        raise CodeError(
            f"the model's forward returns {_described(predicted_BP)}; it must be a tensor of "
            f"(strains, phenotypes), here {tuple(observed_BP.shape)}."
        )


def _described(value: object) -> str:
    shape = getattr(value, "shape", None)
    return type(value).__name__ if shape is None else f"shape {tuple(shape)}"
