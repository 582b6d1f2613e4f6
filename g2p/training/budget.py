"""How long a run trains: its epochs, from `trainer.max_epochs` and `trainer.max_updates`.

A training ends with the epoch in which its budget of updates is reached: checkpoints are of whole
epochs, so a resumed run ends where an undisturbed one does, bit for bit.
"""


def count_updates(n_train: int, *, batch_size: int, drop_last: bool) -> int:
    """Return the updates of one epoch: its batches, over all devices."""
    full, rest = divmod(n_train, batch_size)
    return full + (rest > 0 and not drop_last)


def count_epochs(max_epochs: int | None, max_updates: int | None, updates_an_epoch: int) -> int:
    """Return the epochs of a whole training: until its first budget; one is set."""
    epochs_of_updates = None if max_updates is None else -(-max_updates // updates_an_epoch)
    return min(epochs for epochs in (max_epochs, epochs_of_updates) if epochs is not None)
