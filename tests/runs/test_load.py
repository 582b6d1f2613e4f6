"""Runs whose files were damaged or exchanged: one message each, that names the file."""

import shutil

import pytest
import torch
import yaml

from g2p.core.errors import G2PError
from g2p.runs.directory import RunDirectory
from g2p.runs.load import restore
from g2p.runs.run import run
from g2p.training.checkpoints import load_checkpoint
from tests.helpers.configs import SMALL, SMALL_RIDGE, compose, paths


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("restore")
    phenotypes = "phenotype=[23C,cu]"
    trained = compose(*SMALL, phenotypes, "trainer.max_epochs=1", *paths(folder))
    return {
        "transformer": run(trained),
        "ridge": run(compose(*SMALL_RIDGE, phenotypes, *paths(folder))),
    }


@pytest.fixture
def damaged(runs, tmp_path):
    """A copy of a run, its checkpoint changed: `damaged("ridge", change)`."""

    def copy(model, change):
        directory = RunDirectory(tmp_path / "run")
        shutil.copytree(runs[model], directory.folder)
        (directory.folder / "checksums.json").unlink()  # which notices any change first
        checkpoint = load_checkpoint(directory.checkpoints / "best.ckpt")
        change(checkpoint)
        torch.save(checkpoint, directory.checkpoints / "best.ckpt")
        return directory

    return copy


INPUTS = [
    ("phenotypes", ["a"], "its mean is not a list of 1 numbers"),
    ("phenotypes", ["a", "a"], "its phenotypes holds a name twice"),
    ("phenotypes", "ab", "its phenotypes is not a list of names"),
    ("mean", [float("nan"), 1.0], "its mean holds other things than numbers"),
    ("mean", {"a": 1}, "its mean is not a list of 2 numbers"),
    ("sd", [1.0, 0.0], "its sd holds other things than numbers above 0"),
    ("sd", [1.0, 10**400], "its sd holds other things than numbers above 0"),
    ("mean_genotype", [2.0] * 32, "its mean_genotype holds other things"),
    ("loci", None, "its loci are missing or not a mapping"),
    ("loci", {"id": ["a"], "chromosome": [1], "position": [1]}, "its chromosome holds other"),
    ("loci", {"id": ["a"], "chromosome": ["1"], "position": [2**70]}, "its position holds other"),
    (
        "loci",
        {"id": ["a"], "chromosome": ["1"], "position": [1]},
        "its mean_genotype is not a list",
    ),
]


@pytest.mark.parametrize("model", ["transformer", "ridge"])
@pytest.mark.parametrize(("key", "value", "message"), INPUTS)
def test_inputs_of_wrong_shapes_and_types(damaged, model, key, value, message):
    directory = damaged(model, lambda checkpoint: checkpoint["inputs"].__setitem__(key, value))
    assert_refused(directory, "best.ckpt", message)


def assert_refused(directory: RunDirectory, file: str, message: str) -> None:
    with pytest.raises(G2PError) as error:
        restore(directory, "cpu")
    text = str(error.value)
    assert message in text and f"{file} is damaged " in text
    assert "g2p train ... force=true trains " in text and "\n" not in text


def changed(change):
    return lambda state: {name: change(value) for name, value in state.items()}


@pytest.mark.parametrize(
    ("model", "change", "message"),
    [
        ("transformer", lambda state: [], "it has no state_dict of weights by name"),
        ("transformer", lambda state: dict(list(state.items())[1:]), "missing: embed.weight"),
        ("transformer", lambda state: {**state, "more": torch.ones(1)}, "extra: more"),
        ("transformer", changed(lambda value: value[None]), "of another shape or kind: embed"),
        ("transformer", changed(lambda value: value.to(torch.int64)), "another shape or kind"),
        ("transformer", changed(lambda value: value.to(torch.complex64)), "another shape or kind"),
        ("transformer", changed(lambda value: value.to_sparse()), "another shape or kind"),
        ("transformer", changed(lambda value: [1, 2]), "another shape or kind"),
        ("ridge", lambda state: {"weight": 1.0}, "its state is not that of model=ridge: KeyError"),
        ("ridge", changed(lambda value: value[..., None]), "its state"),
        ("ridge", changed(lambda value: "text"), "its state is not that of model=ridge"),
        ("ridge", changed(lambda value: value[:1]), "its state does not predict 2 phenotypes"),
        ("ridge", changed(lambda value: value * float("nan")), "does not predict 2 phenotypes"),
        ("ridge", changed(lambda value: value.to(torch.complex64)), "does not predict"),
    ],
)
def test_weights_that_are_not_the_models(damaged, model, change, message):
    def replace(checkpoint):
        checkpoint["state_dict"] = change(checkpoint["state_dict"])

    assert_refused(damaged(model, replace), "best.ckpt", message)


CONFIGS = [
    ("", "it is not a mapping"), ("[1]", "it is not a mapping"), ("x: 1", "it names no model"),
    ("model: 7", "it names no model"), ("model: {a-b: 1}", "an option cannot be called 'a-b'"),
    ("model: {name: [1]}", "model=[1] does not exist"),
    ("model: {name: ../ridge}", "model=../ridge does not exist"),
    ("model: {name: transformer}", "model.num_layers is missing"),
    ("model: [", "while parsing"), ("x: 2024-99-99", "month must be in"),
    ("[" * 900, "while parsing"), ("\x01", "unacceptable character"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), CONFIGS)
def test_a_config_that_names_no_model(damaged, text, message):
    directory = damaged("ridge", lambda checkpoint: None)
    (directory.folder / "config.yaml").write_text(text)
    assert_refused(directory, "config.yaml", message)


def test_files_that_belong_to_another_run_or_are_gone(damaged, runs):
    directory = damaged("transformer", lambda checkpoint: None)
    whole = yaml.safe_load((directory.folder / "config.yaml").read_text())

    def config(**changes):
        written = {**whole, "model": {**whole["model"], **changes}}
        (directory.folder / "config.yaml").write_text(yaml.safe_dump(written))

    config(embedding_dim=32)
    assert_refused(
        directory, "best.ckpt", "another shape or kind: embed.weight, blocks.0.attention.in_weigh"
    )
    config(embedding_dim=10**30)
    assert_refused(directory, "config.yaml", "")
    config()
    shutil.copy(runs["ridge"] / "checkpoints" / "best.ckpt", directory.checkpoints)
    with pytest.raises(G2PError, match=f"belongs to another run .{runs['ridge'].name}.*force=true"):
        restore(directory, "cpu")
    shutil.copy(runs["ridge"] / "config.yaml", directory.folder)
    shutil.copy(runs["ridge"] / "metrics.json", directory.folder)
    assert restore(directory, "cpu").name == "ridge"
    (directory.checkpoints / "best.ckpt").unlink()
    with pytest.raises(G2PError, match="best.ckpt is gone. g2p train ... force=true"):
        restore(directory, "cpu")
