"""Weights & Biases: a copy of the results in a run's files."""
