"""The loss: squared error over what was observed."""

import torch
from torch import Tensor

from g2p.core.errors import CodeError


def masked_mse(predicted_BP: Tensor, observed_BP: Tensor, n_observed: Tensor) -> Tensor:
    """Squared error summed over the observed values (NaN is not one), over `n_observed`.

    `n_observed` is the count in the whole batch, so that shares of a batch add up to its loss. A
    batch without any observed value has loss 0.

    Raises:
        CodeError: for predictions of another shape, which torch would stretch to that of the
            observed values.
    """
    if not isinstance(predicted_BP, Tensor) or predicted_BP.shape != observed_BP.shape:
        shape = getattr(predicted_BP, "shape", None)
        returned = type(predicted_BP).__name__ if shape is None else f"shape {tuple(shape)}"
        raise CodeError(
            f"the model's forward returns {returned}; it must be a tensor of "
            f"(strains, phenotypes), here {tuple(observed_BP.shape)}."
        )
    is_observed = observed_BP.isfinite()
    error = torch.where(is_observed, predicted_BP - observed_BP, 0.0)
    return error.square().sum() / n_observed.clamp(min=1)
