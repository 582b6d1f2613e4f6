"""Names against positions: which loci of a panel match where the two contradict."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from g2p.core.errors import G2PError
from g2p.data.harmonize import harmonize
from g2p.data.locus_positions import comparable_positions, position_shift

N = 40
ROMAN = [
    "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII", "XIII", "XIV", "XV",
    "XVI",
]  # fmt: skip
SPELLINGS = {
    "chr01": lambda c: f"chr{c:02d}", "1": str, "Chr1": lambda c: f"Chr{c}",
    "chromosome_1": lambda c: f"chromosome_{c}", "I": lambda c: ROMAN[c - 1],
    "chrI": lambda c: f"chr{ROMAN[c - 1]}",
}  # fmt: skip


def table(seed=0, spelling="chr01", n=N) -> dict[str, list]:
    """Loci at random positions of yeast's sixteen chromosomes."""
    rng = np.random.default_rng(seed)
    chromosomes = np.sort(rng.integers(1, 17, n))
    positions = rng.choice(900_000, n, replace=False)
    return {
        "id": [f"m{i}" for i in range(n)],
        "chromosome": [SPELLINGS[spelling](c) for c in chromosomes],
        "position": positions.tolist(),
    }


def match_loci(model, panel, by="both", missing="refuse"):
    return harmonize(model, pa.table(panel), missing=missing, by=by)


def shifted(names: list[str], step: int) -> list[str]:
    return [*names[step:], *names[:step]]


@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 99), spelling=st.sampled_from(list(SPELLINGS)), step=st.integers(-1, 1),
    order=st.permutations(range(N)), renamed=st.sets(st.integers(0, N - 1)),
)  # fmt: skip
def test_loci_match_however_names_and_positions_are_written(seed, spelling, step, order, renamed):
    model, panel = table(seed), table(seed, spelling)
    panel["position"] = [position + step for position in panel["position"]]
    panel["id"] = [f"other{i}" if i in renamed else name for i, name in enumerate(panel["id"])]
    match = match_loci(model, {key: [values[i] for i in order] for key, values in panel.items()})
    assert [order[column] for column in match.columns] == list(range(N))
    assert (match.by_name, match.by_position) == (N - len(renamed), len(renamed))
    assert match.position_shift == step and match.position_conflicts[1] == 0


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 99), step=st.integers(1, N - 1), base=st.integers(-1, 1),
       gaps=st.booleans())  # fmt: skip
def test_names_that_belong_to_other_places_are_refused(seed, step, base, gaps):
    """Also where positions merely count, so that the next locus is one base pair away."""
    model = table(seed)
    if not gaps:
        model["chromosome"], model["position"] = ["1"] * N, list(range(1, N + 1))
        base = 0
    panel = {**model, "id": shifted(model["id"], step)}
    panel["position"] = [position + base for position in panel["position"]]
    with pytest.raises(G2PError, match="40 of the 40 loci matched by name have another position"):
        match_loci(model, panel)
    by_position = match_loci(model, panel, by="place")
    assert by_position.columns.tolist() == list(range(N))
    assert match_loci(model, panel, by="name").columns.tolist() == shifted(list(range(N)), -step)


def test_a_few_other_places_are_a_warning_most_are_refused():
    model = table()
    for wrong in (1, N // 2):
        panel = {**model, "id": shifted(model["id"][:wrong], 1) + model["id"][wrong:]}
        panel["position"] = [*(p + 5_000 for p in model["position"][:wrong]),
                             *model["position"][wrong:]]  # fmt: skip
        match = match_loci(model, panel)
        assert match.position_conflicts[1] == wrong and match.by_name == N
        assert "m0 is at" in match.position_conflicts[0]
    panel["position"] = [position + 5_000 for position in panel["position"]]
    with pytest.raises(G2PError, match="match=name uses the names alone"):
        match_loci(model, panel)


def test_another_assembly_is_taken_by_name_when_the_user_says_so():
    model = table()
    lifted = {**model, "position": [int(p * 1.01) + 37 for p in model["position"]]}
    with pytest.raises(G2PError, match="have another position"):
        match_loci(model, lifted)
    match = match_loci(model, lifted, by="name")
    assert match.columns.tolist() == list(range(N)) and match.by_name == N
    # By name alone: a place that is another locus's in that assembly is none of the model's.
    fewer = {key: [*values[:-1], values[-1]] for key, values in lifted.items()}
    fewer["id"][-1], fewer["position"][-1] = "new", model["position"][-1]
    with pytest.raises(G2PError, match=r"lacks 1 of the model's 40 loci \(m39\)"):
        match_loci(model, fewer, by="name")


def test_unknown_positions_contradict_nothing():
    model = table()
    for unknown in ({"chromosome": ["unknown"] * N, "position": list(range(N))},
                    {"chromosome": ["0"] * N, "position": [0] * N},
                    {"position": [0] * N}):  # fmt: skip
        names_only = {**model, **unknown}
        for one, other in ((model, names_only), (names_only, model)):
            match = match_loci(one, other)
            assert match.by_name == N and match.position_conflicts[1] == 0


def test_x_is_ten_where_the_count_shows_it():
    def chromosomes(*names):
        positions = range(1, len(names) + 1)
        return [
            position[0]
            for position in comparable_positions({"chromosome": names, "position": positions})
        ]

    assert chromosomes("IX", "X", "XI", "Mito") == ["9", "10", "11", "mito"]
    assert chromosomes("chrI", "chrV", "chrX") == ["1", "5", "x"]  # a worm's
    assert chromosomes("9", "10", "X") == ["9", "10", "x"]
    assert chromosomes("X") == ["x"]


def test_counting_from_one_is_no_other_assembly():
    model = [("1", p) for p in (10, 20, 30, 40)]
    assert position_shift(model, [("1", p + 1) for p in (10, 20, 30, 40)]) == 1
    assert position_shift(model, [("1", p - 1) for p in (20, 30)]) == -1
    assert position_shift(model, [("1", p + 2) for p in (10, 20, 30, 40)]) == 0
    assert position_shift(model, [("2", p + 1) for p in (10, 20, 30, 40)]) == 0
    counts = [("1", p) for p in range(40)]
    assert position_shift(counts, [("1", p + 1) for p in range(40)]) == 0
