"""Every study there is, at its small size, from its first run to its report."""

import pyarrow.parquet as pq
import pytest

from g2p.study.plan import studies
from tests.command import sweep


@pytest.mark.parametrize("name", studies())
def test_a_study_at_its_small_size(tmp_path, name):
    done = sweep(f"study={name}", "size=smoke", "logger=none", cwd=tmp_path, timeout=500)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    folder = tmp_path / "studies" / f"{name}-smoke"
    rows = pq.read_table(folder / "results.parquet").to_pylist()
    assert rows and {row["status"] for row in rows} == {"done"}
    assert all(row["r2"] is not None for row in rows if row["split"] == "test")
    assert (folder / "report.html").stat().st_size > 10_000
    effects = pq.read_table(folder / "effects.parquet").to_pylist()
    assert all(effect["pairs"] and effect["test"] for effect in effects)
    if name == "transfer":  # joint arms predict three phenotypes, of which one is the question
        assert {row["phenotype"] for row in rows} == {"23C", "25C", "27C"}
        assert {name for effect in effects for name, _ in effect["by_phenotype"]} == {"23C"}
