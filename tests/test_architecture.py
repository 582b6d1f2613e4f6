"""The rules of the house that a machine can hold: one direction, one home for each value."""

import ast
import re
import subprocess
import sys

import pytest
import yaml

from g2p.config.registry import CONF, GROUPS, PRESETS, choices, schema
from g2p.core.package import PACKAGE

# Each layer imports only from those before it (docs/design.md).
LAYERS = [
    {"console", "errors", "options", "pipes", "shapes", "stopping"},
    {"files", "yaml_file"},
    {"components"},
    {"messages"},
    {"config"},
    {"code_digest", "compose"},
    {"signature"},
    {"data"},
    {"models"},
    {"baselines"},
    {"train"},
    {"published_files"},
    {"fit", "reference", "published"},
    {"fit_together", "results"},
    {"identity"},
    {"training", "restore", "search"},
    {"run"},
    {"together"},
    {"launchers"},
    {"cli"},
    {"summary", "predict", "study"},
    {"__main__"},
]
FILES = sorted(PACKAGE.rglob("*.py"))


def layer(module: str) -> int:
    return next(i for i, names in enumerate(LAYERS) if module in names)


def imported_parts(file) -> set[str]:
    """First-level parts of g2p that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            words = node.module.split(".")
            if words[0] == "g2p":
                found |= {words[1]} if len(words) > 1 else {alias.name for alias in node.names}
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_imports_go_one_way(file):
    own = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if file.stem == "__main__":  # a command, in whichever package it is called by
        own = "__main__"
    if own == "__init__":
        assert not imported_parts(file)
        return
    for part in imported_parts(file) - {own}:
        assert layer(part) < layer(own), f"{own} imports {part}, which comes after it"


@pytest.mark.parametrize(
    ("modules", "forbidden"),
    [
        (["g2p.models.transformer", "g2p.data.batches", "g2p.training.packed.loop"],
         ["hydra", "omegaconf", "wandb", "lightning"]),
        (["g2p.runs.figures", "g2p.runs.metrics_table", "g2p.tracking.wandb_tracker"],
         ["torch", "wandb"]),
        (["g2p.cli.train", "g2p.config.schema"], ["torch", "wandb", "pyarrow"]),
        (["g2p.cli.sweep"], ["torch", "wandb", "matplotlib"]),
    ],
)  # fmt: skip
def test_what_is_never_imported(modules, forbidden):
    code = f"import sys, {', '.join(modules)}; print([m for m in {forbidden} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "file",
    [file for file in sorted(CONF.glob("*/*.yaml")) if file.parent.name in GROUPS],
    ids=lambda f: f"{f.parent.name}={f.stem}",
)
def test_yaml_and_signature_hold_the_same_keys(file):
    group = file.parent.name
    values = yaml.safe_load(file.read_text())
    extended = values.pop("defaults", [])
    for entry in extended:
        name, _, key = entry.partition("@")
        if name != "_self_":
            base = yaml.safe_load((CONF / group / f"{name}.yaml").read_text())
            values = ({key: base} if key else base) | values
    name = None if group in PRESETS else values.pop("name")
    assert name in (None, file.stem)
    options = schema(group, name)
    assert set(values) == set(options)
    for key, option in options.items():
        value = values[key]
        # YAML 1.1 reads 1e-3 as text; OmegaConf reads it as a number.
        value = float(value) if option.type is float and isinstance(value, str) else value
        if not (isinstance(value, str) and "${" in value):
            assert option.problem(value) is None


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_one_console_prints(file):
    """Rich takes square brackets for markup, except in the console and the columns of g2p."""
    if file == PACKAGE / "core" / "console.py":
        return
    imported = {
        f"{node.module}.{alias.name}"
        for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }  # fmt: skip
    barred = ("rich.console.", "rich.markup.", "rich.prompt.", "rich.print", "rich.progress.Text")
    assert not [name for name in imported if name.startswith(barred)]
    assert "import rich" not in file.read_text()
    assert not re.search(r"\[/?(bold|red|green|yellow|dim|/)\]", file.read_text())


def test_builders_have_no_defaults():
    """A default lives in YAML alone: builders take their options by keyword, without one."""
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef):
                for argument, default in zip(
                    node.args.kwonlyargs, node.args.kw_defaults, strict=True
                ):
                    is_option = argument.annotation is not None and "Annotated" in ast.unparse(
                        argument.annotation
                    )
                    assert not (is_option and default is not None), f"{file}: {argument.arg}"


def test_every_model_and_source_has_its_yaml():
    models = {
        f.stem for package in ("models", "baselines") for f in (PACKAGE / package).glob("*.py")
    }
    parts = {
        "__init__", "attention", "block", "embed", "readout", "per_phenotype", "entropy",
        "position", "additive",
    }  # fmt: skip
    assert models - parts == set(choices("model"))
    sources = {f.stem for f in (PACKAGE / "data").glob("*.py") if "def read(" in f.read_text()}
    assert sources == set(choices("data"))


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_every_file_opens_with_its_contract_and_stays_small(file):
    text = file.read_text()
    assert ast.get_docstring(ast.parse(text))
    assert text.count("\n") <= 250
