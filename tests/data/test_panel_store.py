"""The store: what goes in comes out, built once, whole or absent."""

import multiprocessing
import os
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from g2p.core.errors import G2PError
from g2p.data import panel_store as store
from g2p.data.panel import Panel, validate
from g2p.data.panel_store import DamagedPanelError, files_fingerprint, open_panel, stored_panel
from tests.helpers.command import ROOT
from tests.helpers.panels import make_panel


def assert_same(stored: Panel, panel: Panel):
    assert stored.genotypes.dtype == panel.genotypes.dtype
    np.testing.assert_array_equal(stored.genotypes, panel.genotypes)
    np.testing.assert_array_equal(stored.phenotypes, panel.phenotypes)
    np.testing.assert_array_equal(stored.standard_errors, panel.standard_errors)
    assert stored.loci.equals(panel.loci)
    assert stored.strain_table.equals(panel.strain_table)
    for name in ("strains", "phenotype_names", "aliases", "noise_ceiling", "truth"):
        assert getattr(stored, name) == getattr(panel, name)


@settings(deadline=None, max_examples=20)
@given(
    n_strains=st.integers(1, 40),
    n_loci=st.integers(1, 40),
    n_phenotypes=st.integers(1, 5),
    dtype=st.sampled_from([np.int8, np.float32]),
    with_errors=st.booleans(),
)
def test_what_goes_in_comes_out(
    tmp_path_factory, n_strains, n_loci, n_phenotypes, dtype, with_errors
):
    panel = make_panel(n_strains, n_loci, n_phenotypes, dtype)
    if with_errors:
        further = {"gene": [None, *["g"] * (n_loci - 1)], "effect": [0.5] * n_loci}
        for name, values in further.items():
            panel = replace(panel, loci=panel.loci.append_column(name, pa.array(values)))
        panel = replace(panel, standard_errors=np.abs(panel.phenotypes))
    folder = tmp_path_factory.mktemp("store")
    for _ in range(2):  # written, then mapped
        assert_same(stored_panel(folder, "test", "f", lambda: panel), panel)


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
        raise G2PError("no")

    for build in (fail, lambda: make_panel(strains=["a"] * 5)):
        with pytest.raises(G2PError):
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


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A panel, and the file that stores it."""
    panel, folder = make_panel(20, 30), tmp_path_factory.mktemp("written")
    stored_panel(folder, "test", "f", lambda: panel)
    (file,) = folder.iterdir()
    return panel, file, file.read_bytes()


@settings(deadline=None, max_examples=150)
@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_is_mended_or_without_effect(written, where, bit):
    panel, file, whole = written
    damaged = bytearray(whole)
    damaged[int(where * len(whole))] ^= 1 << bit
    file.write_bytes(damaged)
    assert_same(stored_panel(file.parent, "test", "f", lambda: panel), panel)
    assert file.read_bytes() in (whole, damaged)


def test_a_flipped_genotype_is_detected_before_it_is_used(written, caplog):
    """Though not when the panel is opened: genotypes may be larger than memory."""
    panel, file, whole = written
    damaged = bytearray(whole)
    damaged[whole.index(panel.genotypes.tobytes()) + 123] ^= 2
    file.write_bytes(damaged)
    stored = stored_panel(file.parent, "test", "f", lambda: panel)
    assert not caplog.records
    changed = replace(stored, phenotypes=-stored.phenotypes)  # as a run does; it reads no genotypes
    assert not caplog.records
    np.testing.assert_array_equal(changed.genotypes, panel.genotypes)
    assert f"{file} is damaged; building it again" in caplog.text
    assert file.read_bytes() == whole
    file.write_bytes(damaged)  # where nobody can build it, as in data.panel=
    with pytest.raises(DamagedPanelError, match="checksum does not match its genotypes"):
        open_panel(file).genotypes  # noqa: B018


def test_a_panel_with_metadata_of_another_shape_is_built_again(written, caplog):
    panel, file, _ = written
    with pa.memory_map(str(file)) as source:
        batch = pa.ipc.open_file(source).get_batch(0)
    for key, value in (("facts", "[]"), ("facts", "{}"), ("checksums", "[1]"), ("loci", "x")):
        metadata = batch.schema.metadata | {key.encode(): value.encode()}
        with pa.ipc.new_file(str(file), batch.schema.with_metadata(metadata)) as writer:
            writer.write_batch(batch.replace_schema_metadata(metadata))
        caplog.clear()
        assert_same(stored_panel(file.parent, "test", "f", lambda: panel), panel)
        assert "is damaged; building it again" in caplog.text


KILLED = """
import os, signal, sys
from pathlib import Path
from g2p.core.atomic_files import write_atomically

def write(file):
    file.write(b"half a panel")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)

write_atomically(Path(sys.argv[1]), write)
"""


def test_what_a_killed_writer_left_goes_and_what_a_live_one_writes_stays(tmp_path):
    file = tmp_path / "test-other-v4.arrow"  # of a panel that nobody asks for again
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(file)], env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False, timeout=60,
    )  # fmt: skip
    assert ended.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert left.name.endswith(".draft")

    def write(file):  # while it is being written, another panel is stored in the folder
        stored_panel(tmp_path, "test", "f", make_panel)
        file.write(b"whole")

    store.write_atomically(tmp_path / "slow", write)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["slow", "test-f-v4.arrow"]


def test_a_source_of_the_same_size_and_time_is_read_again(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "SETTLED", -(10**18))  # as if the file had lain there for long
    file = tmp_path / "source"
    file.write_bytes(b"first")
    os.utime(file, ns=(1, 1))

    def digest() -> str:
        return files_fingerprint(tmp_path, 1, {}, [file])

    first = digest()
    assert digest() == first
    before = file.stat().st_ctime_ns
    while file.stat().st_ctime_ns == before:  # a clock of milliseconds
        file.write_bytes(b"other")
        os.utime(file, ns=(1, 1))
    second = digest()
    assert second != first
    (tmp_path / "copy").write_bytes(b"third")
    os.utime(tmp_path / "copy", ns=(1, 1))
    (tmp_path / "copy").replace(file)  # another inode
    assert digest() not in (first, second)


@pytest.mark.parametrize("note", ["{}", "[1]", "null", '{"facts": 1}', '{"facts": [], "sha'])
def test_a_note_of_another_shape_is_made_again(tmp_path, monkeypatch, note):
    monkeypatch.setattr(store, "SETTLED", -(10**18))
    file = tmp_path / "source"
    file.write_bytes(b"content")
    first = files_fingerprint(tmp_path, 1, {}, [file])
    (noted,) = (tmp_path / "digests").iterdir()
    good = noted.read_text()
    noted.write_text(note)
    assert files_fingerprint(tmp_path, 1, {}, [file]) == first
    assert noted.read_text() == good


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
    ("changes", "message"),
    [
        ({"strains": ["s0", "s1", "s2", "s3", "s1"]}, "strain names appear more than once: s1"),
        ({"strains": ["s0"]}, "1 strain names for 5"),
        ({"phenotype_names": ["p", "p"]}, "phenotype names appear more than once"),
        ({"phenotypes": np.zeros((4, 2))}, "phenotypes are"),
        ({"phenotypes": np.full((5, 2), np.inf)}, "finite"),
        ({"standard_errors": np.ones((5, 1))}, "standard errors are .5, 1., expected .5, 2."),
        ({"standard_errors": np.full((5, 2), -1.0)}, "standard errors must be finite and not"),
        ({"standard_errors": np.full((5, 2), np.inf)}, "standard errors must be finite"),
        ({"genotypes": np.full((5, 3), 2, np.int8)}, r"\[-1, 1\]"),
        ({"genotypes": np.zeros((0, 3), np.int8)}, "empty"),
    ],
)
def test_a_panel_that_does_not_fit_together(changes, message):
    with pytest.raises(G2PError, match=message):
        validate(make_panel(**changes), "here")


def test_a_panel_may_have_genotypes_alone(tmp_path):
    panel = make_panel(phenotypes=np.empty((5, 0)), phenotype_names=[], noise_ceiling={})
    for _ in range(2):
        stored = stored_panel(tmp_path, "test", "f", lambda: panel)
        assert stored.phenotypes.shape == (5, 0)
    with pytest.raises(G2PError, match="genotypes only"):
        stored.columns("all")
