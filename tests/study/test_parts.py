"""A study in parts: trained in two places, merged in a third from their tables alone."""

import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from g2p.core.errors import G2PError
from g2p.study.parts import Parts
from tests.helpers.studies import run_study

STUDY = """
factors:
  model:
    strong: {model: ridge}
    lasso: {model: lasso, model.folds: 3}
  data.max_correlation: [null, 0.9]
select: {data.max_correlation: validation}
phenotypes: [cu, 23C]
seeds: [0, 1, 2]
seed_keys: [split.seed]
compare: [[strong, lasso]]
sizes: {laptop: {}}
"""
TIMES = ("seconds", "peak_memory", "energy", "ended")


def run_part(folder, *arguments):
    done, study = run_study(folder, STUDY, *arguments)
    return done, study / "results.parquet"


def rows_of(file):
    return pq.read_table(file).drop_columns(list(TIMES)).to_pylist()


@pytest.mark.slow
def test_tables_of_parts_are_the_table_of_the_whole(tmp_path):
    whole_done, whole = run_part(tmp_path / "whole")
    assert whole_done.returncode == 0, whole_done.stderr
    tables = []
    for name, seeds in (("one", "seeds=0,2"), ("two", "seeds=[1]")):
        done, file = run_part(tmp_path / name, seeds)
        assert done.returncode == 0, done.stderr
        assert {row["seed"] for row in rows_of(file)} < {0, 1, 2}
        command = f"size=laptop seeds={','.join(c for c in seeds if c.isdigit())}"
        assert command in (file.parent / "report.html").read_text()
        tables.append(shutil.copy(file, tmp_path / f"{name}.parquet"))
    merged_done, merged = run_part(
        tmp_path / "merged", "--collect", f"tables=[{','.join(map(str, tables))}]"
    )
    assert merged_done.returncode == 0, merged_done.stderr
    assert rows_of(merged) == rows_of(whole)
    effects = [pq.read_table(file.parent / "effects.parquet") for file in (merged, whole)]
    assert effects[0].equals(effects[1])
    assert not (tmp_path / "merged" / "runs").exists()
    runs = {row["signature"]: row["versions"] for row in rows_of(whole)}
    (stored,) = json.loads((merged.parent / "provenance.json").read_text())["stored"]
    assert stored["runs"] == len(runs) and {stored["versions"]} == set(runs.values())
    (trained,) = json.loads((whole.parent / "provenance.json").read_text())["training"]
    same = ("git_commit", "git_dirty", "device")
    assert [stored[name] for name in same] == [trained[name] for name in same]
    ends = [row["ended"] for table in tables for row in pq.read_table(table).to_pylist()]
    assert (stored["first"], stored["last"]) == (min(ends), max(ends))
    page = (merged.parent / "report.html").read_text()
    assert f"<td>{stored['versions']}</td>" in page and (stored["git_commit"] or "–")[:10] in page
    assert json.loads((whole.parent / "provenance.json").read_text())["stored"] == []
    # One part alone: the other's runs are pending, so the study is not done.
    partly_done, partly = run_part(tmp_path / "partly", "--collect", f"tables={tables[0]}")
    assert partly_done.returncode == 1
    by_status = {row["seed"]: row["status"] for row in rows_of(partly)}
    assert by_status == {0: "done", 1: "pending", 2: "done"}


def row(signature, r2=0.5, **more):
    return {
        "signature": signature, "phenotype": "p", "split": "val", "status": "done", "r2": r2, **more
    }  # fmt: skip


def write(file, *rows):
    pq.write_table(pa.Table.from_pylist(list(rows)), file)
    return file


def test_a_run_is_recognised_by_its_config_under_other_code(tmp_path):
    file = write(tmp_path / "a.parquet", row("0123456789abcdef", seconds=3.0), row("9" * 16))
    parts = Parts([file])
    here = "01234567" + "0" * 8
    assert parts.signature_of(here) == "0123456789abcdef"
    assert parts.cells(here, ("r2", "seconds", "flops")) == {
        ("p", "val"): {"r2": 0.5, "seconds": 3.0, "flops": None}
    }
    other_code, unused = parts.notes([here, "f" * 16])
    assert other_code.startswith("1 run of the tables computed with other code")
    assert unused == f"1 run of the tables are not of this study: {'9' * 16}."
    assert parts.signature_of("f" * 16) is None


def test_what_is_not_done_elsewhere_is_not_taken(tmp_path):
    parts = Parts([write(tmp_path / "a.parquet", row("a" * 16, None) | {"status": "running"})])
    assert parts.signature_of("a" * 16) is None


def test_tables_that_cannot_be_merged(tmp_path):
    one = write(tmp_path / "one.parquet", row("a" * 16))
    other = write(tmp_path / "other.parquet", row("a" * 16, 0.6))
    foreign = write(tmp_path / "foreign.parquet", {"x": 1})
    text = tmp_path / "text.parquet"
    text.write_text("no table")
    for files, message in (
        ([one, other], "other.parquet has other results of run a"),
        ([foreign], "foreign.parquet is no table of results: it has no column signature"),
        ([text], "text.parquet cannot be read"),
    ):
        with pytest.raises(G2PError, match=message):
            Parts(files)
