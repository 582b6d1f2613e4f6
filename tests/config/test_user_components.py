"""A user's code is read, not run: where it is, what its signatures say, what its digest covers."""

import ast
import itertools
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from g2p.config import components
from g2p.config.code_digest import code_digest
from g2p.config.load_component import load_component
from g2p.config.locate import is_dotted, locate
from g2p.config.registry import is_baseline
from g2p.config.user_components import closed_forms_of, interface, takes_ranked_loci
from g2p.core.errors import CodeError

NUMBERS = itertools.count()


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Write modules of a package, by name, whose own name is new; return that name."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])

    def write(**modules: str) -> str:
        name = f"written_{next(NUMBERS)}"
        for module, text in ({"__init__": ""} | modules).items():
            file = tmp_path / name / f"{module.replace('__in__', '/')}.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text.replace("PKG", name))
        return name

    return write


RUNS = "raise SystemExit('imported')\n"
NET = """
from torch import nn
class Net(nn.Module):
    def __init__(self, *, n_loci: int, n_phenotypes: int, width: int): ...
    def forward(self, x): ...
"""


def test_nothing_is_imported_to_read_options(package):
    name = package(__init__=RUNS, nets=RUNS + NET)
    assert locate(f"{name}.nets.Net").file.name == "nets.py"
    assert list(interface(f"{name}.nets.Net").options) == ["width"]
    assert interface(f"{name}.nets.Net").facts == {"n_loci", "n_phenotypes"}
    assert len(code_digest({"name": f"{name}.nets.Net"})) == 16
    assert name not in sys.modules
    with pytest.raises(SystemExit, match="imported"):
        load_component(f"{name}.nets.Net")


PATH = {"additive": True, "additive_effects": "lasso", "attended_loci": 3}


@pytest.mark.parametrize(
    ("text", "options", "forms", "is_ranked"),
    [
        ("from g2p.models.transformer import Transformer\nclass Mine(Transformer): ...",
         PATH, ("lasso",), True),
        ("from g2p.models.transformer import Transformer\nclass Mine(Transformer): ...",
         PATH | {"additive": False, "attended_loci": None}, (), False),
        ("class Mine:\n    def __init__(self, *, ridge, lasso_effects): ...",
         {}, ("ridge", "lasso"), False),
        ("class Mine:\n    def __init__(self, *, ranked_L): ...", {}, ("ridge",), True),
        ("class Mine:\n    def __init__(self, *, width: int): ...", {}, (), False),
    ],
)  # fmt: skip
def test_effects_are_those_that_options_name_or_else_arguments(
    package, text, options, forms, is_ranked
):
    model = {"name": f"{package(nets=text)}.nets.Mine", **options}
    assert closed_forms_of(model) == forms
    assert takes_ranked_loci(model) == is_ranked


def test_threads_do_not_parse_at_once(tmp_path, monkeypatch):
    """CPython 3.11 then fails now and then: AST constructor recursion depth mismatch."""
    file, parsing, parse = tmp_path / "a.py", threading.Lock(), ast.parse
    file.write_text("a = 1")

    def alone(*arguments):
        assert parsing.acquire(blocking=False)
        time.sleep(0.002)
        parsing.release()
        return parse(*arguments)

    monkeypatch.setattr(components.ast, "parse", alone)
    with ThreadPoolExecutor(8) as pool:
        assert len([*pool.map(components.parse_source, [file] * 16)]) == 16


@pytest.mark.parametrize(
    "text",
    [
        "from PKG.nets import Net\nclass Mine(Net): ...",
        "from .nets import Net as Base\nclass Mine(Base): ...",
        "from . import nets\nclass Mine(nets.Net): ...",
        "import PKG.nets\nclass Mine(PKG.nets.Net): ...",
        "import PKG.nets as n\nclass Middle(n.Net): ...\nclass Mine(Middle): ...",
    ],
)
def test_a_constructor_may_be_inherited(package, text):
    name = package(nets=NET, more=text)
    assert list(interface(f"{name}.more.Mine").options) == ["width"]
    assert not is_baseline(f"{name}.more.Mine")


@pytest.mark.parametrize(
    ("text", "is_closed_form"),
    [
        ("class Mine:\n    def fit(self, x, y): ...", True),
        ("class Mine:\n    def fit(self, x, y): ...\n    def forward(self, x): ...", False),
        ("from g2p.baselines.ridge import Ridge\nclass Mine(Ridge): ...", True),
        ("from torch import nn\nclass Mine(nn.Module): ...", False),
        ("def Mine(*, n_loci: int): ...", False),
    ],
)  # fmt: skip
def test_a_closed_form_has_fit_and_no_forward(package, text, is_closed_form):
    name = package(forms=text)
    assert is_baseline(f"{name}.forms.Mine") == is_closed_form
    assert interface(f"{name}.forms.Mine").options == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("from torch import nn\nclass Mine(nn.Linear): ...", "that of nn.Linear is not in"),
        ("from x import y\nclass Mine(y[int]): ...", "that of y is not in your package"),
        ("import dataclasses\n@dataclasses.dataclass\nclass Mine:\n    width: int", "a dataclass"),
        ("class Mine(Mine):\n    def __init__(self, width): ...", "by position"),
        ("def mine(): ...", "defines no Mine. Did you mean 'mine'?"),
    ],
)  # fmt: skip
def test_a_constructor_that_cannot_be_read(package, text, message):
    name = package(nets=text)
    with pytest.raises(CodeError) as error:
        interface(f"{name}.nets.Mine")
    assert message in str(error.value) and "nets.py" in str(error.value)
    assert not is_baseline(f"{name}.nets.Mine")


def test_the_nearest_module_and_where_it_was_looked_for(package, tmp_path):
    name = package(nets=NET)
    with pytest.raises(CodeError, match="no module nest. Did you mean 'nets'. It has: nets"):
        locate(f"{name}.nest.Net")
    with pytest.raises(CodeError, match=f"there is no module absent in .*{tmp_path}"):
        locate("absent.nets.Net")
    assert not any(map(is_dotted, ("ridge", "../ridge", None, 1.5, ".x")))


@pytest.mark.parametrize(
    ("line", "changed"),
    [
        ("from PKG.parts import f", "parts"), ("from . import parts", "parts"),
        ("import PKG.parts", "parts"), ("def late():\n    from .parts import f", "parts"),
        ("from PKG.deep import g", "deep__in____init__"), ("", "__init__"),
        ("from PKG.deep.inner import h", "deep__in____init__"), ("import PKG.deep.inner", "parts"),
    ],
)  # fmt: skip
def test_the_digest_covers_what_is_imported(package, tmp_path, line, changed):
    """Also the packages above, and what these import; not what nothing imports."""
    modules = {
        "nets": f"{line}\n{NET}", "parts": "f = 1", "deep__in____init__": "g = 1",
        "deep__in__inner": "from ..parts import f\nh = f", "other": "x = 1",
    }  # fmt: skip
    name = package(**modules)
    model = {"name": f"{name}.nets.Net"}
    before = code_digest(model)
    folder = tmp_path / name
    (folder / "other.py").write_text("x = 2")
    assert code_digest(model) == before
    file = folder / f"{changed.replace('__in__', '/')}.py"
    text = file.read_text()
    file.write_text(f'"""Documented."""\n{text}  # a comment\n')
    assert code_digest(model) == before
    file.write_text(f"{text}\ny = 3\n")
    assert code_digest(model) != before
    file.write_text(f"{text}\n= 3\n")
    with pytest.raises(CodeError, match=rf"{file.name}:\d: "):
        code_digest(model)


def test_the_digest_covers_modules_beside_a_single_file_and_models_of_ours(package, tmp_path):
    name = package()
    beside = f"{name}_beside"
    (tmp_path / f"{beside}.py").write_text("x = 1")
    (tmp_path / f"{name}_single.py").write_text(f"import json, {beside}\n{NET}")
    model = {"name": f"{name}_single.Net"}
    before = code_digest(model)
    (tmp_path / f"{beside}.py").write_text("x = 2")
    second = code_digest(model)
    (tmp_path / f"{name}_single.py").write_text(f"import {beside}, g2p.models.rung\n{NET}")
    assert len({before, second, code_digest(model)}) == 3
