"""Weights & Biases: a copy of what a run's own files say."""
