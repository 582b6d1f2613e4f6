"""A user's model: faults of its file are reported with the line, its errors from its file on."""

import shutil
import sys

import pytest

import g2p.models
from g2p.config import code_digest, registry, schema
from g2p.config.components import read_options
from g2p.config.registry import CONF
from g2p.config.schema import check
from g2p.core import model_errors
from g2p.core.errors import G2PError
from g2p.core.messages import format_error
from g2p.core.package import PACKAGE
from g2p.runs.run import run
from tests.helpers.configs import compose, paths

GOOD = """
from typing import Annotated

from torch import nn

from g2p.config.constraints import AtLeast


class MyNet(nn.Module):
    def __init__(self, *, n_loci: int, n_phenotypes: int, hidden: Annotated[int, AtLeast(1)]):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(n_loci, hidden), nn.Linear(hidden, n_phenotypes))

    def forward(self, genotype_BL):
        return self.layers(genotype_BL)
"""
OPTION = "hidden: Annotated[int, AtLeast(1)]"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("class MyNet", "class MyNN", "my_net.py defines no MyNet; it defines MyNN."),
        ("class MyNet", "print(1\nclass MyNet", "my_net.py:9: "),
        ("*, n_loci", "n_loci", ":10: MyNet.__init__ takes hidden by position."),
        ("*, n_loci", "*args, n_loci", ":10: MyNet.__init__ takes *args by position."),
        (OPTION, f"{OPTION}, **more", "takes **more by position. Options are passed by name"),
        (OPTION, "hidden", ":10: option hidden has no type. Write for example hidden: int"),
        (OPTION, f"{OPTION} = 3", ":10: option hidden has a default. Defaults belong in YAML: write"
         " hidden: 3 in its YAML, and hidden: Annotated[int, AtLeast(1)] here."),
        (OPTION, "hidden: Optional[int]", "(name 'Optional' is not defined). It may be bool, int"),
        (OPTION, "hidden: Tensor", "the type of option hidden is Tensor (name 'Tensor' is not"),
        (OPTION, "hidden: 'int'", "the type of option hidden is 'int'. It may be bool, int"),
        (OPTION, "hidden: list[int]", "the type of option hidden is list[int]. It may be"),
        (OPTION, "hidden: Annotated[int, 3]", "(3 is not a rule). It may be bool"),
        (OPTION, "hidden: Annotated[int, AtLeast]", "is not a rule). It may be bool"),
        (OPTION, "hidden: Annotated[int, OnlyIf('deep')]", "OnlyIf(switch='deep') does not name"),
        ("\nfrom torch", "\0", "null bytes"),
    ],
)  # fmt: skip
def test_a_signature_that_declares_no_options(tmp_path, old, new, message):
    file = tmp_path / "my_net.py"
    file.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(G2PError) as error:
        read_options(file, "MyNet")
    assert message in str(error.value) and str(error.value).startswith(str(file))
    assert "\n" not in str(error.value)


def test_a_file_that_is_missing_or_no_text(tmp_path):
    with pytest.raises(G2PError, match=r"my_net.py is missing: it must define MyNet"):
        read_options(tmp_path / "my_net.py", "MyNet")
    (tmp_path / "my_net.py").write_bytes(b"\xff\xfe")
    with pytest.raises(G2PError, match=r"my_net.py is not a Python file: "):
        read_options(tmp_path / "my_net.py", "MyNet")


@pytest.fixture
def my_net(tmp_path, monkeypatch):
    """A user's model, trained: `my_net(source)`, in a copy of what a checkout holds of models."""
    package, conf = tmp_path / "g2p", tmp_path / "conf"
    shutil.copytree(CONF, conf)
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    (conf / "model" / "my_net.yaml").write_text("name: my_net\nhidden: 4\n")
    for module in (registry, code_digest):
        monkeypatch.setattr(module, "PACKAGE", package)
    monkeypatch.setattr(registry, "CONF", conf)
    monkeypatch.setattr(model_errors, "MODELS", (package / "models", package / "baselines"))
    monkeypatch.setattr(g2p.models, "__path__", [str(package / "models")])
    caches = (
        registry.shipped_choices, registry._is_shipped_baseline, registry._shipped_options
    )  # fmt: skip
    shown = compose(
        "model=ridge", "phenotype=cu", "data.strains=60", "data.loci=16", "trainer.max_epochs=1",
        "trainer.accelerator=cpu", "logger=none", *paths(tmp_path),
    )  # fmt: skip

    def train(source, **options):
        (package / "models" / "my_net.py").write_text(source)
        for each in caches:
            each.cache_clear()
        monkeypatch.delitem(sys.modules, "g2p.models.my_net", raising=False)
        return run({**shown, "model": {"name": "my_net", "hidden": 4, **options}})

    yield train
    sys.modules.pop("g2p.models.my_net", None)
    for each in caches:
        each.cache_clear()
    schema._checked.clear()


def test_a_users_model_trains(my_net):
    assert (my_net(GOOD) / "metrics.json").is_file()
    with pytest.raises(G2PError, match="model.hiden is not an option .*Did you mean 'model.hidde"):
        my_net(GOOD, hiden=3)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("(nn.Module)", "", "my_net.py: MyNet is not a torch.nn.Module: write class MyNet(nn"),
        ("def forward", "def forwards", "my_net.py: MyNet has no forward: write def forward"),
        ("n_loci: int", "folder: str", "missing 1 required keyword-only argument: 'folder'"),
        ("return self", "return self.layers(genotype_BL)[:, 0] #",
         "forward returns shape (43,); it must be a tensor of (strains, phenotypes), here (43, 1)"),
        ("return self", "return [1] #", "forward returns list; it must be a tensor of"),
    ],
)  # fmt: skip
def test_a_class_that_cannot_be_trained(my_net, old, new, message):
    with pytest.raises(G2PError) as error:
        my_net(GOOD.replace(old, new))
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("super().__init__()", "super().__init__(); hidden / 0", 11, "ZeroDivisionError: division"),
        ("return self", "return nn.Linear(3, 3)(genotype_BL) #", 15, "cannot be multiplied"),
        ("\nfrom torch", "\nimport no_such_package\nfrom torch", 4, "No module named 'no_such_pa"),
    ],
)
def test_an_error_in_a_users_model_is_shown_from_its_file_on(my_net, old, new, line, message):
    with pytest.raises(Exception) as error:
        my_net(GOOD.replace(old, new, 1))
    text = format_error(error.value)
    assert message in text and "This is a bug in g2p; please report it." not in text
    frames = [row for row in text.splitlines() if row.startswith('  File "')]
    assert f'my_net.py", line {line}, in ' in frames[0]
    assert f"my_net.py, line {line}. Correct it if the file is yours" in text.splitlines()[-1]


def test_an_error_of_ours_is_still_called_a_bug():
    with pytest.raises(TypeError) as error:
        check(None)
    assert format_error(error.value).endswith("This is a bug in g2p; please report it.")
