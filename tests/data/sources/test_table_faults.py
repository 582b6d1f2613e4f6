"""Tables with every fault: each is named, with its line and column, and none leaves a store."""

import gzip
import logging

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from g2p.core.errors import G2PError
from g2p.data import load_panel
from tests.helpers.configs import compose
from tests.helpers.table_files import GENO, LOCI, PHENO, read_from, write


@pytest.mark.parametrize(
    ("geno", "options", "message"),
    [
        (GENO.replace("C,0", "C,2"), {},
         "geno.csv, line 4, column m1: 2 does not fit data.coding=-1/0/1; it would fit 0/1/2"),
        (GENO, {"coding": "0/1/2"}, "line 2, column m1: -1 does not fit .* would fit -1/0/1"),
        (GENO.replace("C,0", "C,0.5"), {}, "0.5 does not fit .*; it would fit probability"),
        (GENO.replace("C,0", "C,7"), {}, "7 does not fit .*; it would fit none of -1/0/1"),
        (GENO, {"coding": "probability"}, "line 2, column m1: -1 does not fit"),
        (GENO.replace("C,0", "C,AT"), {}, "line 4, column m1: 'AT' is not a number"),
        (GENO.replace("C,0", "C,inf"), {}, "line 4, column m1: 'inf' is not a number"),
        ("", {}, "geno.csv is empty"),
        ("strain,m1\n", {}, "geno.csv has a header and no rows"),
        ("strain,m1\nA,\nB,NA\n", {"coding": None}, "data.coding: .*geno.csv has no number;"),
        (GENO.replace(",", "\t"), {}, "line 1: expected a comma-separated header"),
        (GENO.replace("C,0", "C"), {}, "geno.csv, line 4: 3 cells, expected 4"),
        (GENO.replace("C,", "A,"), {}, "lines 2 and 4: the strain 'A' appears more than once"),
        (GENO.replace("C,", ","), {}, "line 4, column strain: the strain has no name"),
        (GENO.replace("m3", "m1"), {}, "columns appear more than once: m1"),
        (GENO.replace("A,", "X,"), {}, r"1 have no phenotypes \(X\), 1 have no genotypes \(A\).*"
         "data.strains=shared"),
        (GENO, {"orientation": "loci_by_strains"}, "data.orientation=loci_by_strains: the strains"),
        (GENO.replace("A,", "X,").replace("B,", "Y,").replace("C,", "Z,"), {"strains": "shared"},
         "No strain is in both: compare their names, such as 'X' .* and 'C'"),
        (GENO, {"facts": []}, None),
        (GENO, {"facts": ["Fold"]}, "has no column 'Fold'. Did you mean 'fold'"),
        (GENO, {"path": "no.csv"}, "data.path: .*no.csv does not exist. Set data.path to a CSV"),
        (GENO, {"phenotypes": "no.csv"}, "data.phenotypes: the file .*no.csv does not exist. Set"),
        (GENO, {"loci": "no.csv"}, "data.loci: the file .*no.csv does not exist. Set .* or null"),
        (GENO, {"path": "geno.xls"}, "geno.xls: a table's name must end in .csv"),
        (GENO, {"path": "geno.parquet"}, "geno.parquet cannot be read as Parquet"),
        (gzip.compress(GENO.encode(), mtime=0), {}, "geno.csv is not text"),
        (GENO.replace("C,", "C\0,"), {}, r"geno.csv, line 4: the strain 'C.x00' has a .* U.0000"),
        (GENO.replace("m2", "m\x1b[31m2"), {}, "geno.csv, line 1: the name 'm.*' has a control"),
    ],
)  # fmt: skip
def test_faults_are_named_and_leave_no_store(tmp_path, geno, options, message):
    write(tmp_path, geno)
    for name in ("geno.xls", "geno.parquet"):
        (tmp_path / name).write_text(GENO)
    if message is None:
        assert read_from(tmp_path, **options)[0].phenotype_names == ["YPD", "fold", "Copper"]
        return
    with pytest.raises(G2PError, match=message) as error:
        read_from(tmp_path, **options)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.rglob("*.arrow"))


@pytest.mark.parametrize(
    ("loci", "message"),
    [
        (LOCI.replace("position", "bp"), "loci.csv has no column position; a locus table has"),
        (LOCI.replace("allele_1", "alt"), "has no column allele_1"),
        (LOCI.replace("m3", "m4"), r"loci.csv lacks 1 of the 3 loci of .*geno.csv \(m3\)"),
        (LOCI.replace("other", "m3"), "lines 3 and 4: the locus 'm3' appears more than once"),
        (LOCI.replace("m3,10", "m3,1.5"), "line 3, column position: 1.5 is not a position"),
        (LOCI.replace("m3,10", "m3,"), "line 3, column position: nan is not a position"),
        (
            LOCI.replace("m3,10", "m3,9223372036854775808"),
            r"line 3, column position: 9.22337e.18 is not a"
            " position; expected a whole number of base pairs from 0 to 9223372036854775807",
        ),
        (
            LOCI.replace("m3,10", "m3," + "9" * 400),
            "line 3, column position: '999.*' is not a num",
        ),
        (
            LOCI.replace("chr2", "chr\x7f2"),
            "loci.csv, line 2: the chromosome 'chr.x7f2' has",
        ),
        (LOCI.replace("m3,10", "m3,x"), "line 3, column position: 'x' is not a number"),
        (LOCI.replace("10,chr1", "10,"), "line 3, column chromosome: the chromosome is missing"),
    ],
)
def test_faults_of_the_locus_table(tmp_path, loci, message):
    with pytest.raises(G2PError, match=message):
        read_from(write(tmp_path, loci=loci), loci="loci.csv")
    assert not list(tmp_path.rglob("*.arrow"))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"m1": [0, 1, 1], "strain": ["A", "B", "C"]}, "rows 2 and 3: the strain '1' appears"),
        ({"m1": [0.5, 1, 1], "strain": ["A", "B", "C"]}, "column m1: strain names .* found double"),
        ({"strain": ["A", "B", None], "m1": [0, 1, 1]}, "row 3, column strain: the strain has no"),
        ({"strain": ["A", "B", "C"], "m1": [0, 3, 1]}, "row 2, column m1: 3 does not fit"),
        (
            {"strain": ["A", "B", "C"], "m1": [True, True, False]},
            "column m1: numbers .* found bool",
        ),
        ({"strain": ["A", "B", "C"], "m1": [0.0, 1.0, float("inf")]}, "row 3, column m1: inf is"),
        ({"strain": ["A", "B", "C"]}, "has 3 rows and 1 columns"),
        ({"strain": [], "m1": []}, "has 0 rows and 2 columns"),
    ],
)
def test_faults_of_a_parquet_file(tmp_path, columns, message):
    write(tmp_path)
    pq.write_table(pa.table(columns), tmp_path / "geno.parquet")
    with pytest.raises(G2PError, match=message):
        read_from(tmp_path, path="geno.parquet")
    assert not list(tmp_path.rglob("*.arrow"))


def test_a_truncated_parquet_file(tmp_path):
    write(tmp_path)
    pq.write_table(pa.table({"strain": ["A", "B", "C"], "m1": [0, 1, 1]}), tmp_path / "g.parquet")
    (tmp_path / "g.parquet").write_bytes((tmp_path / "g.parquet").read_bytes()[:-20])
    with pytest.raises(G2PError, match="g.parquet cannot be read as Parquet"):
        read_from(tmp_path, path="g.parquet")


FIT = {
    (-1, 0, 1): "-1/0/1",
    (0, 1): "-1/0/1 or 0/1/2 or 0/1 or probability",
    (0, 1, 2): "0/1/2",
    (-1, 1): "-1/0/1",
    (0, 0.5, 1): "probability",
    (1, 3): "none",
}


@settings(deadline=None, max_examples=20)
@given(numbers=st.sampled_from(list(FIT)), n_loci=st.integers(1, 6), seed=st.integers(0, 99))
def test_what_numbers_mean_has_no_default(tmp_path_factory, numbers, n_loci, seed):
    """0 and 1 would be a heterozygote and one homozygote, or two homozygotes."""
    folder = tmp_path_factory.mktemp("table")
    drawn = np.random.default_rng(seed).permutation(np.resize(numbers, (3 * n_loci + 6) // 3 * 3))
    rows = [["A", "B", "C"], *drawn.reshape(-1, 3).tolist()]
    text = "\n".join(",".join(map(str, row)) for row in zip(*rows, strict=True))
    header = ",".join(["strain", *(f"m{i}" for i in range(len(rows) - 1))])
    write(folder, f"{header}\n{text}\n", PHENO)
    with pytest.raises(G2PError) as error:
        read_from(folder, coding=None)
    message, file = str(error.value), folder / "geno.csv"
    assert message.startswith(
        f"data.coding: set the meaning of the numbers in {file}: -1/0/1 (calls"
    )
    assert message.endswith(f"{', '.join(f'{n:g}' for n in numbers)}, fit {FIT[numbers]}.")


def test_the_command_line_must_set_a_coding(tmp_path):
    write(tmp_path)
    files = [f"data.path={tmp_path / 'geno.csv'}", f"data.phenotypes={tmp_path / 'pheno.csv'}"]
    with pytest.raises(G2PError, match="Its numbers, -1, 0, 1, fit -1/0/1."):
        load_panel(compose("data=table", *files)["data"], tmp_path / "cache")


def test_alleles_under_a_coding_of_diploids_are_warned_of(tmp_path, caplog):
    both = "strain,m1,m2\nA,0,1\nB,1,0\nC,1,1\n"
    for coding, never in (("-1/0/1", "-1"), ("0/1/2", "2")):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            read_from(write(tmp_path, both), coding=coding)
        assert f"data.coding={coding}, but no {never} occurs in it" in caplog.text
    caplog.clear()
    read_from(write(tmp_path, both), coding="0/1")
    read_from(write(tmp_path, GENO))
    assert not caplog.records
