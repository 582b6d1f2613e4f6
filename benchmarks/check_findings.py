"""Check that every number in docs/findings.md stands in a kept table.

    python -m benchmarks.check_findings

A section of the text names its tables in a line `Tables: findings/a.csv, ...` (relative to docs/).
A number in it must be a value of one of these, rounded to the decimals that the text gives; 12% is
0.12, and a sign counts if it is written. Code, targets of links and years are not numbers of the
text. Exits with 1, naming each number that stands in no table.
"""

import math
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

DOCS = Path(__file__).parent.parent / "docs"
TABLES = re.compile(r"^Tables?: (.+)$", re.MULTILINE)
# What is no number of the text: code, targets of links, years, names such as R2.
NOT_TEXT = re.compile(
    r"```.*?```|`[^`]*`|\]\([^)]*\)|^Tables?: .+$|\(\d{4}\)|\b(?:19|20)\d\d\b|\b[A-Za-z]+\d+\b",
    re.DOTALL | re.MULTILINE,
)
NUMBER = re.compile(r"(?<![\w.])([+\u2212-]?)(\d[\d,]*(?:\.\d+)?)(%?)")


def read_values(path: Path) -> list[float]:
    """Return all numbers of a table, CSV or Parquet."""
    frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    values = [frame[name] for name in frame.select_dtypes("number")]
    return [float(value) for column in values for value in column if math.isfinite(value)]


def stands_in(number: re.Match, values: list[float]) -> bool:
    """Whether a number of the text is one of these values, rounded as it is."""
    sign, digits, percent = number.groups()
    text = digits.replace(",", "").rstrip(".")
    decimals = len(text.partition(".")[2])
    for value in values:
        value *= 100 if percent else 1
        shown = value if sign else abs(value)
        wanted = -float(text) if sign in ("-", "\u2212") else float(text)
        # Half a unit of the last decimal, whichever way its tie was rounded.
        if abs(shown - wanted) <= 0.5 * 10**-decimals * (1 + 1e-9):
            return True
    return False


def unknown_numbers(text: str, docs: Path) -> Iterator[tuple[str, str]]:
    """Yield each number that stands in no table of its section, with the section's heading."""
    for section in re.split(r"^(?=## )", text, flags=re.MULTILINE):
        heading = section.splitlines()[0] if section else ""
        files = [name for line in TABLES.findall(section) for name in line.split(", ")]
        values = [value for name in files for value in read_values(docs / name.strip().rstrip("."))]
        for number in NUMBER.finditer(NOT_TEXT.sub(" ", section)):
            if not stands_in(number, values):
                yield heading, number.group()


def main() -> None:
    """Print what stands in no table; exit with 1 if there is any."""
    unknown = [*unknown_numbers((DOCS / "findings.md").read_text(), DOCS)]
    for heading, number in unknown:
        print(f"{heading}: {number} stands in none of its tables")
    sys.exit(bool(unknown))


if __name__ == "__main__":
    main()
