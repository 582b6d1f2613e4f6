"""Baselines: closed forms and other libraries; `fit`, `load` and `predict`, a file each."""

from importlib import import_module

from g2p.config import class_name


def build_baseline(options: dict):
    """The baseline `options["name"]`, told its options."""
    options = dict(options)
    name = options.pop("name")
    return getattr(import_module(f"g2p.baselines.{name}"), class_name(name))(**options)
