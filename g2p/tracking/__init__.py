"""Loggers: copies of a run's results for W&B, CSV and TensorBoard."""
