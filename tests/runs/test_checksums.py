"""A finished run's files are those that it wrote, or reading them is an error."""

import json
import random
import shutil
from hashlib import sha256
from pathlib import Path

import pytest

import g2p
from g2p.core.atomic_files import write_atomically
from g2p.core.errors import DamagedRunError, G2PError
from g2p.runs import checksums, directory
from g2p.runs.directory import RunDirectory
from g2p.runs.load import restore
from g2p.runs.run import run
from g2p.runs.seed_ensemble import average
from tests.helpers.command import call
from tests.helpers.configs import SMALL_RIDGE, compose, paths
from tests.helpers.stored_runs import listing

# What reads each file.
READERS = {
    "config.yaml": lambda run: (run.config(), restore(run, "cpu")),
    "metrics.json": lambda run: run.metrics(),
    "history.parquet": lambda run: run.history(),
    "predictions.parquet": lambda run: run.predictions(),
    "environment.json": lambda run: run.environment(),
    "checkpoints/best.ckpt": lambda run: restore(run, "cpu"),
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    return run(compose(*SMALL_RIDGE, "phenotype=cu", *paths(folder)))


@pytest.fixture
def copied(trained, tmp_path) -> RunDirectory:
    shutil.copytree(trained, tmp_path / "runs" / trained.name)
    return RunDirectory(tmp_path / "runs" / trained.name)


def test_they_are_the_checksums_of_the_files(trained):
    digests = json.loads((trained / "checksums.json").read_text())
    assert digests == {
        name: sha256((trained / name).read_bytes()).hexdigest() for name in READERS
    }  # fmt: skip


@pytest.mark.parametrize("name", READERS)
def test_a_flipped_bit_is_an_error_that_names_the_file(copied, name):
    file, read = copied.folder / name, READERS[name]
    whole = file.read_bytes()
    read(copied)
    for bit in random.Random(0).sample(range(8 * len(whole)), 25):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        file.write_bytes(damaged)
        with pytest.raises(DamagedRunError) as error:
            read(copied)
        text = str(error.value)
        assert f"{file} is damaged (its checksum differs). " in text and "force=true" in text
    file.unlink()
    if name != "metrics.json":  # without which the run is not finished
        with pytest.raises(DamagedRunError, match=f"{file.name} is damaged .it is gone"):
            read(copied)
    file.write_bytes(whole)
    read(copied)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"metrics.json": 1}', "[" * 9999])
def test_damaged_checksums_are_an_error(copied, content):
    (copied.folder / "checksums.json").write_text(content)
    for read in READERS.values():
        with pytest.raises(DamagedRunError, match="checksums.json is damaged"):
            read(copied)


def test_a_run_that_is_not_finished_is_not_verified(copied):
    """Its history grows; the checksums of an earlier end are no reason to refuse it."""
    (copied.folder / "metrics.json").unlink()
    copied.write_history([{"epoch": 0, "val_r2_mean": 0.5}])
    assert copied.history().num_rows == 1
    (copied.folder / "history.parquet").unlink()
    with pytest.raises(FileNotFoundError):
        copied.history()


def test_killed_between_the_two_last_files_it_ends_again(trained, tmp_path, monkeypatch):
    """checksums.json is there, metrics.json is not: the run resumes and is whole."""
    config = compose(*SMALL_RIDGE, "phenotype=cu", *paths(tmp_path))

    def killed(path, write) -> None:
        if path.name == "metrics.json":
            raise KeyboardInterrupt
        write_atomically(path, write)

    monkeypatch.setattr(directory, "write_atomically", killed)
    with pytest.raises(KeyboardInterrupt):
        run(config)
    (stopped,) = (tmp_path / "runs").iterdir()
    assert (stopped / "checksums.json").exists() and not (stopped / "metrics.json").exists()
    monkeypatch.undo()
    again = RunDirectory(run(config))
    for read in READERS.values():
        read(again)
    assert again.metrics() | {"seconds": 0} == RunDirectory(trained).metrics() | {"seconds": 0}


def test_started_again_by_force_while_it_is_read(copied, monkeypatch):
    """A file of the new training beside the old checksums is not damaged."""
    real = checksums.sha256

    def start_again(content):
        (copied.folder / "metrics.json").unlink(missing_ok=True)
        return real(content + b"of the new training")

    monkeypatch.setattr(checksums, "sha256", start_again)
    assert copied.history().num_rows == 1


def test_a_run_of_an_earlier_version_opens_and_says_so_once(copied, tmp_path):
    """No checksums, no status: read as it is, and left as it is."""
    for name in ("checksums.json", "status.json"):
        (copied.folder / name).unlink()
    files = {f: f.stat().st_mtime_ns for f in copied.folder.rglob("*") if f.name != ".lock"}
    for read in READERS.values():
        read(copied)
    twin = RunDirectory(tmp_path / "twin")
    shutil.copytree(copied.folder, twin.folder)
    assert average([copied, twin])
    line = "no checksum: unverified"
    for arguments in (
        ["-m", "g2p", "runs"],
        ["-m", "g2p", "average", str(copied.folder), str(twin.folder)],
        ["-m", "g2p", "predict", f"run={copied.folder}", *SMALL_RIDGE[:2]],
        ["train.py", *SMALL_RIDGE, "phenotype=cu", *paths(tmp_path)],
    ):
        done = call(*arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count(line) == 1
    with pytest.warns(UserWarning, match=line) as warned:
        opened = g2p.load_run(copied.folder)
    assert len(warned) == 1 and warned[0].filename == __file__
    assert len(opened.predictions) > 0 and opened.history.empty
    assert files == {f: f.stat().st_mtime_ns for f in copied.folder.rglob("*") if f.name != ".lock"}
    (copied.folder / "predictions.parquet").unlink()
    with pytest.raises(G2PError, match=r"predictions\.parquet is gone"):
        average([copied, twin])


def test_the_list_finds_what_is_damaged(copied, tmp_path):
    """The files that it reads anyway at once, the others with --verify."""
    assert "1 done" in (whole := listing("--verify", cwd=tmp_path).stdout)
    assert "unverified" not in whole
    (copied.checkpoints / "best.ckpt").write_bytes(b"")
    assert "1 done" in listing(cwd=tmp_path).stdout
    listed = listing("--verify", "--errors", "status=damaged", cwd=tmp_path).stdout
    assert "1 damaged" in listed and "best.ckpt is damaged (its checksum differs)" in listed
    (copied.folder / "config.yaml").write_text("model: {}")
    assert "1 damaged" in listing(cwd=tmp_path).stdout
