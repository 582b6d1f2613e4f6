"""Where the package lies."""

from pathlib import Path

PACKAGE = Path(__file__).parent.parent
