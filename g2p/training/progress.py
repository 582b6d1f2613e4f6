"""The progress of a training: silent here; `g2p.runs` has a bar for a terminal."""

from collections.abc import Callable


class SilentProgress:
    """Show nothing; a progress bar has these methods.

    Args:
        epochs: how many are to be trained in all; 0 of a closed form, which has none.
        done: how many are trained already.
        silent: whether nothing is shown, as in all processes of a training but the first.
        network: which network of an ensemble this is, from 1, and how many it has.
    """

    def __init__(
        self, epochs: int, done: int, silent: bool = False, network: tuple[int, int] = (1, 1)
    ):  # fmt: skip
        pass

    def __enter__(self) -> "SilentProgress":
        return self

    def __exit__(self, *error) -> None:
        pass

    def advance(self, epochs: float) -> None:
        """Show so many epochs as done, the last of them in part; of a closed form, its share."""

    def end_epoch(self, epoch: int, train_loss: float, r2: float, note: str = "") -> None:
        """Show how the epoch went, the first of which is 1; R2 is NaN without validation."""


OpenBar = Callable[..., SilentProgress]  # a class above, or one with some of its arguments
