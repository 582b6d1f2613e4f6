"""Devices: choosing one, allocating GPUs to processes, measuring energy."""
