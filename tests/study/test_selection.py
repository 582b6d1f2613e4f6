"""A factor's value that is selected on validation: which run counts, in the table and after it."""

from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from g2p.core.errors import G2PError
from g2p.stats.compare import compare
from g2p.study.collect import collect
from g2p.study.expand import resolve
from g2p.study.scored import scored_rows
from g2p.study.selection import mark_selected
from tests.helpers.configs import SMALL_RIDGE, paths
from tests.helpers.studies import plan_study

RATES = (1e-4, 1e-3, 1e-2)
STATES = st.sampled_from(("done", "done", "done", "failed", "pending", "running"))


@st.composite
def tables(draw) -> list[dict]:
    """Two arms, two seeds, three rates, two phenotypes; not every rate is there."""
    rows = []
    for arm in "ab":
        for seed in (0, 1):
            for rate in draw(st.lists(st.sampled_from(RATES), min_size=1, unique=True)):
                status = draw(STATES)
                for phenotype in "pq":
                    for split in ("val", "test"):
                        r2 = draw(st.sampled_from((0.1, 0.2, 0.3, None, float("nan"))))
                        rows.append({
                            "arm": arm, "rate": rate, "seed": seed, "phenotype": phenotype,
                            "split": split, "status": status, "signature": f"{arm}{seed}{rate}",
                            "r2": r2 if status == "done" else None,
                        })  # fmt: skip
    return rows


@given(tables())
def test_one_run_of_each_arm_and_seed_counts(rows):
    """Open while one has not ended; then the best on validation, whatever test strains say."""
    mark_selected(rows, ["arm", "rate", "seed"], ["rate"])
    for arm, seed in {(row["arm"], row["seed"]) for row in rows}:
        of_slot = [row for row in rows if (row["arm"], row["seed"]) == (arm, seed)]
        (rate,) = {row["rate"] for row in of_slot if row["selected"]}
        assert all(row["selected"] == (row["rate"] == rate) for row in of_slot)
        (status,) = {row["status"] for row in of_slot if row["rate"] == rate}
        by_rate = {}
        for row in of_slot:
            if row["split"] == "val" and row["r2"] is not None and row["r2"] == row["r2"]:
                by_rate.setdefault(row["rate"], []).append(row["r2"])
        if any(row["status"] in ("pending", "running") for row in of_slot):
            assert status in ("pending", "running")
        elif by_rate:
            assert fmean(by_rate[rate]) == pytest.approx(max(map(fmean, by_rate.values())))


@given(tables())
def test_without_a_selection_every_run_counts(rows):
    mark_selected(rows, ["arm", "rate", "seed"], [])
    assert all(row["selected"] for row in rows)


SPEC = {
    "factors": {"model.num_layers": [1, 2], "optim.lr": [*RATES]}, "phenotypes": ["cu"],
    "seeds": [0, 1, 2], "seed_keys": ["split.seed"], "select": {"optim.lr": "validation"},
    "compare": "ladder",
}  # fmt: skip


def test_a_comparison_pairs_the_selected_runs(tmp_path):
    """With a rate of its own for each arm and seed, and one value of R2 for each of them."""
    study = plan_study(**SPEC)
    runs = resolve(study, [*SMALL_RIDGE[:2], *paths(tmp_path), "logger=none"])
    assert len(runs) == 2 * 3 * 3
    for run in runs:
        assert run.config.split.seed == run.config.seed == run.factors["seed"]
    best = {(layers, seed): RATES[(layers + seed) % 3] for layers in (1, 2) for seed in range(3)}
    rows = collect(tmp_path / "study", runs, study.select).to_pylist()
    for row in rows:
        layers, seed, rate = row["model.num_layers"], row["seed"], row["optim.lr"]
        is_best = rate == best[layers, seed]
        r2 = 0.5 + 0.1 * is_best if row["split"] == "val" else layers / 10 + 0.3 * (not is_best)
        row |= {"status": "done", "r2": r2, "n": 36, "n_train": 173}
    mark_selected(rows, ["model", "model.num_layers", "optim.lr", "seed"], study.select)
    table = collect(tmp_path / "study", runs, study.select)
    scored = scored_rows(table.from_pylist(rows, table.schema), runs)
    assert scored.num_rows == 2 * 3 * 2
    (effect,) = compare(scored, study.comparisons)
    assert effect.mean == pytest.approx(0.1) and effect.pairs == effect.splits == 3


def test_a_part_has_the_seeds_of_the_command_line():
    study = plan_study(seeds_of_part=[7], **SPEC)
    assert {point.factors["seed"] for point in study.points} == {7}
    assert {point.overrides["split.seed"] for point in study.points} == {7}


@pytest.mark.parametrize(
    ("select", "message"),
    [
        ({"optim.lr": "test"}, "select.optim.lr must be validation or first_seed, not 'test'"),
        ({"optim.rl": "validation"}, "select names optim.rl.*Did you mean 'optim.lr'"),
        ({"model.num_layers": "validation"}, "factors other than model.num_layers, phenotypes"),
        ({"seed": "validation"}, "other than .* seed"),
    ],
)
def test_a_selection_that_cannot_be_is_refused(select, message):
    with pytest.raises(G2PError, match=message):
        plan_study(**SPEC | {"select": select})


def test_a_size_replaces_factors_of_the_same_name_and_adds_others():
    study = plan_study(
        "laptop",
        factors={"x": [1, 2], "y": [3]},
        sizes={"laptop": {"factors": {"x": [5], "z": [6]}}},
    )
    assert [point.factors for point in study.points] == [{"x": 5, "y": 3, "z": 6, "seed": 0}]
