"""The BBQ panel from small arrays: there, zipped, to be downloaded, and damaged."""

import io
import shutil
import zipfile

import numpy as np
import pytest
import requests

from g2p.core.errors import G2PError
from g2p.data import load_panel
from g2p.data.sources import bbq_arrays
from tests.helpers.bbq_files import N_LOCI, NAMES, nothing_stored, read_from
from tests.helpers.configs import compose
from tests.helpers.record_server import serving

COUNTS = {"train": 6, "val": 3, "test": 2}


def arrays():
    """The six arrays by file name."""
    rng = np.random.default_rng(0)
    made = {}
    for part, count in COUNTS.items():
        made[f"geno_{part}.npy"] = rng.uniform(-1, 1, (count, N_LOCI)).astype(np.float32)
        made[f"pheno_{part}.npy"] = rng.standard_normal((count, 18))
    made["pheno_val.npy"][1, 2] = np.nan
    return made


def write_arrays(folder, **changes):
    (folder / "files").mkdir()
    made = arrays()
    for name, array in (made | {f"{name}.npy": array for name, array in changes.items()}).items():
        if array is not None:
            np.save(folder / "files" / name, array, allow_pickle=True)
    return made


def zipped_arrays(prefix="datasets/"):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays().items():
            content = io.BytesIO()
            np.save(content, array)
            archive.writestr(prefix + name, content.getvalue())
        archive.writestr("__MACOSX/._geno_train.npy", b"")
    return packed.getvalue()


def assert_is_the_panel_of_arrays(panel):
    made = arrays()
    for what, array in (("geno", panel.genotypes), ("pheno", panel.phenotypes)):
        expected = np.concatenate([made[f"{what}_{part}.npy"] for part in COUNTS])
        np.testing.assert_array_equal(array, expected)


def test_arrays(tmp_path, monkeypatch):
    monkeypatch.setattr(bbq_arrays, "BLOCK", 40)  # two strains at once
    write_arrays(tmp_path)
    panel, _ = read_from(tmp_path, "arrays")
    assert_is_the_panel_of_arrays(panel)
    assert panel.genotypes.dtype == np.float32
    assert not panel.genotypes.flags.owndata  # mapped
    assert panel.phenotype_names == NAMES
    assert panel.columns("YPD") == [3]
    assert panel.strains[0] == "train_000000"
    assert panel.strains[5:8] == ["train_000005", "val_000000", "val_000001"]
    assert panel.strain_table["split"].to_pylist() == [
        p for p, n in COUNTS.items() for _ in range(n)
    ]
    assert panel.loci.to_pylist()[1] == {"id": "locus_0002", "chromosome": "unknown", "position": 2}
    assert not list((tmp_path / "cache").glob("*.scratch"))


def test_float16_is_near_and_keeps_whole_numbers(tmp_path):
    exact = write_arrays(tmp_path, geno_val=np.array([[-1, 0, 1, np.nan]] * 3, np.float64))
    panel, half = read_from(tmp_path, "arrays", precision="float16")
    assert panel.genotypes.dtype == np.float16
    near = panel.genotypes[:6].astype(np.float64) - exact["geno_train.npy"]
    assert 0 < np.abs(near).max() <= 2**-12
    np.testing.assert_array_equal(panel.genotypes[6], [-1, 0, 1, np.nan])
    assert half != read_from(tmp_path, "arrays")[1]


@pytest.mark.parametrize("prefix", ["datasets/", ""])
def test_a_zip_that_lies_there(tmp_path, prefix):
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "datasets.zip").write_bytes(zipped_arrays(prefix))
    assert_is_the_panel_of_arrays(read_from(tmp_path, "arrays")[0])


def test_arrays_are_downloaded_once_and_not_needed_once_stored(tmp_path, monkeypatch):
    with serving() as server:
        server.name = "datasets.zip"
        server.described = server.content = zipped_arrays()
        server.breaks = 1
        panel, first = read_from(tmp_path, "arrays", record=server.record)
        assert_is_the_panel_of_arrays(panel)
        assert len(server.requested) == 2
    monkeypatch.setattr(requests, "get", None)  # whoever calls it fails
    assert read_from(tmp_path, "arrays")[1] == first
    for path in (tmp_path / "files").iterdir():
        path.unlink()
    panel, again = read_from(tmp_path, "arrays")
    assert again == first
    assert_is_the_panel_of_arrays(panel)
    assert not list((tmp_path / "files").iterdir())


def test_a_padded_array_is_not_unpacked(tmp_path):
    """numpy passes over what comes after an array, however much it is."""
    (tmp_path / "files").mkdir()
    packed = tmp_path / "files" / "datasets.zip"
    packed.write_bytes(zipped_arrays())
    with zipfile.ZipFile(packed) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    content["datasets/pheno_test.npy"] += bytes(10_000)
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, padded in content.items():
            archive.writestr(name, padded)
    with pytest.raises(G2PError, match="pheno_test.npy would be unpacked to 10,.* nothing was"):
        read_from(tmp_path, "arrays")
    assert [path.name for path in (tmp_path / "files").iterdir()] == ["datasets.zip"]


@pytest.mark.parametrize("note", ["[1]", "{}", "3", '{"fingerprint": 5}'])
def test_a_note_of_another_shape_is_made_again(tmp_path, note):
    write_arrays(tmp_path)
    _, first = read_from(tmp_path, "arrays")
    (stored_note,) = (tmp_path / "cache").glob("bbq-*.json")
    good = stored_note.read_text()
    stored_note.write_text(note)
    assert read_from(tmp_path, "arrays")[1] == first
    assert stored_note.read_text() == good


def test_a_damaged_panel_whose_arrays_are_gone_is_removed(tmp_path):
    write_arrays(tmp_path)
    panel, _ = read_from(tmp_path, "arrays")
    (file,) = (tmp_path / "cache").glob("*.arrow")
    damaged = bytearray(file.read_bytes())
    damaged[damaged.index(panel.genotypes.tobytes())] ^= 1
    shutil.rmtree(tmp_path / "files")
    file.write_bytes(damaged)
    panel, _ = read_from(tmp_path, "arrays")
    with pytest.raises(G2PError, match="was damaged and is removed; the files .* no longer exist"):
        panel.genotypes  # noqa: B018
    assert not file.exists()


def test_a_source_that_changed_is_read_again(tmp_path):
    write_arrays(tmp_path)
    _, first = read_from(tmp_path, "arrays")
    np.save(tmp_path / "files" / "geno_val.npy", np.zeros((3, N_LOCI), np.float32))
    panel, second = read_from(tmp_path, "arrays")
    assert first != second
    assert not panel.genotypes[6:9].any()


def test_no_network_says_what_to_do_by_hand(tmp_path):
    with serving(), pytest.raises(G2PError, match="no connection") as caught:
        read_from(tmp_path, "arrays", record="http://127.0.0.1:9/api/records/1")
    page = "http://127.0.0.1:9/records/1"
    message = f"download datasets.zip from {page} by hand and put it into {tmp_path / 'files'}"
    assert message in str(caught.value)
    assert nothing_stored(tmp_path)


def test_a_server_that_refuses_or_sends_something_else(tmp_path):
    with serving() as server:
        server.name = "datasets.zip"
        with pytest.raises(G2PError, match="datasets.zip is cut short or damaged"):
            read_from(tmp_path, "arrays", record=server.record)
        (tmp_path / "files" / "datasets.zip").unlink()
        server.status = 500
        with pytest.raises(G2PError, match="answered 500"):
            read_from(tmp_path, "arrays", record=server.record)
        server.status, server.described = 200, zipped_arrays()
        with pytest.raises(G2PError, match="its checksum is not md5:"):
            read_from(tmp_path, "arrays", record=server.record)
    assert [path.suffix for path in (tmp_path / "files").iterdir()] == [".lock"]
    assert nothing_stored(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pheno_val": None}, "has some arrays, but not pheno_val.npy"),
        ({"geno_val": np.zeros((3, 5))}, "geno_val.npy holds 3 x 5 numbers, expected 3 x 4"),
        ({"pheno_val": np.zeros((2, 18))}, "pheno_val.npy holds 2 x 18 numbers, expected 3 x 18"),
        ({"pheno_train": np.zeros((6, 17))}, "pheno_train.npy holds 6 x 17.*expected 6 x 18"),
        ({"geno_test": np.zeros(8)}, "geno_test.npy is not an array of numbers with two"),
        ({"geno_test": np.full((2, 4), "A")}, "geno_test.npy is not an array of numbers"),
        ({"geno_test": np.full((2, 4), None)}, "geno_test.npy is not an array or is cut short"),
        ({"geno_test": np.eye(4)[:2] * 1.5}, r"geno_test.npy: strain 0, locus 0 .* is 1.5; gen"),
        ({"geno_train": np.full((6, 4), -np.inf)}, r"strain 0, locus 0 \(from 0\) is -inf"),
        ({"pheno_test": np.full((2, 18), np.inf)},
         r"pheno_test.npy: strain 0, phenotype 0 \(from 0\) is inf; phenotypes must be finite"),
    ],
)  # fmt: skip
def test_faulty_arrays(tmp_path, changes, message):
    write_arrays(tmp_path, **changes)
    with pytest.raises(G2PError, match=message):
        read_from(tmp_path, "arrays")
    assert nothing_stored(tmp_path)
    assert not list(tmp_path.glob("cache/*.scratch"))


@pytest.mark.parametrize("keep", [0, 50, -1])
def test_a_truncated_array(tmp_path, keep):
    write_arrays(tmp_path)
    path = tmp_path / "files" / "geno_train.npy"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(G2PError, match="geno_train.npy is not an array or is cut short.*Remove"):
        read_from(tmp_path, "arrays")


def test_through_the_config(tmp_path):
    write_arrays(tmp_path)
    config = compose("data=bbq", f"data.files={tmp_path / 'files'}", "split=published")
    panel, _ = load_panel(config["data"], tmp_path / "cache")
    assert_is_the_panel_of_arrays(panel)
