"""Quality control against loops over the strains and loci."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from g2p.core.errors import G2PError
from g2p.data import split as splits
from g2p.data.panel import NO_CALL
from g2p.data.preprocess import prepare
from g2p.data.quality_control import clean, nearest_genotypes
from g2p.data.split import Split
from tests.helpers.panels import PREPARE, QUALITY, make_panel


def gappy(seed, n=40, n_loci=12, share=0.1, dtype=np.int8):
    """Genotypes with gaps, a locus that does not vary and a rare one."""
    rng = np.random.default_rng(seed)
    genotypes = rng.choice(np.array([-1, 1], dtype), (n, n_loci))
    genotypes[:, 2] = 1
    genotypes[:, 5] = -1
    genotypes[:2, 5] = 1
    genotypes[rng.random((n, n_loci)) < share] = NO_CALL if dtype == np.int8 else np.nan
    return genotypes


def split_of(n):
    rows = np.random.default_rng(1).permutation(n)
    return Split({"train": rows[: n // 2], "val": rows[n // 2 : -8], "test": rows[-8:]})


def table(n_loci, chromosomes=2):
    return pa.table({
        "id": [f"l{i}" for i in range(n_loci)],
        "chromosome": [f"c{i * chromosomes // n_loci}" for i in range(n_loci)],
        "position": [10 * i + i % 3 for i in range(n_loci)],
    })  # fmt: skip


def is_gap(value) -> bool:
    return value == NO_CALL or value != value


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 999), share=st.floats(0, 0.3), by_locus=st.sampled_from([0.0, 0.1, 0.3]),
    by_strain=st.sampled_from([0.1, 0.3, 1.0]), min_maf=st.sampled_from([0.0, 0.2]),
    dtype=st.sampled_from([np.int8, np.float32]),
)  # fmt: skip
def test_what_stays_is_what_a_loop_keeps(seed, share, by_locus, by_strain, min_maf, dtype):
    genotypes, split = gappy(seed, share=share, dtype=dtype), split_of(40)
    options = QUALITY | {
        "max_missing_locus": by_locus, "max_missing_strain": by_strain, "min_maf": min_maf,
    }  # fmt: skip
    strains = [i for i in range(40) if sum(map(is_gap, genotypes[i])) / 12 <= by_strain]
    train = [i for i in split["train"] if i in strains]
    loci = []
    for locus in range(12):
        calls = [float(genotypes[i, locus]) for i in train if not is_gap(genotypes[i, locus])]
        if not calls or 1 - len(calls) / len(train) > by_locus or len(set(calls)) == 1:
            continue
        p = sum(c > 0 for c in calls) / len(calls)
        if min(p, 1 - p) >= min_maf - 1e-9:  # 1 - 0.8 is a little less than 0.2
            loci.append(locus)
    left = [sum(i in strains for i in rows) for rows in split.values()]
    if not all(left) or not loci:
        with pytest.raises(G2PError, match="quality control leaves"):
            clean(genotypes, table(12), split, **options)
        return
    cleaned = clean(genotypes, table(12), split, **options)
    assert cleaned.loci.tolist() == loci
    for part, rows in split.items():
        assert cleaned.split[part].tolist() == [i for i in rows if i in strains]
        for i in cleaned.split[part]:
            for column, locus in zip(cleaned.columns, loci, strict=True):
                value, before = cleaned.genotypes[i, column], genotypes[i, locus]
                if is_gap(before):
                    calls = [genotypes[t, locus] for t in train if not is_gap(genotypes[t, locus])]
                    assert value == pytest.approx(np.mean(calls, dtype=float), abs=1e-6)
                else:
                    assert value == before


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 999), share=st.floats(0, 0.95))
def test_the_nearest_locus_of_the_chromosome_fills_a_gap(seed, share):
    genotypes = gappy(seed, n=6, share=share)
    loci = table(12, chromosomes=3)
    filled = nearest_genotypes(genotypes, genotypes == NO_CALL, loci)
    for strain in range(6):
        for i in range(12):
            candidates = [
                (abs(loci["position"][j].as_py() - loci["position"][i].as_py()), j)
                for j in range(12)
                if genotypes[strain, j] != NO_CALL
                and loci["chromosome"][j].as_py() == loci["chromosome"][i].as_py()
            ]
            expected = genotypes[strain, min(candidates)[1]] if candidates else NO_CALL
            assert filled[strain, i] == expected


def test_twins_are_distinguished_from_similar_strains():
    genotypes = gappy(0, share=0)
    genotypes[7] = genotypes[31]
    cleaned = clean(genotypes, table(12), split_of(40), **QUALITY | {"duplicates": "drop"})
    stayed = set(np.concatenate(list(cleaned.split.values())).tolist())
    twins = {i for i in range(40) if any((genotypes[i] == genotypes[j]).all() for j in range(i))}
    assert 31 in twins and stayed == set(range(40)) - twins
    assert any("the genotypes of an earlier" in line for line in cleaned.qc_log)


@pytest.mark.parametrize("n_loci", [12, 40])
def test_strains_that_were_measured_twice_are_named_where_a_split_parts_them(n_loci):
    genotypes = np.random.default_rng(0).choice([-1, 1], (40, n_loci)).astype(np.int8)
    split = split_of(40)
    assert clean(genotypes, table(n_loci), split, **QUALITY).qc_log == []
    test = split["test"]
    genotypes[test[:2]] = genotypes[split["train"][:2]]
    genotypes[test[2]] = genotypes[split["val"][0]]
    log = clean(genotypes, table(n_loci), split, **QUALITY).qc_log
    expected = f"warning: 2 of {len(test)} test strains have the genotypes of a training strain."
    assert [line[: len(expected)] for line in log] == ([expected] if n_loci == 40 else [])
    values = Split(
        dict.fromkeys(("train", "val", "test"), np.arange(40)), np.zeros((40, 1), np.int8)
    )
    assert clean(genotypes, table(n_loci), values, **QUALITY).qc_log == []


def test_nothing_of_test_or_validation_strains_reaches_quality_control():
    """Plant a leak: what the other strains hold changes neither loci nor what is filled in."""
    genotypes, split = gappy(3, share=0.05), split_of(40)
    other = genotypes.copy()
    outside = np.concatenate([split["val"], split["test"]])
    other[outside] = np.where(other[outside] == NO_CALL, NO_CALL, -other[outside])
    first, second = (clean(g, table(12), split, **QUALITY) for g in (genotypes, other))
    np.testing.assert_array_equal(first.loci, second.loci)
    np.testing.assert_array_equal(first.genotypes[split["train"]], second.genotypes[split["train"]])
    gaps = genotypes[outside][:, first.loci] == NO_CALL
    np.testing.assert_array_equal(first.genotypes[outside][gaps], second.genotypes[outside][gaps])


def test_a_panel_without_gaps_is_not_copied():
    panel = make_panel(40, 6, 1, phenotypes=np.random.default_rng(0).standard_normal((40, 1)))
    split = splits.random(panel, [0], seed=0, n_train=None, test_share=0.15)
    data = prepare(panel, split, [0], QUALITY | {"monomorphic": "keep"}, **PREPARE)
    assert np.shares_memory(data.genotypes, panel.genotypes) and data.qc_log == []


def test_refusing_to_fill_in():
    with pytest.raises(G2PError, match=r"are missing\. qc\.impute"):
        clean(gappy(0), table(12), split_of(40), **QUALITY | {"impute": "refuse"})


def test_what_is_outside_of_the_split_counts_for_nothing():
    """A strain whose twin is in no part stays, and a strain of several parts is counted once."""
    genotypes = gappy(0, share=0)
    genotypes[20:30] = genotypes[:10]
    rows_of_split = np.arange(10, 40)
    split = Split(
        {"train": rows_of_split[:15], "val": rows_of_split[15:20], "test": rows_of_split[20:]}
    )
    cleaned = clean(genotypes, table(12), split, **QUALITY | {"duplicates": "drop"})
    assert set(range(20, 30)) <= set(np.concatenate(list(cleaned.split.values())).tolist())
    genotypes[15, 3] = NO_CALL
    rows = np.arange(40)
    cells = Split({"train": rows, "val": rows, "test": rows}, np.zeros((40, 1), np.int8))
    qc_log = clean(genotypes, table(12), cells, **QUALITY).qc_log
    assert [line for line in qc_log if "filled in" in line][0].startswith("1 genotypes")
