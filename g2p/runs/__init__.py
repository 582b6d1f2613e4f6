"""A run: resolved, executed, written to its directory, read back, listed, pruned."""
