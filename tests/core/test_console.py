"""Names that rich would take for markup, and those that would garble a terminal, as they are."""

import io

import numpy as np
import pytest
from rich.progress import Progress
from rich.table import Table

from g2p.cli.sweep import execute
from g2p.core.console import Console, TextColumn
from g2p.core.errors import G2PError
from g2p.core.phrases import plural
from g2p.report.panel.tables import phenotype_table
from g2p.runs.metrics_table import print_table
from g2p.runs.progress_bar import ProgressBar
from g2p.study import study_files
from tests.helpers.command import call
from tests.helpers.configs import SMALL_RIDGE, paths

MARKUP = "[/bold]x[red]"
ODD = (MARKUP, "[a]", ":smile:", "[link=x]", "\\[b]", "li\nne", "\x1b[2J", "\u202eabc", "tab\tbed")
SHOWN = (*ODD[:5], r"li\nne", r"\x1b[2J", r"\u202eabc", r"tab\tbed")


def printed(*things, terminal: bool = False, **options) -> str:
    out = io.StringIO()
    console = Console(file=out, width=200, force_terminal=terminal, color_system=None)
    for thing in things:
        console.print(thing, **options)
    return out.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize(("name", "shown"), list(zip(ODD, SHOWN, strict=True)))
def test_a_name_is_printed_as_it_is(name, shown, terminal):
    table = Table(title=f"title {name}", caption=f"caption {name}")
    table.add_column(f"column {name}")
    table.add_row(f"cell {name}")
    text = printed(f"line {name}", table, terminal=terminal)
    assert [text.count(f"{where} {shown}") for where in ("line", "title", "column", "cell")] == [
        1, 1, 1, 1,
    ]  # fmt: skip
    assert f"caption {shown}" in text


@pytest.mark.parametrize(("name", "shown"), list(zip(ODD, SHOWN, strict=True)))
def test_a_bar_shows_a_name_as_it_is(name, shown):
    out = io.StringIO()
    with Progress(
        TextColumn("{task.description}"), TextColumn("{task.fields[field]}"),
        console=Console(file=out, width=200, force_terminal=True, color_system=None),
    ) as bar:  # fmt: skip
        bar.add_task(f"of {name}", field=f"told {name}")
    assert f"of {shown}" in out.getvalue() and f"told {shown}" in out.getvalue()


def test_a_question_is_printed_as_it_is(monkeypatch, capsys):
    monkeypatch.setattr("builtins.input", lambda: "y")
    assert Console().input("Delete [bold]? [y/N] ") == "y"
    assert "Delete [bold]? [y/N] " in capsys.readouterr().out


def test_tables_of_a_run_and_of_a_panel():
    one = dict.fromkeys(ODD, 0.5)
    metrics = {"model": MARKUP, "seed": 0, "ridge": None, "noise_ceiling": {},
               "test": {"r2": one, "pearson": one, "n": dict.fromkeys(ODD, 40)}}  # fmt: skip
    out = io.StringIO()
    print_table(metrics, Console(file=out, width=200))
    values = np.random.default_rng(0).normal(size=(9, len(ODD)))
    text = printed(phenotype_table(list(ODD), values, dict.fromkeys(ODD, (0.5, 0.1)), {}))
    for name in SHOWN:
        assert out.getvalue().count(f" {name} ") == 1 and text.count(f" {name} ") == 1
    assert f"{MARKUP}, seed 0: test strains" in out.getvalue()


def test_a_study_of_such_names(tmp_path, monkeypatch):
    """Planned, trained, compared: its question, factors and labels in each line and table."""
    (tmp_path / "odd.yaml").write_text(
        f"question: 'Is {MARKUP} [a]?'\n"
        f"factors: {{'f{MARKUP}': {{'{MARKUP}': {{model: ridge}}, \"li\\nne\": {{qc: strict}}}}}}\n"
        "set: {model: ridge}\nphenotypes: [cu]\ncompare: ladder\nsizes: {full: {}}\n"
    )
    monkeypatch.setattr(study_files, "STUDIES", tmp_path)
    out = io.StringIO()
    console = Console(file=out, width=250)
    arguments = ["study=odd", *SMALL_RIDGE[:2], "logger=none"]
    arguments += [f"paths.runs='{tmp_path}/[a] [bold]/runs'", f"paths.cache={tmp_path}/cache"]
    assert execute([*arguments, "--dry-run"], console)
    text = out.getvalue()
    assert f"odd-full: Is {MARKUP} [a]?" in text
    assert f" f{MARKUP} " in text and f" {MARKUP} " in text and r" li\nne " in text
    assert execute(arguments, console)
    text = out.getvalue()
    assert f"f{MARKUP}={MARKUP}, phenotypes=cu, seed=0: test R2" in text
    assert rf" {MARKUP} to li\nne " in text  # of the factor in the heading
    assert f"report: {tmp_path}/[a] [bold]/studies/odd-full/report.html" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["study=odd", "study=odd"], "study is given twice: odd and odd"),
        (["study=odd", "size=full", "size=smoke"], "size is given twice: full and smoke"),
        (["study=odd", "optim.lr=1", "optim.lr=2"], "optim.lr is given twice"),
        (
            ["study=odd", "hydra/launcher=joblib", "hydra/launcher=packed"],
            "launcher is given twice",
        ),
        (["study=odd", "hydra/sweeper=optuna"], "hydra/sweeper=optuna has no effect: a study"),
        (["study=odd", *SMALL_RIDGE], "a factor cannot be called split, which is a column of"),
    ],
)
def test_arguments_that_sweep_py_refuses(tmp_path, monkeypatch, arguments, message):
    file = "factors: {split: {a: {split: random}}}\nphenotypes: [cu]\nsizes: {full: {}}\n"
    (tmp_path / "odd.yaml").write_text(file)
    monkeypatch.setattr(study_files, "STUDIES", tmp_path)
    with pytest.raises(G2PError) as error:
        execute([*arguments, *paths(tmp_path)], Console(quiet=True))
    assert message in str(error.value)
    assert [path.name for path in tmp_path.iterdir() if path.name != "cache"] == ["odd.yaml"]


def test_a_letter_that_the_terminal_lacks(monkeypatch):
    out = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(out, encoding="ascii", write_through=True))
    Console().print("height höhe")
    print("run: /höhe")
    assert out.getvalue() == b"height h\\xf6he\nrun: /h\\xf6he\n"


def test_the_bar_of_a_run_on_a_narrow_terminal(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "1")
    with ProgressBar(3, 0) as bar:
        bar.end_epoch(1, 0.5, 0.25)
    assert "\x1b" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("epochs", "seconds", "network", "text"),
    [
        (150, 20.0, (1, 1), "This training takes about 25 minutes for all 150 epochs, less"),
        (0, 20.0, (1, 1), "This fit takes about 13 minutes in all"),
        (150, 5.0, (1, 1), None),  # too early to say
        (12, 20.0, (1, 1), None),  # two minutes
        (12, 20.0, (1, 9), "takes about 18 minutes for all 12 epochs of 9 networks, less"),
        (12, 20.0, (2, 9), None),  # the first has said so
    ],
)
def test_what_takes_long_says_so_once(monkeypatch, capsys, epochs, seconds, network, text):
    """Two epochs, or a fortieth of a closed form, after so many seconds by a clock of our own."""
    now = iter([0.0, seconds, seconds + 11])
    monkeypatch.setattr("g2p.runs.progress_bar.time.monotonic", lambda: next(now))
    done = 2 if epochs else 1 / 40
    with ProgressBar(epochs, 0, network=network) as bar:
        bar.advance(done)
        bar.advance(2 * done)
    printed = capsys.readouterr().err
    assert printed.count("Shorter") == (text is not None)
    assert text is None or text in printed


def test_lines_name_the_network_of_an_ensemble(monkeypatch, capsys):
    monkeypatch.setattr("g2p.runs.progress_bar.SECONDS_BETWEEN_LINES", 0.0)
    with ProgressBar(3, 0, network=(2, 5)) as bar:
        bar.end_epoch(1, 0.5, 0.25)
    assert capsys.readouterr().err == "network 2 of 5, epoch 1/3  loss 0.500  val R2 0.250\n"


@pytest.mark.parametrize(("number", "text"), [(0, "0 runs"), (1, "1 run"), (1200, "1,200 runs")])
def test_one_is_no_plural(number, text):
    assert plural(number, "run") == text


def test_the_commands_lines_count_well(tmp_path):
    done = call("train.py", *SMALL_RIDGE, "phenotype=cu", *paths(tmp_path), cwd=tmp_path)
    assert "loci, 1 phenotype\n" in done.stdout and "ridge R2" not in done.stdout
