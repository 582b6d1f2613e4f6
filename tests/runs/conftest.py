"""Fixtures of the tests of runs."""

import pytest


@pytest.fixture
def quick(small):
    """A config of a run on one phenotype, four times as fast as `small`, with more overrides."""
    return lambda *overrides: small("phenotype=cu", *overrides)
