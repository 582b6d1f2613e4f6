"""Published weights: the tables, against the published model and modules under published names."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks.naive_rijal import naive_rijal
from g2p.errors import UserError
from g2p.published import load_published, read_tensors
from tests.command import ROOT, call


@pytest.fixture
def rijal_file():
    file = Path(os.environ.get("G2P_DATA", ROOT / "data")) / "published" / "rijal_30C.npz"
    if not file.is_file():
        pytest.skip(f"{file} is not there (set G2P_DATA to the folder above 'published')")
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
    command = ("-m", "g2p.published", str(rijal_file), "genotypes.npy")
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
    with pytest.raises(UserError) as error:
        load_published(tensors)
    said = str(error.value)
    assert "missing: transformer_encoder.norm.weight" in said
    assert "extra: more" in said
    assert "of the wrong shape: fc_out.weight (3, 7) for (3, 16)" in said
    with pytest.raises(UserError, match="no published model .* Found: more"):
        load_published({"more": torch.zeros(1)})
    with pytest.raises(UserError, match="missing: fc_out.bias"):
        load_published({k: v for k, v in tensors.items() if k != "fc_out.bias"})


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(UserError, match="is not there"):
        read_tensors(tmp_path / "none.npz")
    np.savez(tmp_path / "objects.npz", a=np.array([{}], dtype=object))
    with pytest.raises(UserError, match="cannot be read"):
        read_tensors(tmp_path / "objects.npz")


def test_a_transposed_tensor_is_of_the_wrong_shape():
    tensors = {
        "random_matrix": torch.ones(5, 2), "offset": torch.ones(1),
        "coeffs_attended": torch.ones(3, 5),  # (L, D) is published
        **{f"{kind}_matrices.0": torch.ones(3, 3) for kind in ("query", "key", "value")},
    }  # fmt: skip
    with pytest.raises(UserError, match="of the wrong shape: coeffs_attended"):
        load_published(tensors)
