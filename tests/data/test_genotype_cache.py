"""Genotypes of a large panel: made in blocks, stored once for each split, mapped from a file."""

import errno
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from g2p.data import split as splits
from g2p.data.genotype_cache import PrunedGenotypes, cached_genotypes
from g2p.data.large_arrays import new_array
from g2p.data.panel import NO_CALL
from g2p.data.preprocess import prepare
from g2p.data.quality_control import clean
from tests.helpers.panels import PREPARE, QUALITY, make_panel


def assert_same_genotypes(again, plain):
    np.testing.assert_array_equal(again.genotypes, plain.genotypes)
    assert again.loci.equals(plain.loci) and again.qc_log == plain.qc_log != []
    for part in plain.split:
        np.testing.assert_array_equal(again.split[part], plain.split[part])


def test_the_genotypes_of_a_large_panel_are_pruned_once(tmp_path, monkeypatch):
    """The file on disk has what was made; a small panel leaves nothing."""
    panel = make_panel(60, 30, 2, phenotypes=np.random.default_rng(0).standard_normal((60, 2)))
    panel.genotypes[3, 4] = NO_CALL
    split = splits.random(panel, [], seed=0, n_train=None, test_share=0.15)
    options = PREPARE | {"max_correlation": 0.3}
    file = tmp_path / "cache" / "x.npz"

    def prepared_with(cache_file):
        return prepare(panel, split, [0, 1], QUALITY, None, cache_file, **options)

    plain = prepared_with(file)
    assert not file.parent.exists()
    assert np.shares_memory(prepared_with(file).genotypes, plain.genotypes)  # held once, too
    plain = replace(plain, pruned=None)
    monkeypatch.setattr("g2p.data.large_arrays.LARGE", 1)
    made = prepared_with(file)
    assert isinstance(made.genotypes, np.memmap)  # no memory of this process
    stored = {item.suffix for item in file.parent.iterdir() if not item.name.startswith(".")}
    assert stored == {".npz", ".npy", ".lock"}
    made = replace(made, pruned=None)
    monkeypatch.setattr("g2p.data.genotype_cache.prune_genotypes", None)
    monkeypatch.setattr("g2p.data.preprocess.prune_genotypes", None)  # not called again
    again = prepared_with(file)
    assert isinstance(again.genotypes, np.memmap)
    for other in (made, again):
        assert_same_genotypes(other, plain)


@pytest.fixture(scope="module")
def pruned_file(tmp_path_factory):
    """A prepared panel, a function that prepares it again, and its file on disk with content."""
    phenotypes = np.random.default_rng(0).standard_normal((60, 2))
    panel = make_panel(60, 30, 2, phenotypes=phenotypes)
    panel.genotypes[3, 4] = NO_CALL
    file = tmp_path_factory.mktemp("pruned") / "x.npz"
    split = splits.cv2(panel, [0, 1], seed=0)

    def prepared_again():
        options = PREPARE | {"max_correlation": 0.3}
        return prepare(panel, split, [0, 1], QUALITY, None, file, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("g2p.data.large_arrays.LARGE", 1)
        plain = replace(prepared_again(), pruned=None)
        (stored,) = file.parent.glob("*.npz")  # its name has a digest of the split, too
        written = (stored, stored.with_suffix(".npy"))
        yield plain, prepared_again, stored, {path: path.read_bytes() for path in written}


@settings(deadline=None, max_examples=100)
@given(
    suffix=st.sampled_from([".npz", ".npy"]),
    where=st.floats(0, 1, exclude_max=True),
    bit=st.integers(0, 7),
)
def test_a_flipped_bit_in_pruned_genotypes_is_mended_or_without_effect(
    pruned_file, suffix, where, bit
):
    plain, prepared_again, file, whole = pruned_file
    damaged = bytearray(whole[file.with_suffix(suffix)])
    damaged[int(where * len(damaged))] ^= 1 << bit
    file.with_suffix(suffix).write_bytes(damaged)
    assert_same_genotypes(prepared_again(), plain)


def test_pruned_genotypes_that_are_cut_or_absent_are_made_again(pruned_file, caplog):
    plain, prepared_again, file, whole = pruned_file
    values = file.with_suffix(".npy")
    for damage in (values.unlink, lambda: values.write_bytes(whole[values][:-1])):
        for path, content in whole.items():
            path.write_bytes(content)
        damage()
        caplog.clear()
        assert_same_genotypes(prepared_again(), plain)
        assert f"{file} is damaged; making it again" in caplog.text
        assert values.read_bytes() == whole[values]


def test_a_disk_too_small_for_large_genotypes_is_named(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("g2p.data.large_arrays.LARGE", 1)
    monkeypatch.setattr("os.posix_fallocate", full)
    with pytest.raises(OSError, match=f"No space left on device: '{tmp_path}'"):
        new_array((3, 4), np.int8, tmp_path)
    assert new_array((3, 4), np.int8, None).shape == (3, 4)


def test_a_flipped_bit_in_the_length_of_an_array_is_mended(tmp_path, monkeypatch, caplog):
    """numpy reads as much as the header says, and zipfile compares with a checksum at the end."""
    monkeypatch.setattr("g2p.data.large_arrays.LARGE", 1)
    panel = make_panel(6000, 3, 1)
    rows = {part: np.arange(2000) + i * 2000 for i, part in enumerate(splits.SUBSETS)}
    rows["train"] = np.arange(3000)
    whole = PrunedGenotypes(panel.genotypes, np.arange(3), splits.Split(rows), ["a line"])
    file = tmp_path / "x.npz"
    cached_genotypes(file, panel, whole.split, lambda: replace(whole))
    (file,) = tmp_path.glob("*.npz")
    content = file.read_bytes()
    assert content.count(b"(3000,)") == 1
    file.write_bytes(content.replace(b"(3000,)", b"(2000,)"))  # 0x33 and 0x32
    again = cached_genotypes(tmp_path / "x.npz", panel, whole.split, lambda: whole)
    assert len(again.split["train"]) == 3000
    assert f"{file} is damaged; making it again" in caplog.text


@pytest.mark.parametrize(
    "change",
    [
        lambda arrays: arrays.pop("loci"),
        lambda arrays: arrays.update(digest=np.array("another")),
        lambda arrays: arrays.update(loci=arrays["loci"][:-1]),
        lambda arrays: arrays.update(loci=arrays["loci"] + 1000),
        lambda arrays: arrays.update(train=arrays["train"].astype(float)),
        lambda arrays: arrays.update(test=arrays["test"] - 60),
        lambda arrays: arrays.update(cells=arrays["cells"][0]),
        lambda arrays: arrays.update(account=np.array(3)),
    ],
)
def test_pruned_genotypes_of_another_shape_are_made_again(pruned_file, caplog, change):
    plain, prepared_again, file, whole = pruned_file
    for path, content in whole.items():
        path.write_bytes(content)
    with np.load(file) as archive:
        arrays = dict(archive)
    change(arrays)
    np.savez(file, **arrays)
    assert_same_genotypes(prepared_again(), plain)
    assert f"{file} is damaged; making it again" in caplog.text
    assert file.read_bytes() == whole[file]


@pytest.mark.parametrize("impute", ["mean", "nearest"])
@pytest.mark.parametrize("empty_chromosome", [False, True])
def test_gaps_are_filled_in_a_file_as_in_memory(tmp_path, monkeypatch, impute, empty_chromosome):
    panel = make_panel(1100, 12, 1)  # two blocks
    panel.genotypes[np.random.default_rng(0).random((1100, 12)) < 0.1] = NO_CALL
    if empty_chromosome:  # nothing near, so the mean
        panel.genotypes[5] = NO_CALL
    split = splits.random(panel, [], seed=0, n_train=None, test_share=0.15)
    options = QUALITY | {"impute": impute, "max_missing_strain": 1}
    plain = clean(panel.genotypes, panel.loci, split, **options)
    monkeypatch.setattr("g2p.data.large_arrays.LARGE", 1)
    large = clean(panel.genotypes, panel.loci, split, tmp_path, **options)
    assert isinstance(large.genotypes, np.memmap) and not [*tmp_path.iterdir()]
    assert large.genotypes.dtype == plain.genotypes.dtype
    np.testing.assert_array_equal(large.genotypes, plain.genotypes)
    assert large.qc_log == plain.qc_log


def test_a_split_that_depends_on_the_phenotype_is_that_of_each(tmp_path, monkeypatch):
    """Two phenotypes of different strains, with split.n_train: in memory, and on disk."""
    panel = make_panel(200, 8, 2)
    panel.phenotypes[:100, 0] = panel.phenotypes[100:, 1] = np.nan

    def prepared_with(phenotype):
        split = splits.random(panel, [phenotype], seed=0, n_train=40, test_share=0.15)
        return prepare(panel, split, [phenotype], QUALITY, None, tmp_path / "x.npz", **PREPARE)

    for least in (10**9, 1):
        monkeypatch.setattr("g2p.data.large_arrays.LARGE", least)
        alive = [prepared_with(phenotype) for phenotype in (0, 1)]
        for data in alive:
            values = data.observed[np.concatenate([data.split["train"], data.split["val"]]), 0]
            assert len(values) == 40 and np.isfinite(values).all()
