"""Predictions for other strains: every model restored, loci found, alleles the right way round."""

import json
import resource
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from g2p.cli.predict import main
from g2p.config.registry import choices
from g2p.core.errors import G2PError
from g2p.data.harmonize import harmonize
from g2p.data.panel import NO_CALL
from g2p.runs.predict import write_predictions
from g2p.runs.run import run
from tests.helpers.command import call
from tests.helpers.configs import SMALL_RIDGE, compose, paths

QUICK = {
    "stacked": ["model.gbdt.trees=20", "model.lasso.penalties=4", "model.folds=2"],
    "gbdt": ["model.trees=20"], "lasso": ["model.penalties=4"], "rung": ["model.additive=true"],
    "transformer": ["model.additive=true", "model.position=genome", "model.attended_loci=5"],
}  # fmt: skip
DATA = ("data.strains=240", "data.loci=16", "phenotype=[23C,cu]", "logger=none")


def predicted(file) -> dict[tuple[str, str], float]:
    read = pq.read_table if file.suffix == ".parquet" else pyarrow.csv.read_csv
    rows = read(file).to_pylist()
    return {(row["strain"], row["phenotype"]): row["predicted"] for row in rows}


@pytest.mark.parametrize("name", choices("model"))
def test_a_restored_model_predicts_as_it_did(tmp_path, name):
    config = compose(f"model={name}", *DATA, *QUICK.get(name, ()), *paths(tmp_path))
    config = config.with_values({"trainer.max_epochs": 1, "trainer.accelerator": "cpu"})
    folder = run(config)
    out = tmp_path / "new" / "out.csv"
    write_predictions(folder, config["data"], tmp_path / "cache", out=out, missing_loci="refuse",
            accelerator="cpu")  # fmt: skip
    new = predicted(out)
    assert len(new) == 240 * 2
    for row in pq.read_table(folder / "predictions.parquet").to_pylist():
        value = new[row["strain"], row["phenotype"]]
        assert value == pytest.approx(row["predicted"], rel=1e-4, abs=1e-4)


TABLE = {
    "id": ["a", "b", "c", "d"], "chromosome": ["1", "1", "2", "2"], "position": [5, 9, 5, 7],
    "allele_0": ["A", "C", "G", None], "allele_1": ["T", "G", "A", None],
}  # fmt: skip


def panel_loci(**changes) -> pa.Table:
    return pa.table({**TABLE, **changes})


@settings(deadline=None, max_examples=20)
@given(order=st.permutations(range(4)), renamed=st.sets(st.integers(0, 3)),
       swapped=st.sets(st.integers(0, 2)))  # fmt: skip
def test_loci_match_in_any_order_under_any_name(order, renamed, swapped):
    table = {key: list(values) for key, values in TABLE.items()}
    for i in renamed:
        table["id"][i] = f"other{i}"
    for i in swapped:
        table["allele_0"][i], table["allele_1"][i] = table["allele_1"][i], table["allele_0"][i]
    match = harmonize(TABLE, pa.table(table).take(list(order)), missing="refuse")
    assert [order[column] for column in match.columns] == [0, 1, 2, 3]
    assert set(np.flatnonzero(match.flipped).tolist()) == set(swapped)
    assert match.by_name == 4 - len(renamed) and match.by_position == len(renamed)
    expected = np.array([[1, -1, 1, 0], [-1, NO_CALL, 1, 1]], np.int8)
    coded = expected.copy()
    for i in swapped:
        coded[:, i] = np.where(expected[:, i] == NO_CALL, NO_CALL, -expected[:, i])
    values, gaps = match.genotypes(coded[:, list(order)], np.array([0.1, 0.2, 0.3, 0.4]))
    assert gaps == 1
    np.testing.assert_allclose(values, [[1, -1, 1, 0], [-1, 0.2, 1, 1]], atol=1e-7)


def test_a_locus_that_is_not_there():
    fewer = panel_loci().take([0, 2])
    with pytest.raises(G2PError, match=r"lacks 2 of the model's 4 loci \(b, d\)"):
        harmonize(TABLE, fewer, missing="refuse")
    match = harmonize(TABLE, fewer, missing="impute")
    values, gaps = match.genotypes(np.array([[1, -1]], np.int8), np.array([0, 0.25, 0, -0.5]))
    np.testing.assert_array_equal(values, [[1, 0.25, -1, -0.5]])
    assert gaps == 2
    with pytest.raises(G2PError, match="has none of the model's 4 loci"):
        harmonize(TABLE, panel_loci(id=["w", "x", "y", "z"], position=[1, 2, 3, 4]),
                   missing="impute")  # fmt: skip


def test_an_allele_that_was_never_seen():
    with pytest.raises(G2PError, match="locus b has the alleles C, T here.*never saw T"):
        harmonize(TABLE, panel_loci(allele_1=["T", "T", "A", None]), missing="refuse")


command = partial(call, "-m", "g2p", "predict")


def test_the_command(tmp_path, monkeypatch, capsys):
    folder = run(compose(*SMALL_RIDGE, "phenotype=cu", *paths(tmp_path)))
    options = [f"run={folder}", "data.strains=240", "data.loci=32", *paths(tmp_path)]
    done = command(*options, "out=p.parquet", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "predictions: p.parquet"
    assert len(predicted(tmp_path / "p.parquet")) == 240
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["model"] in done.stdout
    refused = command("out=x.csv", cwd=tmp_path)
    assert refused.returncode == 1 and "run=RUN is missing" in refused.stderr
    assert "Traceback" not in refused.stderr
    monkeypatch.chdir(tmp_path)
    for arguments, message in (
        (["run="], "run=RUN is missing"),
        (["run=0123456789abcdef", *options[1:]], "exists neither here nor in paths.runs="),
        ([*options, "out=x.csv", "out=y.csv"], "out is given twice"),
        ([*options, "out=~nobody-of-this-name/x.csv"], "this home folder"),
        ([*options, "match=id"], "match must be one of both, name, place"),
        ([f"run={tmp_path}"], "is not a finished run"),
        ([*options, "out=p.txt"], "must end in .parquet or .csv"),
        ([*options, "missing_loci=ask"], "refuse, impute"),
        ([*options, f"out={folder}/predictions.parquet"], "is a file of the run itself"),
        ([*options, "modl=ridge"], "is not an option of g2p predict"),
        ([*options, "data.seed=1"], "has none of the model's"),
        ([*options, "data.locy=3"], "data.loci"),
    ):
        monkeypatch.setattr("sys.argv", ["predict", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        shown = capsys.readouterr().err
        assert ended.value.code == 1 and message in shown and "Traceback" not in shown


@pytest.mark.slow
def test_a_table_of_genotypes_alone_its_alleles_the_other_way_round(tmp_path):
    """Trained on one table; another has the loci in another order, one flipped, one missing."""
    rng = np.random.default_rng(0)
    calls = rng.integers(0, 3, (80, 6))
    ids = [f"m{i}" for i in range(6)]
    strains = [f"s{i}" for i in range(80)]
    growth = calls @ [1.0, -2, 0, 0.5, 1, 3] + 10
    folder = tmp_path / "data" / "table"
    folder.mkdir(parents=True)
    write = pyarrow.csv.write_csv
    write(pa.table({"strain": strains, **dict(zip(ids, calls.T, strict=True))}),
          folder / "genotypes.csv")  # fmt: skip
    write(pa.table({"strain": strains, "growth": growth}), folder / "phenotypes.csv")
    positions = {"id": ids, "chromosome": ["1"] * 6, "position": range(6)}
    write(
        pa.table({**positions, "allele_0": ["A"] * 6, "allele_1": ["C"] * 6}), tmp_path / "loci.csv"
    )
    flipped = ["C" if name == "m1" else "A" for name in ids]
    other = ["A" if name == "m1" else "C" for name in ids]
    write(pa.table({**positions, "allele_0": flipped, "allele_1": other}), tmp_path / "other.csv")
    changed = calls.copy()
    changed[:, 1] = 2 - changed[:, 1]
    remaining = [5, 1, 0, 3, 4]
    new = {ids[i]: changed[:, i] for i in remaining}
    write(pa.table({"strain": strains, **new}), tmp_path / "new.csv")

    options = [
        "data=table",
        "data.coding=0/1/2",
        f"paths.data={tmp_path / 'data'}",
        *paths(tmp_path),
    ]
    loci = f"data.loci={tmp_path / 'loci.csv'}"
    run_folder = run(
        compose(*options, loci, "model=ridge", "logger=none", "data.max_correlation=null")
    )
    first = command(f"run={run_folder}", *options, loci, "out=own.csv", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    arguments = [
        f"run={run_folder}", *options, f"data.path={tmp_path / 'new.csv'}", "data.phenotypes=null",
        f"data.loci={tmp_path / 'other.csv'}", "out=there.csv",
    ]  # fmt: skip
    refused = command(*arguments, cwd=tmp_path)
    assert refused.returncode == 1
    assert "lacks 1 of the model's 6 loci (m2)" in " ".join(refused.stderr.split())
    done = command(*arguments, "missing_loci=impute", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    before, after = predicted(tmp_path / "own.csv"), predicted(tmp_path / "there.csv")
    # m2 has no effect: what is imputed there hardly matters; all else is found the right way round.
    assert all(after[key] == pytest.approx(before[key], abs=0.2) for key in before)
    assert np.std(list(before.values())) > 2
    refused = command(*options[:1], "run=x", cwd=tmp_path)
    assert "run=x does not exist" in refused.stderr

    # The same loci in the same positions, each under the name of the next.
    shifted = {**positions, "id": [*ids[1:], ids[0]]}
    write(pa.table(shifted), tmp_path / "shifted.csv")
    write(pa.table({"strain": strains, **dict(zip(shifted["id"], calls.T, strict=True))}),
          tmp_path / "renamed.csv")  # fmt: skip
    arguments = [
        f"run={run_folder.name}", *options, f"data.path={tmp_path / 'renamed.csv'}",
        f"data.loci={tmp_path / 'shifted.csv'}", "out=names.csv",
    ]  # fmt: skip
    refused = command(*arguments, cwd=tmp_path)
    assert refused.returncode == 1 and not (tmp_path / "names.csv").exists()
    assert "6 of the 6 loci matched by name have another position" in refused.stderr
    assert "m0 is at 1:5, the model's at 1:0" in refused.stderr
    source = (tmp_path / "shifted.csv").read_bytes()
    refused = command(*arguments[:-1], "match=place", "out=shifted.csv", cwd=tmp_path)
    assert (
        refused.stderr
        == "error: out=shifted.csv is an input of this command. Set out= to another file.\n"
    )
    assert (tmp_path / "shifted.csv").read_bytes() == source
    done = command(*arguments[:-1], "match=place", "out=places.csv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert predicted(tmp_path / "places.csv") == pytest.approx(before)


def test_a_disk_that_takes_no_more(tmp_path):
    config = compose(*SMALL_RIDGE, "phenotype=cu", *paths(tmp_path))
    folder, out = run(config), tmp_path / "out.csv"
    options = {"missing_loci": "refuse", "accelerator": "cpu"}
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limit[1]))
    try:
        with pytest.raises(G2PError) as error:
            write_predictions(folder, config["data"], tmp_path / "cache", out=out, **options)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert f"{out} cannot be written (File too large). Make room, or set out=" in str(error.value)
    assert not list(tmp_path.glob("*out.csv*"))


def test_the_one_named_allele_of_a_monomorphic_locus_decides():
    """plink writes no second allele where no strain has it."""
    one = {"id": ["a"], "chromosome": ["1"], "position": [5]}
    model = {**one, "allele_0": ["A"], "allele_1": ["G"]}
    for low, high, flipped in (("A", None, False), (None, "A", True), ("G", None, True),
                               (None, "G", False), (None, None, False)):  # fmt: skip
        half = {**model, "allele_1": [None]}  # the model knows A alone
        there = pa.table({**one, "allele_0": pa.array([low], pa.string()),
                          "allele_1": pa.array([high], pa.string())})  # fmt: skip
        assert harmonize(model, there, missing="refuse").flipped.tolist() == [flipped]
        if "A" in (low, high):
            assert harmonize(half, there, missing="refuse").flipped.tolist() == [flipped]
    strange = pa.table({**one, "allele_0": ["T"], "allele_1": pa.array([None], pa.string())})
    with pytest.raises(G2PError, match="has the alleles T, unknown here.*never saw T"):
        harmonize(model, strange, missing="refuse")


def test_an_unknown_position_matches_nothing():
    model = {"id": ["a", "b"], "chromosome": ["unknown"] * 2, "position": [1, 2]}
    with pytest.raises(G2PError, match=r"lacks 1 of the model's 2 loci \(b\)"):
        harmonize(model, pa.table({**model, "id": ["a", "x"]}), missing="refuse")
    mapped = {"id": ["a", "b", "c"], "chromosome": ["1"] * 3, "position": [1, 2, 3]}
    twice = pa.table({"id": ["b", "c"], "chromosome": ["1"] * 2, "position": [1, 3]})
    with pytest.raises(G2PError, match=r"lacks 1 of the model's 3 loci \(a\)"):
        harmonize(mapped, twice, missing="refuse")  # place 1 is b's, which was found by name


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_several_loci_at_one_position_the_alleles_decide(order):
    """As a record of three alleles has them, once for each but the first."""
    position = {"chromosome": ["1"] * 2, "position": [100] * 2, "allele_0": ["A", "A"]}
    model = {**position, "id": ["m1", "m2"], "allele_1": ["G", "AT"]}
    there = pa.table({**position, "id": ["p1", "p2"], "allele_1": ["G", "AT"]}).take(list(order))
    match = harmonize(model, there, missing="refuse")
    assert match.columns.tolist() == list(order) and match.by_position == 2
    unknown = {key: model[key] for key in ("id", "chromosome", "position")}
    blind = harmonize(unknown, there, missing="refuse")
    assert blind.columns.tolist() == [0, 1]
    assert (match.unverified_alleles, blind.unverified_alleles) == (0, 2)
    neither = harmonize(unknown, there.select([*unknown]), missing="refuse")
    assert neither.unverified_alleles == 0
