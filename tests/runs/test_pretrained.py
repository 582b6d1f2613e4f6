"""Published weights: the tables, against the published model and modules under published names."""

import os
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks.naive_rijal import naive_rijal
from g2p.cli.pretrained import main
from g2p.core.errors import G2PError
from g2p.runs.pretrained import load_published
from g2p.runs.pretrained_files import read_genotypes, read_tensors
from tests.helpers.command import ROOT, call


@pytest.fixture
def rijal_file():
    file = Path(os.environ.get("G2P_DATA", ROOT / "data")) / "published" / "rijal_30C.npz"
    if not file.is_file():
        pytest.skip(f"{file} does not exist (set G2P_DATA to the folder above 'published')")
    return file


@torch.no_grad()
def test_rijals_weights_give_the_published_predictions(rijal_file):
    name, model = load_published(read_tensors(rijal_file))
    assert name == "rijal_attention"
    with np.load(rijal_file) as archive:
        genotypes, predictions = archive["genotypes"], archive["predictions"]
    genotypes = torch.from_numpy(genotypes)
    np.testing.assert_allclose(model(genotypes.float())[:, 0], predictions, atol=1e-5)
    exact = model.double()(genotypes.double())
    torch.testing.assert_close(exact, naive_rijal(model, genotypes.double()), atol=1e-10, rtol=0)


def test_from_the_command_line(rijal_file, tmp_path):
    with np.load(rijal_file) as archive:
        np.save(tmp_path / "genotypes.npy", archive["genotypes"])
        predictions = archive["predictions"]
    command = ("-m", "g2p", "pretrained", str(rijal_file), "genotypes.npy")
    done = call(*command, "--out", "out.npy", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "rijal_attention" in done.stdout
    np.testing.assert_allclose(np.load(tmp_path / "out.npy")[:, 0], predictions, atol=1e-5)
    np.save(tmp_path / "genotypes.npy", np.zeros((2, 3)))
    done = call(*command, cwd=tmp_path)
    assert done.returncode == 1
    assert "(2, 3), expected strains x 1164 loci" in done.stderr


class Encoder(nn.Module):
    """Parameters under the names of the published transformer."""

    def __init__(self, n_loci=9, width=16, n_phenotypes=3):
        super().__init__()
        self.locus_embeddings = nn.Embedding(n_loci, width)
        layer = nn.TransformerEncoderLayer(
            width, 4, dim_feedforward=24, dropout=0.0, batch_first=True, norm_first=True
        )
        self.transformer_encoder = nn.TransformerEncoder(
            layer, 2, norm=nn.LayerNorm(width), enable_nested_tensor=False
        )
        self.fc_out = nn.Linear(width, n_phenotypes)
        self.register_buffer("locus_indices", torch.arange(n_loci))

    def forward(self, genotype):
        tokens = self.locus_embeddings(self.locus_indices) * genotype[:, :, None]
        return self.fc_out(self.transformer_encoder(tokens).mean(dim=1))


class Pooled(nn.Module):
    """Parameters under the names of the published canonical model."""

    def __init__(self, n_loci=9, width=8, n_phenotypes=3, normed=False):
        super().__init__()
        self.locus_embeddings = nn.Embedding(n_loci, width)
        for name in ("q_linears", "k_linears", "v_linears"):
            setattr(self, name, nn.ModuleList(nn.Linear(width, width) for _ in range(3)))
        if normed:
            self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.readout = nn.Linear(width, n_phenotypes)

    def forward(self, genotype):
        x = self.locus_embeddings.weight * genotype[:, :, None]
        for i in range(3):
            state = self.norms[i](x) if hasattr(self, "norms") else x
            query, key, value = (
                getattr(self, f"{name}_linears")[i](state) for name in ("q", "k", "v")
            )
            x = torch.softmax(query @ key.transpose(1, 2), dim=2) @ value
        return self.readout(x.mean(dim=1))


@pytest.mark.parametrize(
    ("build", "expected"),
    [(Encoder, "transformer"), (Pooled, "pooled_attention"),
     (lambda: Pooled(normed=True), "pooled_attention")],
)  # fmt: skip
@torch.no_grad()
def test_a_lightning_checkpoint_under_published_names(tmp_path, build, expected):
    torch.manual_seed(0)
    module = build().eval()
    for parameter in module.parameters():
        parameter.normal_(std=0.3)
    state = {f"model.{name}": tensor for name, tensor in module.state_dict().items()}
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "published.ckpt")
    name, model = load_published(read_tensors(tmp_path / "published.ckpt"))
    assert name == expected
    genotype = torch.rand(5, 9) * 2 - 1
    torch.testing.assert_close(model(genotype), module(genotype), atol=1e-5, rtol=1e-5)


def test_what_does_not_fit_is_listed():
    tensors = dict(Encoder().state_dict())
    del tensors["transformer_encoder.norm.weight"]
    tensors["more"] = torch.zeros(1)
    tensors["fc_out.weight"] = torch.zeros(3, 7)
    with pytest.raises(G2PError) as error:
        load_published(tensors)
    text = str(error.value)
    assert "missing: transformer_encoder.norm.weight" in text
    assert "extra: more" in text
    assert "of the wrong shape: fc_out.weight (3, 7) for (3, 16)" in text
    with pytest.raises(G2PError, match="no published model has .* Found: more"):
        load_published({"more": torch.zeros(1)})
    with pytest.raises(G2PError, match="missing: fc_out.bias"):
        load_published({k: v for k, v in tensors.items() if k != "fc_out.bias"})


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(G2PError, match="does not exist"):
        read_tensors(tmp_path / "none.npz")
    np.savez(tmp_path / "objects.npz", a=np.array([{}], dtype=object))
    with pytest.raises(G2PError, match="cannot be read"):
        read_tensors(tmp_path / "objects.npz")


def test_a_transposed_tensor_is_of_the_wrong_shape():
    tensors = {
        "random_matrix": torch.ones(5, 2), "offset": torch.ones(1),
        "coeffs_attended": torch.ones(3, 5),  # (L, D) is published
        **{f"{kind}_matrices.0": torch.ones(3, 3) for kind in ("query", "key", "value")},
    }  # fmt: skip
    with pytest.raises(G2PError, match="of the wrong shape: coeffs_attended"):
        load_published(tensors)


def test_damaged_and_foreign_files(tmp_path):
    whole = Encoder().state_dict()
    np.savez(tmp_path / "whole.npz", **{name: value.numpy() for name, value in whole.items()})
    content = (tmp_path / "whole.npz").read_bytes()
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 1
    damaged = {"cut": content[: len(content) // 2], "empty": b"", "text": b"PK text",
               "flipped": bytes(flipped)}  # fmt: skip
    for name, value in damaged.items():
        (tmp_path / f"{name}.npz").write_bytes(value)
        with pytest.raises(G2PError, match=f"{name}.npz cannot be read"):
            read_tensors(tmp_path / f"{name}.npz")
    np.savez(tmp_path / "a.npz", a=np.array(["x"]))
    np.savez(tmp_path / "b.npz", a=np.array([1.0, np.nan]))
    np.savez(tmp_path / "c.npz", a=np.array([1j]))
    np.savez(tmp_path / "d.npz", a=np.array([1e300]))  # no float32
    for name in "abcd":
        with pytest.raises(G2PError, match="npz: a must hold finite real numbers"):
            read_tensors(tmp_path / f"{name}.npz")
    with (tmp_path / "one.npz").open("wb") as file:
        np.save(file, np.ones(3))
    with pytest.raises(G2PError, match="one.npz is not an .npz: it holds one array"):
        read_tensors(tmp_path / "one.npz")
    for content, message in (
        ([1, 2], "is not a checkpoint"),
        ({"state_dict": [1]}, "its state_dict is not a mapping"),
        ({"state_dict": {"a": 1}}, "a is of type int; parameters must be tensors"),
        ({"state_dict": {1: torch.ones(1)}}, "1 is of type Tensor"),
        ({"a": torch.tensor([float("inf")])}, "a must hold finite real numbers"),
        ({"a": torch.tensor([1e300], dtype=torch.float64)}, "a must hold finite real"),
    ):
        torch.save(content, tmp_path / "x.ckpt")
        with pytest.raises(G2PError, match=message):
            read_tensors(tmp_path / "x.ckpt")


def test_tensors_of_shapes_that_no_model_has():
    whole = dict(Encoder().state_dict())
    for name, value, message in (
        (
            "locus_embeddings.weight",
            torch.ones(16),
            r"wrong shape: locus_embeddings.weight \(16,\)",
        ),
        ("locus_embeddings.weight", torch.ones(9, 0), r"wrong shape: locus_embeddings.weight"),
        ("locus_embeddings.weight", torch.ones(9, 6), "4 heads do not divide the embedding of 6"),
        ("fc_out.bias", torch.tensor(1.0), r"wrong shape: fc_out.bias \(\)"),
        ("transformer_encoder.layers.0.linear1.weight", torch.tensor(1.0), "wrong shape: trans"),
    ):
        with pytest.raises(G2PError, match=message):
            load_published({**whole, name: value})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[1.0, np.nan], [1, 5]], "row 1, column 2 is nan; 2 values outside"),
        ([[1.0, -1.0], [1, 5]], "row 2, column 2 is 5.0; 1 value outside"),
        ([[1, -1], [np.iinfo(np.int64).min, 1]], "row 2, column 1 is -9223372036854775808"),
        ([[0, 1], [1, 1]], "holds only 0 and 1. The published coding is -1 and 1"),
        ([[True, False]], "values of type bool"),
        ([[1j, 1]], "values of type complex128"),
        ([["1", "x"]], "values of type <U1"),
        (np.ones((0, 2)), r"is \(0, 2\), expected strains x 2 loci"),
        (np.ones((2, 0)), r"is \(2, 0\), expected strains x 2 loci"),
        ([1.0, 1.0], r"is \(2,\), expected strains x 2 loci"),
        (1.0, r"is \(\), expected strains x 2 loci"),
        (np.ones((1, 2, 1)), r"is \(1, 2, 1\), expected"),
    ],
)
def test_genotypes_that_are_none(tmp_path, values, message):
    np.save(tmp_path / "genotypes.npy", values)
    with pytest.raises(G2PError, match=message):
        read_genotypes(tmp_path / "genotypes.npy", 2)


def test_genotypes_that_are_some(tmp_path):
    for values in ([[1, -1], [0, 1]], [[0.25, -0.5]], [[1, 1]]):
        np.save(tmp_path / "genotypes.npy", values)
        assert read_genotypes(tmp_path / "genotypes.npy", 2).tolist() == values
    np.savez(tmp_path / "several.npz", a=np.ones((1, 2)))
    with pytest.raises(G2PError, match="holds several arrays"):
        read_genotypes(tmp_path / "several.npz", 2)
    (tmp_path / "genotypes.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(G2PError, match="genotypes.npy cannot be read"):
        read_genotypes(tmp_path / "genotypes.npy", 2)


def test_what_goes_wrong_is_one_message_that_a_terminal_can_show(monkeypatch, capsys):
    for name, raised, status, message in (
        ("x\x1b[2J.npz", None, 1, r"error: x\x1b[2J.npz does not exist."),
        ("x.npz", KeyboardInterrupt(), 130, "error: stopped."),
        ("x.npz", RuntimeError("can't allocate memory"), 1, "error: not enough memory: can't"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr("sys.argv", ["published", name, "genotypes.npy"])
            if raised:
                patch.setattr("g2p.cli.pretrained.read_tensors", Mock(side_effect=raised))
            with pytest.raises(SystemExit) as ended:
                main()
        assert ended.value.code == status
        assert capsys.readouterr().err.startswith(message)
