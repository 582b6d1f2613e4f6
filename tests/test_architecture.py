"""The rules of the house that a machine can hold: one direction, one home for each value."""

import ast
import re
import subprocess
import sys

import pytest
import yaml

from g2p.config.components import class_name
from g2p.config.registry import CONF, GROUPS, PRESETS, choice_options, choices
from g2p.core.package import PACKAGE
from tests.helpers.command import ROOT

# Each layer imports only from those above it in this list (docs/design.md has the picture).
LAYERS = [
    {"core"},
    {"config"},
    {"hardware", "tracking"},
    {"data", "models", "baselines", "stats"},
    {"training"},
    {"runs"},
    {"explain", "report", "launch"},
    {"study"},
    {"cli"},
]
# What may lie in g2p/ itself, above all of them.
LOOSE = {"__init__", "__main__", "api", "sklearn"}
# All that the packages need which train a model: nothing of Hydra, W&B or the terminal.
TRAINS = ("models", "baselines", "training")
LIBRARIES = {
    "torch", "lightning", "torchmetrics", "numpy", "scipy", "sklearn", "lightgbm", "pyarrow",
}  # fmt: skip
# These say nothing of what is named. `held_out` is a standard term, `own_columns` a key of a YAML.
NOT_NAMES = {
    "told", "tell", "said", "say", "known", "own", "place", "kept", "held", "found", "given",
    "asked", "words",
}  # fmt: skip
NAMES_ALL_THE_SAME = re.compile(r"held_out|own_columns", re.IGNORECASE)
FILES = sorted(PACKAGE.rglob("*.py"))


def layer(package: str) -> int:
    return next(i for i, names in enumerate(LAYERS) if package in names)


def imported(file, anywhere: bool = True) -> set[str]:
    """The modules that a file imports: anywhere in it, or when it is imported itself."""
    tree = ast.parse(file.read_text())
    modules = set()
    for node in ast.walk(tree) if anywhere else tree.body:
        if isinstance(node, ast.ImportFrom) and node.module:
            modules |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
    return modules


def file_of(name: str):
    """The file of a module of g2p, or of the module that has a name."""
    path = PACKAGE.parent.joinpath(*name.split("."))
    candidates = (path.with_suffix(".py"), path.parent.with_suffix(".py"), path / "__init__.py")
    return next((file for file in candidates if file in FILES), None)


def packages(file) -> set[str]:
    """The packages of g2p that a file imports."""
    return {name.split(".")[1] for name in imported(file) if name.startswith("g2p.")}


def test_nothing_lies_loose():
    assert {file.stem for file in PACKAGE.glob("*.py")} == LOOSE
    folders = {file.parent.name for file in PACKAGE.glob("*/__init__.py")}
    assert folders == set().union(*LAYERS)


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_imports_go_one_way(file):
    package_name, *inner = file.relative_to(PACKAGE).parts
    if inner:
        for package in packages(file) - {package_name}:
            assert layer(package) < layer(package_name), f"{file} imports {package}"


def test_what_trains_needs_few_libraries():
    """Neither these packages need any other, nor what of g2p is imported with them."""
    trains = {file for file in FILES if file.relative_to(PACKAGE).parts[0] in TRAINS}
    pending = list(trains)
    used, seen = set(), set()
    while pending:
        file = pending.pop()
        seen.add(file)
        modules = imported(file, anywhere=file in trains)
        used |= {name.partition(".")[0] for name in modules}
        pending += {file_of(name) for name in modules} - seen - {None}
        pending += {file.parent / "__init__.py"} - seen
    assert LIBRARIES - {"torchmetrics"} <= used
    assert used <= {*LIBRARIES, *sys.stdlib_module_names, "g2p"}


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
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


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
    options = choice_options(group, name)
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


def test_a_config_is_read_by_attributes():
    """Only config/ knows keys as text; all else reads `config.trainer.devices`."""
    groups = {*GROUPS, "paths", "phenotype", "seed", "force"}
    keyed = [
        f"{file.relative_to(PACKAGE)}:{node.lineno}"
        for file in FILES if file.relative_to(PACKAGE).parts[0] != "config"
        for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Subscript)
        if isinstance(node.slice, ast.Constant) and node.slice.value in groups
        and ast.unparse(node.value).rpartition(".")[2] in ("config", "plain", "whole")
    ]  # fmt: skip
    assert not keyed


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
    """Else one of them is not reachable: a file that has the class of its name, or `read`."""
    defined = {
        file.stem
        for package in ("models", "baselines") for file in (PACKAGE / package).glob("*.py")
        if re.search(rf"^class {class_name(file.stem)}\b(?!\(ABC\))", file.read_text(), re.M)
    }  # fmt: skip
    assert defined == set(choices("model"))
    folder = PACKAGE / "data" / "sources"
    sources = {file.stem for file in folder.glob("*.py") if "def read(" in file.read_text()}
    assert sources == set(choices("data"))


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_every_file_opens_with_its_contract_and_stays_small(file):
    text = file.read_text()
    assert ast.get_docstring(ast.parse(text))
    assert text.count("\n") <= 250


def bound_names(tree: ast.AST) -> set[str]:
    """The names that a file gives to anything: variables, arguments, attributes, functions."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            names.add(node.id if isinstance(node, ast.Name) else node.attr)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.alias) and node.asname:
            names.add(node.asname)
    return names


def parts_of(name: str) -> list[str]:
    """The words that a name is made of: ["Run", "Directory"], ["run", "directory"]."""
    name = NAMES_ALL_THE_SAME.sub("", name)
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).split("_")


def test_names_are_nouns_and_verbs_of_the_field():
    files = [*FILES, *ROOT.glob("tests/**/*.py"), *ROOT.glob("benchmarks/*.py")]
    bad = {
        f"{file.relative_to(ROOT)}: {name}"
        for file in files
        for name in {file.stem, *bound_names(ast.parse(file.read_text()))}
        if NOT_NAMES & {word.lower() for word in parts_of(name)}
    }
    assert not bad


def test_no_file_is_long():
    files = [*ROOT.glob("tests/**/*.py"), *ROOT.glob("benchmarks/*.py"), *ROOT.glob("*.py")]
    assert not [file for file in files if file.read_text().count("\n") > 300]
