"""A changed model is another run; a comment is not."""

import ast
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from g2p.config import code_digest
from g2p.config.code_digest import FOLLOWED
from g2p.core.errors import G2PError
from g2p.core.package import PACKAGE
from g2p.runs import environment
from g2p.runs.directory import RunDirectory
from g2p.runs.environment import differences, git_state
from g2p.runs.run import run
from tests.helpers.configs import SMALL, SMALL_RIDGE, compose, paths


@pytest.fixture
def package(tmp_path, monkeypatch) -> Path:
    """A copy of the code that digests are taken of, for a test to edit."""
    copy = tmp_path / "g2p"
    for name in FOLLOWED:
        shutil.copytree(PACKAGE / name, copy / name)
    monkeypatch.setattr(code_digest, "PACKAGE", copy)
    yield copy
    code_digest._digest.cache_clear()


def digest(model: str, **options) -> str:
    code_digest._digest.cache_clear()
    return code_digest.code_digest({"name": model, **options})


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def test_an_operator_changes_it_and_a_comment_does_not(package):
    before = digest("transformer")
    edit(package / "models/layers/block.py", "from torch", "# A comment.\n\n\nfrom torch")
    edit(package / "models/transformer.py", '"""', '"""Another docstring. ')
    assert digest("transformer") == before
    edit(package / "models/layers/attention.py", "** -0.5", "** -1.0")  # two imports away
    assert digest("transformer") != before


def test_only_what_a_model_imports_counts(package):
    models = {name: digest(name) for name in ("transformer", "rijal_attention", "ridge", "gbdt")}
    additive = digest("transformer", additive=True)
    assert len({*models.values()}) == len(models)
    edit(package / "models/layers/position.py", " + ", " - ")
    assert digest("transformer") != models["transformer"]
    assert digest("rijal_attention") == models["rijal_attention"]
    stacked = digest("stacked")
    edit(package / "baselines/gbdt.py", "lightgbm", "xgboost")
    assert digest("stacked") != stacked  # one of its members
    assert digest("ridge") == models["ridge"]
    edit(package / "baselines/ridge.py", " - ", " + ")
    assert digest("transformer", additive=True) != additive  # whose path starts at ridge
    of_lasso = digest("transformer", additive=True, additive_effects="lasso")
    edit(package / "baselines/lasso.py", " - ", " + ")
    assert digest("transformer", additive=True, additive_effects="lasso") != of_lasso


@pytest.mark.parametrize("line", [
    "import g2p.models.extra", "from g2p.models.extra import f", "from g2p.models import extra",
    "from .extra import f", "from . import extra", "from ..models.extra import f",
    "def late():\n    from g2p.models.extra import f", "import g2p.models.more.deep",
    "from g2p.models.more.deep import g",
])  # fmt: skip
def test_every_way_to_import_is_followed(package, line):
    (package / "models/extra.py").write_text("def f(x):\n    return x + 1\n")
    (package / "models/more").mkdir()  # a package, whose __init__ runs before its modules
    (package / "models/more/__init__.py").write_text("from g2p.models.extra import f\n")
    (package / "models/more/deep.py").write_text("def g(x):\n    return x\n")
    with (package / "models/transformer.py").open("a") as file:
        file.write(f"\n{line}\n")
    before = digest("transformer")
    edit(package / "models/extra.py", "+", "-")
    assert digest("transformer") != before


@pytest.mark.parametrize(("text", "line"), [("x = (\n", 1), ("x = 1\ny = = 2\n", 2)])
def test_an_imported_file_that_is_no_python_is_named_with_the_line(package, text, line):
    (package / "models/extra.py").write_text(text)
    edit(package / "models/layers/readout.py", "import", "import g2p.models.extra\nimport")
    with pytest.raises(G2PError, match=f"models/extra.py:{line}: "):
        digest("transformer")


def test_no_two_trees_are_written_alike_and_no_version_matters():
    texts = [
        "x = 1", "x = 1.0", "x = True", "x = '1'", "x = None", "x = []", "x = (1,)", "x = -1",
        "def f(a, *, b): pass", "def f(a, b): pass", "def f(*a, b): pass", "class x: pass",
    ]  # fmt: skip
    written = [code_digest._text(ast.parse(text)) for text in texts]
    assert len({*written}) == len(texts)
    # What Python 3.12 added, and what 3.13 no longer writes.
    function = ast.parse("def f(): pass").body[0]
    assert "type_params" not in code_digest._text(function)
    function.type_params = []
    assert code_digest._text(function) == code_digest._text(ast.parse("def f(): pass").body[0])


def test_a_run_under_other_code_is_trained_anew(package, tmp_path, capsys):
    config = compose(*SMALL_RIDGE, *paths(tmp_path))
    code_digest._digest.cache_clear()
    first = run(config)
    assert run(config) == first
    assert "Finished before; here" in capsys.readouterr().out
    copy = shutil.copytree(first, first.with_name(f"{first.name}-copy"))
    shutil.rmtree(first)
    assert run(config) == first
    assert "under other code" not in capsys.readouterr().out  # it is another folder's name
    shutil.rmtree(copy)
    edit(package / "baselines/ridge.py", " - ", " + ")
    code_digest._digest.cache_clear()
    second = run(config)
    printed = capsys.readouterr().out
    assert second != first and (first / "metrics.json").exists()
    assert f"Finished before under other code: {first}" in printed
    recorded = [RunDirectory(folder).environment()["code_digest"] for folder in (first, second)]
    assert len({*recorded}) == 2


def test_a_returned_run_is_shown_with_the_versions_that_differ(tmp_path, capsys):
    config = compose(*SMALL, *paths(tmp_path))
    folder = run(config)
    file = folder / "environment.json"
    facts = json.loads(file.read_text())
    assert facts["threads"] >= 1 and facts["stacked"] is False and facts["resumed"] is False
    assert differences(facts, facts["threads"]) is None
    facts["packages"]["torch"] = "2.0.1"
    facts["threads"] += 3
    facts["stacked"] = True
    file.write_text(json.dumps(facts))
    (folder / "checksums.json").unlink()
    capsys.readouterr()
    run(config)
    printed = capsys.readouterr().out
    installed = environment.version("torch")
    assert f"torch 2.0.1 ({installed} is installed), {facts['threads']} threads (" in printed
    assert "one of several stacked models" in printed
    assert differences({}, 1) is None  # of a run that recorded nothing


def test_a_checkout_is_dirty_with_an_untracked_file(tmp_path):
    def git(*arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True, capture_output=True)

    def state(folder: Path = tmp_path) -> tuple:
        git_state.cache_clear()
        return git_state(folder)

    code = tmp_path / "g2p"
    code.mkdir()
    (code / "x.py").write_text("x = 1\n")
    assert state(code) == (None, None)
    git("init")
    assert state(code) == (None, None)  # a repository that does not track it
    git("add", ".")
    git("-c", "user.name=n", "-c", "user.email=e@x", "commit", "-m", "m")
    commit, dirty = state(code)
    assert len(commit) == 40 and dirty is False
    (tmp_path / "new.py").touch()
    assert state(code) == (commit, True)
    (tmp_path / "new.py").unlink()
    (code / "x.py").write_text("x = 2\n")
    assert state(code) == (commit, True)
