"""The loss: squared error over what was observed."""

import torch
from torch import Tensor


def masked_mse(predicted_BP: Tensor, observed_BP: Tensor, n_observed: Tensor) -> Tensor:
    """Squared error summed over the observed values (NaN is not one), over `n_observed`.

    `n_observed` is the count in the whole batch, so that shares of a batch add up to its loss. A
    batch without any observed value has loss 0.
    """
    seen = observed_BP.isfinite()
    error = torch.where(seen, predicted_BP - observed_BP, 0.0)
    return error.square().sum() / n_observed.clamp(min=1)
