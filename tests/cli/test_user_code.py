"""A user's own model, source and study, from the user's own folder: commands, then bad input."""

import json
import re
import shutil
import sys
from pathlib import Path

import pyarrow.csv
import pyarrow.parquet
import pytest

from tests.helpers.command import call, started, sweep, train
from tests.helpers.user_package import NETS, PARTS, SOURCES, write_package

CONF = ("--config-dir", "my_conf")
QUICK = ("logger=none", "trainer.max_epochs=1", "trainer.accelerator=cpu")
CLOSED_FORM = (*CONF, "model=mean", "data=mine", "logger=none")
NETWORK = (*CONF, "model=mlp", "data=mine", *QUICK)


def folder_of(done) -> Path:
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.splitlines()[-1].removeprefix("run: "))


def message_of(done) -> str:
    """The one message of a command that failed."""
    assert done.returncode == 1 and done.stderr.startswith("error: ")
    return done.stderr


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A folder in which the package lies and its network is trained."""
    folder = write_package(tmp_path_factory.mktemp("user"))
    folder_of(train(*NETWORK, cwd=folder))
    return folder


def run_of(folder: Path) -> Path:
    (run,) = (folder / "runs").iterdir()
    return run


def test_a_users_model_and_source_train_and_predict(trained):
    run = run_of(trained)
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["model"] == "my_pkg.nets.MLP"
    assert metrics["num_parameters"] == 12 * 8 + 8 + 8 * 2 + 2
    assert metrics["test"]["r2"].keys() == {"height", "weight"}
    again = train(*NETWORK, cwd=trained)
    assert folder_of(again) == run and "Finished before" in again.stdout
    predict = ("-m", "g2p", "predict", f"run={run}", *CONF, "data=mine", "out=predicted.csv")
    refused = message_of(call(*predict, cwd=trained))
    assert "my_pkg.nets.MLP, code of one's own" in refused and "code=my_pkg" in refused
    assert not (trained / "predicted.csv").exists()
    assert call(*predict, "code=my_pkg", cwd=trained).returncode == 0
    predicted = pyarrow.csv.read_csv(trained / "predicted.csv").to_pylist()
    stored = pyarrow.parquet.read_table(run / "predictions.parquet").to_pylist()
    by_cell = {(row["strain"], row["phenotype"]): row["predicted"] for row in predicted}
    assert len(by_cell) == 160
    for row in stored:
        assert by_cell[row["strain"], row["phenotype"]] == pytest.approx(row["predicted"], rel=1e-5)


@pytest.mark.slow
def test_runs_are_listed_by_the_name_of_a_users_choice(trained):
    """By its YAML's name and by its class's; other choices of g2p and of the user match nothing."""
    signature = run_of(trained).name
    for command in (("-m", "g2p", "runs"), ("sweep.py", "--runs")):
        for override, n in (
            ("model=mlp", 1), ("data=mine", 1), ("model=mlp,ridge", 1), ("model=mean", 0),
            ("model=ridge", 0), ("model=my_pkg.nets.MLP", 1),
        ):  # fmt: skip
            done = call(*command, *CONF, override, cwd=trained)
            assert done.returncode == 0, done.stderr
            assert (signature in done.stdout) == bool(n) and f"{n} run" in done.stdout
    message = message_of(call("-m", "g2p", "runs", "model=mlp", cwd=trained))
    assert "model=mlp does not exist" in message and "needs --config-dir" in message


@pytest.mark.slow
def test_a_package_on_pythonpath_and_a_console_script(tmp_path):
    """The command's folder need not be the package's; a network's options are overridden."""
    write_package(tmp_path / "code")
    (tmp_path / "work").mkdir()
    conf = ("--config-dir", "../code/my_conf", "data=mine", *QUICK)
    here = tmp_path / "work"
    assert "my_pkg" in message_of(train(*conf, "model=mlp", cwd=here))
    done = started(
        "-m", "g2p", "train", *conf, "model=mlp", "model.hidden=3", cwd=here,
        PYTHONPATH=f"{Path(__file__).parents[2]}:../code",
    )  # fmt: skip
    metrics = json.loads((folder_of(done) / "metrics.json").read_text())
    assert metrics["num_parameters"] == 12 * 3 + 3 + 3 * 2 + 2


def test_a_users_closed_form_has_no_epochs(tmp_path):
    write_package(tmp_path)
    run = folder_of(train(*CLOSED_FORM, cwd=tmp_path))
    assert json.loads((run / "metrics.json").read_text())["num_parameters"] == 2
    message = message_of(train(*CLOSED_FORM, "optim.lr=0.1", cwd=tmp_path))
    assert "model=my_pkg.forms.Mean is fitted in closed form" in message
    forms = tmp_path / "my_pkg" / "forms.py"
    forms.write_text(forms.read_text().replace("* self.share", "* np.nan"))
    message = message_of(train(*CLOSED_FORM, cwd=tmp_path))
    assert "model=my_pkg.forms.Mean predicts values that are no finite numbers" in message


def test_a_folder_of_yaml_that_is_not_there_or_one_of_two(tmp_path):
    write_package(tmp_path)
    assert "nowhere is not a folder" in message_of(train("--config-dir", "nowhere", cwd=tmp_path))
    assert "is given twice" in message_of(train(*CONF, "-cd=my_studies", cwd=tmp_path))
    assert "needs a folder" in message_of(sweep("study=ladder", "--config-dir", cwd=tmp_path))
    misspelt = message_of(train(*CONF, "model=mpl", cwd=tmp_path))
    assert "Did you mean 'mlp'? model is one of gbdt, lasso" in misspelt
    assert "mean, mlp, pooled" in train(*CONF, "--help", cwd=tmp_path).stdout


def test_a_study_that_is_not_there_or_named_like_another(tmp_path):
    write_package(tmp_path)
    text = (tmp_path / "my_studies/mine.yaml").read_text()
    assert "no file" in message_of(sweep("study=my_studies/mina.yaml", cwd=tmp_path))
    for name, why in (("ladder", "there is a study ladder"), ("a b", "Use letters, digits")):
        (tmp_path / f"{name}.yaml").write_text(text)
        assert why in message_of(sweep(f"study={name}.yaml", cwd=tmp_path))


@pytest.mark.slow
def test_edited_code_is_another_run_and_a_comment_is_not(tmp_path):
    """The network's own module, one that it imports, and the source's."""
    write_package(tmp_path)
    first = folder_of(train(*NETWORK, cwd=tmp_path))
    (tmp_path / "my_pkg/parts.py").write_text(f"# A comment.\n{PARTS}")
    assert folder_of(train(*NETWORK, cwd=tmp_path)) == first
    (tmp_path / "my_pkg/parts.py").write_text(PARTS.replace("0.5", "0.25"))
    done = train(*NETWORK, cwd=tmp_path)
    second = folder_of(done)
    assert second != first and f"Finished before under other code: {first}" in done.stdout
    arguments = ("-m", "g2p", "predict", *CONF, "data=mine", "code=my_pkg")
    refused = message_of(call(*arguments, f"run={first}", cwd=tmp_path))
    assert f"is not that of {first}: it was changed after the run" in refused
    assert call(*arguments, f"run={second}", cwd=tmp_path).returncode == 0
    (tmp_path / "my_pkg/sources.py").write_text(SOURCES.replace("0.3 *", "0.4 *"))
    assert folder_of(train(*NETWORK, cwd=tmp_path)) not in (first, second)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("class MLP", "class MLQ", r"nets.py defines no MLP. Did you mean 'MLQ'\? It defines Base"),
        ("*, n_loci", "n_loci", r"nets.py:12: MLP.__init__ takes hidden by position."),
        ("hidden: Annotated[int, AtLeast(1)]", "hidden", "nets.py:12: option hidden has no type."),
        ("AtLeast(1)]", "AtLeast(1)] = 3", "nets.py:12: option hidden has a default."),
        ("def forward", "def forwards", r"nets.py: MLP has no forward: write def forward\(self"),
        ("class Base(nn.Module)", "class Base", "nets.py: MLP is not a torch.nn.Module"),
        ("super().__init__()", "pass; 1 / 0", r'File ".*my_pkg/nets.py", line 13, in __init__'),
        ("from torch", "import nosuch\nfrom torch", 'File ".*nets.py", line 5, in <module>'),
        ("class MLP(Base)", "class MLP(nn.Linear)", "MLP has no __init__ from which .*nn.Linear"),
        ("class MLP(Base):", "class MLP(Base)", "nets.py:19: expected ':'"),
        ("n_loci: int,", "n_loci: int, n_strains: int,", "model.n_strains is missing"),
    ],
)
def test_a_file_that_cannot_be_trained(tmp_path, old, new, message):
    write_package(tmp_path, nets=NETS.replace(old, new, 1))
    done = train(*NETWORK, cwd=tmp_path)
    assert re.search(message, message_of(done))
    assert "bug in g2p" not in done.stderr and "g2p/runs" not in done.stderr


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("my_pgk.nets.MLP", "{folder}, nor among the installed packages. Set PYTHONPATH"),
        ("my_pkg.nest.MLP", "has no module nest. Did you mean 'nets'? It has: callbacks, forms"),
        ("my_pkg.nets.MLP.Inner", "is a module, not a package with a module MLP."),
        ("my_pkg.nets.mlp", "nets.py defines no mlp. Did you mean 'MLP'?"),
        ("my_pkg.a-b.MLP", "is no module and class. Write for example name: my_pkg.nets.MLP"),
        ("g2p.models.rung.Rung", "comes with g2p: write its short name"),
        ("math.MLP", "of the module math, which has no Python source ("),
        ("MLP", "Code of your own is named by module and name, such as my_pkg.nets.MLP"),
    ],
)
def test_a_name_that_cannot_be_imported(tmp_path, name, message):
    write_package(tmp_path)
    (tmp_path / "my_conf/model/mlp.yaml").write_text(f"name: {name}\nhidden: 8\n")
    done = train(*NETWORK, cwd=tmp_path)
    assert message.format(folder=tmp_path) in message_of(done)
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("return Panel(", "return dict(", "returns a value of type dict. It must return a g2p.Pan"),
        ("np.int8", "np.int64", "returns genotypes of type int64 and shape (80, 12); they must be"),
        ("phenotypes=phenotypes,", "phenotypes=phenotypes, standard_errors=[0.1],",
         "returns standard_errors of type list and shape (1,); they must be an array of two axes"),
        ('["1"] * 12', "[1] * 12", "returns loci whose column chromosome does not hold text alone"),
        ('"weight"]', '"height"]', "phenotype names appear more than once: height."),
        ("*, file: Path | None, strains", "file, strains", "read_mine takes file, strains by posi"),
        ("float(file.read_text()) if file else 0.0", "1 / 0", 'sources.py", line 14, in read_mine'),
    ],
)  # fmt: skip
def test_a_source_that_returns_no_panel(tmp_path, old, new, message):
    write_package(tmp_path, sources=SOURCES.replace(old, new))
    done = train(*CLOSED_FORM, cwd=tmp_path)
    assert message in message_of(done) and "bug in g2p" not in done.stderr


@pytest.mark.parametrize(
    ("coding", "is_refused"), [("[0, 1, 2]", True), ("[-1, 2]", True), ("[0, 1]", False)]
)
def test_genotypes_of_a_source_in_another_coding(tmp_path, coding, is_refused):
    write_package(tmp_path, sources=SOURCES.replace("[-1, 1]", coding))
    for _ in range(2):  # built, then stored
        done = train(*CLOSED_FORM, cwd=tmp_path)
        if is_refused:
            assert "must lie in [-1, 1]; these go from " in message_of(done)
        else:
            assert done.returncode == 0
            assert (done.stdout + done.stderr).count("no genotype is below 0") == 1
    write_package(tmp_path)
    done = train(*CLOSED_FORM, cwd=tmp_path)
    assert done.returncode == 0 and "no genotype is below 0" not in done.stdout + done.stderr


@pytest.mark.slow
def test_from_python(tmp_path, monkeypatch):
    """A run opens without its code; its weights need permission, and the code of the run."""
    import g2p

    write_package(tmp_path)
    package = tmp_path / "of_python"
    (tmp_path / "my_pkg").rename(package)
    for file in [*package.glob("*.py"), *(tmp_path / "my_conf").glob("*/*.yaml")]:
        file.write_text(file.read_text().replace("my_pkg", package.name))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*sys.path])
    run = g2p.train("model=mlp", "data=mine", *QUICK, config_dir="my_conf")
    panel = g2p.load_panel("data=mine", config_dir="my_conf")
    predicted = run.predict(panel)
    assert predicted.shape == (80, 2)
    assert run.model.layers[0].out_features == 8
    assert g2p.load_run(run.folder, code=["of_python"]).predict(panel).equals(predicted)
    stranger = g2p.load_run(run.folder, code=["of_pytho", "os"])
    assert stranger.metrics["num_parameters"] == 122 and len(stranger.history) == 1
    with pytest.raises(g2p.RunError, match=r"code=\['of_python'\] in Python"):
        stranger.predict(panel)
    results = g2p.sweep("study=my_studies/mine.yaml", "size=smoke", *QUICK, config_dir="my_conf")
    assert set(results.results["model"]) == {"mean", "mlp"}
    (package / "parts.py").write_text(PARTS.replace("0.5", "0.25"))
    with pytest.raises(g2p.RunError, match="changed after the run"):
        _ = g2p.load_run(run.folder, code=["of_python"]).model
    with pytest.raises(g2p.CodeError, match="changed after this process imported it. Restart"):
        g2p.train("model=mlp", "data=mine", *QUICK, config_dir="my_conf")
    shutil.rmtree(package)
    assert len(g2p.load_run(run.folder).predictions) == 46
    with pytest.raises(g2p.CodeError, match="nets.py cannot be read"):
        _ = g2p.load_run(run.folder, code=["of_python"]).model
    by_option = g2p.list_runs("runs", model="of_python.nets.MLP", **{"model.hidden": 8})
    assert len(by_option) == 3  # the first, the study's, and the one that was refused
    by_choice = g2p.list_runs("runs", config_dir="my_conf", model="mlp")
    assert set(by_choice["signature"]) == set(by_option["signature"])
    assert g2p.list_runs("runs", **{"model.hidden": 9}).empty
    with pytest.raises(g2p.OptionError, match="model.hiden is not a key of any run"):
        g2p.list_runs("runs", **{"model.hiden": 8})
    assert sorted(g2p.list_runs("runs")["status"]) == ["done", "done", "done", "failed"]
