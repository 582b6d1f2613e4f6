"""Runs listed and found by what their configs say."""

import csv
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from g2p.cli.runs import browse
from g2p.config.compose import compose_config
from g2p.core.console import Console
from g2p.core.errors import G2PError
from g2p.core.nested import flatten
from g2p.runs import index as stored
from g2p.runs.directory import RunDirectory
from g2p.runs.index import stored_runs
from g2p.runs.listing import differing, options_with_effect, table
from g2p.runs.query import parse_filter
from tests.helpers.stored_runs import listing, metrics, six_runs, write_run


@pytest.fixture
def runs(tmp_path):
    return six_runs(tmp_path / "runs")


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([], [1, 2, 3, 4, 5, 6]),
        (["model=transformer"], [1, 2, 5, 6]),
        (["model=ridge,stacked"], [3, 4]),
        (["model.num_layers=1,2", "model=transformer"], [1, 2, 5, 6]),
        (["model.num_layers=2", "status=done"], [2]),
        (["model.num_layers=range(1,2)"], [1]),
        (["optim.lr=0.0001"], [2]),
        (["optim.lr=interval(1e-5,5e-4)"], [2]),
        (["model.skip=true"], [1, 2, 5, 6]),
        (["phenotype=30C"], [1, 2, 3]),
        (["phenotype=YPD"], [1, 2, 3]),
        (["phenotype=[30C,cu]"], [2, 3]),
        (["phenotype=cu,30C"], [1, 2, 3, 4]),
        (["phenotype=all"], [3, 5]),
        (["phenotype=nosuch"], []),
        (["seed=1"], [2]),
        (["qc=strict"], [3]),
        (["qc=standard", "model=ridge"], []),
        (["trainer=cpu"], [4, 5]),
        (["model.lasso.folds=3"], [4]),
        (["data.strains=500"], [3]),
        (["data=byxrm"], []),
        (["status=unfinished,damaged"], [5, 6]),
        (["trainer.patience=null"], []),
    ],
)
def test_the_runs_that_filters_match(runs, filters, expected):
    # The damaged run's config is whole; so is what it is found by.
    fits = [parse_filter(each, Path("nowhere")) for each in filters]
    matches = [run for run in stored_runs(runs) if all(fit(run) for fit in fits)]
    assert sorted(int(run.signature, 16) for run in matches) == expected


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("modl=ridge", "modl is not a key of any run. Did you mean 'model'?"),
        ("model.num_layer=1", "Did you mean 'model.num_layers'? Allowed: model.name, model"),
        ("model=rige", "model=rige does not exist. Did you mean 'ridge'?"),
        ("status=dome", "status=dome does not exist. Did you mean 'done'? status is one of done"),
        ("ridge", "ridge is not a filter"),
        ("+model=ridge", "is not a filter"),
        ("paths.data=here", "paths.data is not a key of any run"),
        ("seed=abc", "seed must be of type int, not 'abc' (str)"),
        ("seed=0,-1", "seed must be at least 0, not -1"),
        ("model.skip=1", "model.skip must be of type bool, not 1 (int)"),
        ("model.name=rige", "model=rige does not exist. Did you mean 'ridge'?"),
        ("optim.lr=fast", "optim.lr must be of type float"),
    ],
)
def test_a_word_that_finds_nothing_anywhere_is_refused(word, message):
    with pytest.raises(G2PError) as error:
        parse_filter(word, Path("nowhere"))
    assert message in str(error.value)


def test_the_list_has_a_column_for_what_differs(runs):
    done = listing("model=transformer", "status=done", cwd=runs.parent)
    assert done.returncode == 0, done.stderr
    head, *rows, count = done.stdout.splitlines()
    assert head.split() == [
        "signature", "model", "phenotype", "seed", "model.num_layers", "optim.lr", "status", "test",
        "R2", "epochs", "when",
    ]  # fmt: skip
    first, second = (row.split() for row in rows)
    assert first[:9] == [
        "0" * 15 + "1",
        "transformer",
        "YPD",
        "0",
        "1",
        "0.001",
        "done",
        "0.500",
        "7",
    ]
    assert second[1:7] == ["transformer", "[30C,cu]", "1", "2", "0.0001", "done"]
    assert count == f"2 runs in {runs}: 2 done."
    other = listing("paths.runs=nowhere", cwd=runs.parent)
    assert other.returncode == 1 and "nowhere does not exist" in other.stderr


def test_the_list_is_no_wider_than_the_terminal(runs):
    """What has no effect, or what the model's name says, has no column; the rest is named."""
    wide = listing(cwd=runs.parent, columns=300)
    head = wide.stdout.splitlines()[0].split()
    assert [key for key in head if "." in key] == [
        "data.strains", "qc.min_maf", "qc.max_missing_locus", "qc.max_missing_strain",
        "qc.duplicates", "model.num_layers", "optim.lr", "trainer.accelerator",
    ]  # fmt: skip
    (ridge,) = (line for line in wide.stdout.splitlines() if " ridge " in line)
    assert ridge.split()[4:10] == ["500", "0.05", "0.05", "0.05", "drop", "auto"]
    for columns in (80, 110):
        done = listing(cwd=runs.parent, columns=columns)
        *lines, left_out, _ = done.stdout.splitlines()
        assert len(lines) == 7 and max(map(len, lines)) <= columns
        assert left_out.startswith("Columns that do not fit: ")
        for column in ("signature", "model", "phenotype", "seed", "status", "test R2"):
            assert column in lines[0]


def test_a_run_from_before_an_option_existed_has_its_neutral_value(tmp_path):
    config = compose_config([], of_many=True)
    trainer = {key: value for key, value in config.trainer.items() if key != "ensemble"}
    RunDirectory(tmp_path / f"{1:016x}").write_config(config.replace(trainer=trainer))
    write_run(tmp_path, 2, "trainer.ensemble=3")
    runs = sorted(stored_runs(tmp_path), key=lambda run: run.signature)
    for values, expected in (("1", [True, False]), ("3", [False, True])):
        is_match = parse_filter(f"trainer.ensemble={values}", tmp_path)
        assert [is_match(run) for run in runs] == expected
    assert "trainer.ensemble" in differing(runs, [options_with_effect(run) for run in runs])


def test_an_option_that_is_set_twice_is_refused(runs):
    with pytest.raises(G2PError, match="sort is given twice: sort=r2 and sort=epochs. Keep one."):
        browse([f"paths.runs={runs}", "sort=r2", "sort=epochs"], set(), Console())


def test_an_r2_that_rounds_to_zero_has_no_sign(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    write_run(tmp_path, 1, r2=-0.0001)
    _, row = table(stored_runs(tmp_path), None)
    assert " 0.000 " in row


def test_sorted_and_written_as_csv(runs):
    for number, r2 in ((1, 0.2), (2, 0.9), (3, None), (4, -0.1)):
        directory = RunDirectory(runs / f"{number:016x}")
        directory.write_metrics(metrics(directory.folder.name, r2=r2))
    done = listing("sort=r2", "csv=all/runs.csv", "seed=0,1", cwd=runs.parent)
    assert done.returncode == 0, done.stderr
    order = [line[15] for line in done.stdout.splitlines()[1:7]]
    assert order[:3] == ["2", "1", "4"] and set(order[3:]) == {"3", "5", "6"}
    with (runs.parent / "all" / "runs.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["signature"][-1] for row in rows] == order
    assert [row["test_r2"] for row in rows] == ["0.9", "0.2", "-0.1", "", "", ""]
    by_number = {int(row["signature"], 16): row for row in rows}
    assert by_number[2]["phenotype"] == "[30C,cu]" and by_number[2]["optim.lr"] == "0.0001"
    assert by_number[3]["optim.lr"] == "" and by_number[3]["data.strains"] == "500"
    assert by_number[1]["trainer.patience"] == "20" and by_number[4]["model.lasso.folds"] == "3"
    by_layers = listing("sort=model.num_layers", "model=transformer", cwd=runs.parent)
    assert [line[15] for line in by_layers.stdout.splitlines()[1:3]] != ["2", "1"]
    for word, message in (("sort=r3", "sort=r3 is not a sort key. Did you mean 'r2'?"),
                       ("sort=", "sort=r2"), ("csv=", "csv=FILE"),
                       ("sort=r2 sort=when", "sort is given twice"),
                       ("csv=runs/metrics.json", "metrics.json must end in .csv")):  # fmt: skip
        with pytest.raises(G2PError) as error:
            browse([f"paths.runs={runs}", *word.split()], set(), Console())
        assert message in str(error.value)


values = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9)
)


@settings(deadline=None, max_examples=80)
@given(st.dictionaries(
    st.sampled_from(["data", "model", "phenotype", "seed", "paths"]),
    values | st.lists(values, max_size=3) | st.dictionaries(
        st.text("abc", min_size=1, max_size=3), values | st.lists(values, max_size=2), max_size=3),
    max_size=5,
))  # fmt: skip
def test_a_config_read_section_by_section_is_the_config(config):
    text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
    assert stored._flat_config(text) == flatten(yaml.safe_load(text) or {})


def test_values_that_are_shared_between_sections_are_read(tmp_path):
    shared = [1, 2]
    text = yaml.safe_dump({"data": {"a": shared}, "model": {"b": shared}}, sort_keys=False)
    assert "*id001" in text
    assert stored._flat_config(text) == {"data.a": shared, "model.b": shared}
