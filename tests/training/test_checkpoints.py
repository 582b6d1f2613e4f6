"""Checkpoints: flipped bits, other files, and files of an old torch."""

import io
from zipfile import ZipFile

import numpy as np
import pytest
import torch

from g2p.core.errors import G2PError
from g2p.training.array_checkpoint import save_arrays
from g2p.training.checkpoints import load_checkpoint, save_checkpoint

CHECKPOINT = {
    "state_dict": {"model.a": torch.arange(12.0).reshape(4, 3), "model.b": torch.tensor([1, 2])},
    "inputs": {"loci": {"id": ["m1", "m2"], "position": [5, 2**40]}, "mean": [0.5, -1e-9]},
    "epoch": 3,
}


def same(one, other) -> bool:
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    return type(one) is type(other) and one == other


def save_without_torch(checkpoint, path):
    arrays = {name: value.numpy() for name, value in checkpoint["state_dict"].items()}
    save_arrays({**checkpoint, "state_dict": arrays}, path)


@pytest.fixture(params=[save_checkpoint, save_without_torch])
def written(tmp_path, request):
    path = tmp_path / "best.ckpt"
    request.param(CHECKPOINT, path)
    return path


def test_a_flipped_bit_is_reported_or_changes_nothing(written):
    whole, content = written.read_bytes(), load_checkpoint(written)
    assert same({key: content[key] for key in CHECKPOINT}, CHECKPOINT)
    with ZipFile(io.BytesIO(whole)) as archive:
        records, directory = archive.infolist(), archive.start_dir
    rng = np.random.default_rng(0)
    bits = rng.choice(8 * directory, 300, replace=False).tolist()
    bits += rng.choice(range(8 * directory, 8 * len(whole)), 300, replace=False).tolist()
    for record in records:  # the attribute of a folder, which hides a tensor from torch alone
        entry = whole.index(record.filename.encode(), directory) - 46
        bits.append(8 * (entry + 38) + 4)
    reported = set()
    for bit in bits:
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << (bit % 8)
        written.write_bytes(damaged)
        try:
            assert same(load_checkpoint(written), content), f"bit {bit} changed the content"
        except G2PError as error:
            reported.add(int(bit))
            assert str(error).startswith(f"{written} ")
            assert str(error).endswith("force=true restarts the run.")
    assert len(reported) > len(bits) / 4
    data = whole.index(np.arange(12, dtype=np.float32).tobytes())
    damaged = bytearray(whole)
    damaged[data + 5] ^= 1  # the second number by a part in 100,000
    written.write_bytes(damaged)
    with pytest.raises(G2PError, match=r"cannot be read .*(data/0|0\.npy)"):
        load_checkpoint(written)


@pytest.mark.parametrize("value", [[1, 2], 7.5, "text", torch.ones(2), None])
def test_a_file_that_is_not_a_checkpoint(tmp_path, value):
    torch.save(value, tmp_path / "best.ckpt")
    with pytest.raises(G2PError, match=r"best.ckpt is not a checkpoint \(it holds .* type \w+\)"):
        load_checkpoint(tmp_path / "best.ckpt")


def test_a_missing_checkpoint_names_the_remedy(tmp_path):
    with pytest.raises(G2PError, match="best.ckpt is gone. Remove the folder."):
        load_checkpoint(tmp_path / "best.ckpt", "Remove the folder.")


def test_a_file_of_an_old_torch_is_read(tmp_path):
    torch.save({"a": torch.ones(2)}, tmp_path / "a.ckpt", _use_new_zipfile_serialization=False)
    assert load_checkpoint(tmp_path / "a.ckpt")["a"].tolist() == [1, 1]


@pytest.mark.parametrize(
    "value",
    [(1, 2), {1: 2.0}, np.array(["a"]), np.array([object()]), {"__array__": 3}, object()],
)
def test_what_would_not_be_the_same_when_it_is_read_is_not_written_without_torch(tmp_path, value):
    with pytest.raises(TypeError, match="a checkpoint has no"):
        save_arrays({"state_dict": {"a": value}}, tmp_path / "best.ckpt")
    assert not list(tmp_path.iterdir())
