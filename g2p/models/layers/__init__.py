"""Layers that the architectures share."""
