"""The store: what goes in comes out, built once, whole or absent."""

import multiprocessing

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from g2p.data.panel import Panel, validate
from g2p.data.store import stored_panel
from g2p.errors import UserError


def make_panel(n_strains=5, n_loci=3, n_phenotypes=2, dtype=np.int8, **changes) -> Panel:
    rng = np.random.default_rng(0)
    phenotypes = rng.standard_normal((n_strains, n_phenotypes))
    phenotypes[0, 0] = np.nan
    parts = {
        "genotypes": rng.integers(-1, 2, (n_strains, n_loci)).astype(dtype),
        "phenotypes": phenotypes,
        "strains": [f"s{i}" for i in range(n_strains)],
        "phenotype_names": [f"p{i}" for i in range(n_phenotypes)],
        "loci": pa.table({
            "id": [f"l{i}" for i in range(n_loci)],
            "chromosome": ["chr01"] * n_loci,
            "position": list(range(n_loci)),
        }),
        "aliases": {"also": "p0"},
        "noise_ceiling": {"p0": 0.5},
        "strain_table": pa.table({
            "family": [f"f{i % 2}" for i in range(n_strains)],
            "batch": list(range(n_strains)),
        }),
        "truth": {"sets": [[1, 2]]},
    }  # fmt: skip
    return Panel(**{**parts, **changes})


@settings(deadline=None, max_examples=20)
@given(
    n_strains=st.integers(1, 40),
    n_loci=st.integers(1, 40),
    n_phenotypes=st.integers(1, 5),
    dtype=st.sampled_from([np.int8, np.float32]),
)
def test_what_goes_in_comes_out(tmp_path_factory, n_strains, n_loci, n_phenotypes, dtype):
    panel = make_panel(n_strains, n_loci, n_phenotypes, dtype)
    folder = tmp_path_factory.mktemp("store")
    for _ in range(2):  # written, then mapped
        stored = stored_panel(folder, "test", "f", lambda: panel)
        assert stored.genotypes.dtype == dtype
        np.testing.assert_array_equal(stored.genotypes, panel.genotypes)
        np.testing.assert_array_equal(stored.phenotypes, panel.phenotypes)
        assert stored.loci.equals(panel.loci)
        assert stored.strain_table.equals(panel.strain_table)
        for name in ("strains", "phenotype_names", "aliases", "noise_ceiling", "truth"):
            assert getattr(stored, name) == getattr(panel, name)


def test_built_once_and_mapped_not_read(tmp_path):
    built = []

    def build() -> Panel:
        built.append(1)
        return make_panel()

    stored_panel(tmp_path, "test", "f", build)
    panel = stored_panel(tmp_path, "test", "f", build)
    assert len(built) == 1
    assert not panel.genotypes.flags.owndata
    assert not panel.genotypes.flags.writeable
    stored_panel(tmp_path, "test", "another", build)  # a changed source
    assert len(built) == 2


def test_a_build_that_fails_leaves_nothing(tmp_path):
    def fail() -> Panel:
        raise UserError("no")

    for build in (fail, lambda: make_panel(strains=["a"] * 5)):
        with pytest.raises(UserError):
            stored_panel(tmp_path, "test", "f", build)
        assert not list(tmp_path.iterdir())


def test_a_damaged_store_is_built_again(tmp_path, caplog):
    stored_panel(tmp_path, "test", "f", make_panel)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    for damaged in (b"", whole[: len(whole) // 2], b"x" * 100):
        path.write_bytes(damaged)
        stored_panel(tmp_path, "test", "f", make_panel)
        assert path.read_bytes() == whole
        assert "is damaged; building it again" in caplog.text


def _build(folder, barrier, results):
    def build() -> Panel:
        barrier.wait()  # both have found the store absent
        return make_panel(400, 200)

    results.put(int(stored_panel(folder, "test", "f", build).genotypes.sum()))


def test_two_processes_build_at_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(2), context.Queue()
    workers = [context.Process(target=_build, args=(tmp_path, barrier, results)) for _ in range(2)]
    for worker in workers:
        worker.start()
    sums = [results.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    assert sums == [int(make_panel(400, 200).genotypes.sum())] * 2
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"strains": ["s0", "s1", "s2", "s3", "s1"]}, "strain names appear more than once: s1"),
        ({"strains": ["s0"]}, "1 strain names for 5"),
        ({"phenotype_names": ["p", "p"]}, "phenotype names appear more than once"),
        ({"phenotypes": np.zeros((4, 2))}, "phenotypes are"),
        ({"phenotypes": np.full((5, 2), np.inf)}, "finite"),
        ({"genotypes": np.full((5, 3), 2, np.int8)}, r"\[-1, 1\]"),
        ({"genotypes": np.zeros((0, 3), np.int8)}, "empty"),
    ],
)
def test_a_panel_that_does_not_fit_together(changes, said):
    with pytest.raises(UserError, match=said):
        validate(make_panel(**changes), "here")


def test_a_panel_may_have_genotypes_alone(tmp_path):
    panel = make_panel(phenotypes=np.empty((5, 0)), phenotype_names=[], noise_ceiling={})
    for _ in range(2):
        stored = stored_panel(tmp_path, "test", "f", lambda: panel)
        assert stored.phenotypes.shape == (5, 0)
    with pytest.raises(UserError, match="genotypes only"):
        stored.columns("all")
