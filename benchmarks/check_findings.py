"""Check that every number in docs/findings.md stands in a kept table.

    python -m benchmarks.check_findings

A section of the text names its tables in a line `Tables: findings/a.csv, ...` (relative to docs/).
A number in it must be a value of one of these, rounded to the decimals that the text gives; 12% is
0.12, and a sign counts if it is written. In a table of the text it must be of what the first cell
of its row names, where that is anything (`part_about`). Code, targets of links and years are not
numbers of the text. A number of README.md's first screen must stand in the findings as it is
there. Exits with 1, naming each number that stands in no table.
"""

import math
import re
import sys
from collections.abc import Iterator, Sequence
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
# A row of a table in the text, but its headings.
ROW = re.compile(r"^\| *(?P<label>[^|\n]*?) *\|(?P<cells>.*)\|$(?!\n\|-)", re.MULTILINE)


def read_table(path: Path) -> pd.DataFrame:
    """Return a table, CSV or Parquet."""
    return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)


def values_of(frames: Sequence[pd.DataFrame]) -> list[float]:
    """Return all numbers of these tables."""
    columns = [frame[name] for frame in frames for name in frame.select_dtypes("number")]
    return [float(value) for column in columns for value in column if math.isfinite(value)]


def part_about(frame: pd.DataFrame, label: str) -> pd.DataFrame:
    """Return the rows that a row's label in the text names, or else the columns.

    These are the rows with the longest cell that stands in the label and, of several, those with a
    whole number of it, as in `transformer, 2`, but for seeds.
    """
    label = label.replace("`", "").lower()

    def named(text: object) -> int:
        return len(str(text)) * bool(re.search(rf"\b{re.escape(str(text).lower())}\b", label))

    numbers = frame.select_dtypes("number")
    cells = frame.select_dtypes(exclude="number").fillna("").map(named)
    longest = cells.max(axis="columns") if len(cells.columns) else pd.Series(0, frame.index)
    rows = frame[(longest > 0) & (longest == longest.max())]
    if rows.empty:
        return numbers[[name for name in numbers if named(name)]]
    wanted = [float(n) for n in re.findall(r"\b\d+\b", label)]
    is_named = numbers.drop(columns="seed", errors="ignore").isin(wanted).any(axis="columns")
    of_number = rows[is_named[rows.index]]
    return of_number if len(of_number) else rows


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
        names = [name for line in TABLES.findall(section) for name in line.split(", ")]
        frames = [read_table(docs / name.strip().rstrip(".")) for name in names]
        values = values_of(frames)
        for row in ROW.finditer(section):
            of_row = values_of([part_about(frame, row["label"]) for frame in frames]) or values
            for number in NUMBER.finditer(NOT_TEXT.sub(" ", row["cells"])):
                if not stands_in(number, of_row):
                    yield heading, number.group()
        for number in NUMBER.finditer(NOT_TEXT.sub(" ", ROW.sub(" ", section))):
            if not stands_in(number, values):
                yield heading, number.group()


def unknown_in_readme(readme: str, findings: str) -> list[str]:
    """Return the numbers of README's first screen, up to its first heading, not in the findings."""
    screen = readme.partition("\n## ")[0]
    stated = {number for part in findings.split("\n\n") for number in _numbers(part)}
    return [number for number in _numbers(screen) if number not in stated]


def _numbers(text: str) -> list[str]:
    return [number.group().rstrip(",") for number in NUMBER.finditer(NOT_TEXT.sub(" ", text))]


def main() -> None:
    """Print what stands in no table; exit with 1 if there is any."""
    findings = (DOCS / "findings.md").read_text()
    unknown = [*unknown_numbers(findings, DOCS)]
    for heading, number in unknown:
        print(f"{heading}: {number} stands in none of its tables")
    of_readme = unknown_in_readme((DOCS.parent / "README.md").read_text(), findings)
    for number in of_readme:
        print(f"README.md: {number} does not stand in docs/findings.md")
    sys.exit(bool(unknown or of_readme))


if __name__ == "__main__":
    main()
