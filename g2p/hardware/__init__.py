"""Devices: which one, whose GPU, what energy it takes."""
