"""The package's directory."""

from pathlib import Path

PACKAGE = Path(__file__).parent.parent
