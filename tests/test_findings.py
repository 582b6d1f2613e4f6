"""docs/findings.md: each number stands in a kept table, and a wrong one would be found."""

import io
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.check_findings import part_about, unknown_in_readme, unknown_numbers
from benchmarks.findings_tables import FINDINGS, derive_tables

ROOT = Path(__file__).parent.parent
TABLE = "arm,r2,n\na,0.78844,19833\nb,-0.0046,5\n"


def find_unknown(tmp_path, sentence):
    (tmp_path / "a.csv").write_text(TABLE)
    text = f"# Title\n\n## One\n\n{sentence}\n\nTables: a.csv\n"
    return [number for _, number in unknown_numbers(text, tmp_path)]


@pytest.mark.parametrize(
    "sentence",
    [
        "R2 is 0.788, of 19,833 strains, and 5 of them more.",
        "R2 rises to 78.8%; it falls by 0.0046, that is by -0.005.",
        "As published (2025), `model.embedding_dim=13` and [a link](x-99.md).",
    ],
)
def test_numbers_of_the_table(tmp_path, sentence):
    assert find_unknown(tmp_path, sentence) == []


@pytest.mark.parametrize(
    ("sentence", "numbers"),
    [
        ("R2 is 0.789.", ["0.789"]),
        ("19,834 strains", ["19,834"]),
        ("It rises by +0.005.", ["+0.005"]),
        ("78.9% and 6", ["78.9%", "6"]),
    ],
)
def test_numbers_that_stand_nowhere(tmp_path, sentence, numbers):
    assert find_unknown(tmp_path, sentence) == numbers


def test_a_row_of_the_text_has_the_numbers_of_the_row_that_it_names(tmp_path):
    table = "| arm | R2 |\n|---|---|\n| `a` | 0.788 |\n| the arm b | {} |\n| other | 0.788 |"
    assert find_unknown(tmp_path, table.format("-0.005, 5")) == []
    assert find_unknown(tmp_path, table.format("0.788")) == ["0.788"]


def test_of_rows_of_one_name_its_number_says_which(tmp_path):
    frame = pd.DataFrame({"model": ["m", "m", "n"], "layers": [1, 2, 2], "r2": [0.1, 0.2, 0.3]})
    assert part_about(frame, "m, 2")["r2"].tolist() == [0.2]
    assert part_about(frame, "`m`")["r2"].tolist() == [0.1, 0.2]
    assert part_about(frame, "r2 of all").columns.tolist() == ["r2"]
    assert part_about(frame, "nothing").empty


def test_the_first_screen_of_readme_has_numbers_of_the_findings():
    readme = "# g2p\n\n1,702 updates and 0.80, not 12.\n\n## Two commands\n\n99\n"
    assert unknown_in_readme(readme, "After 1,702 updates R2 is 0.80.") == ["12"]


def test_a_section_without_tables_has_no_numbers(tmp_path):
    assert [*unknown_numbers("## One\n\nR2 is 0.788.\n", tmp_path)] == [("## One", "0.788")]


def test_every_number_of_the_findings_is_of_a_table():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.check_findings"], cwd=ROOT, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_derived_tables_follow_from_the_stored_rows():
    for name, table in derive_tables().items():
        stored = pd.read_csv(FINDINGS / name)
        derived = pd.read_csv(io.StringIO(table.to_csv(index=False)))
        pd.testing.assert_frame_equal(stored, derived, check_dtype=False)
