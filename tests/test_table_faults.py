"""Tables with every fault: each is named, with its line and column, and none leaves a store."""

import gzip

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from g2p.errors import UserError
from tests.test_table import GENO, LOCI, read_from, write


@pytest.mark.parametrize(
    ("geno", "options", "said"),
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
        (GENO.replace(",", "\t"), {}, "line 1: expected a comma-separated header"),
        (GENO.replace("C,0", "C"), {}, "geno.csv, line 4: 3 cells, expected 4"),
        (GENO.replace("C,", "A,"), {}, "lines 2 and 4: the strain 'A' appears more than once"),
        (GENO.replace("C,", ","), {}, "line 4, column strain: the strain has no name"),
        (GENO.replace("m3", "m1"), {}, "columns appear more than once: m1"),
        (GENO.replace("A,", "X,"), {}, r"1 have no phenotypes \(X\), 1 have no genotypes \(A\).*"
         "data.strains=shared"),
        (GENO, {"orientation": "loci_by_strains"}, "data.orientation=loci_by_strains: the strains"),
        (GENO.replace("A,", "X,").replace("B,", "Y,").replace("C,", "Z,"), {"strains": "shared"},
         "No strain is in both: look at how they are named, as 'X' .* and 'C'"),
        (GENO, {"facts": []}, None),
        (GENO, {"facts": ["Fold"]}, "has no column 'Fold'. Did you mean 'fold'"),
        (GENO, {"path": "no.csv"}, "data.path: there is no file .*no.csv. Set data.path to a CSV"),
        (GENO, {"phenotypes": "no.csv"}, "data.phenotypes: there is no file .*no.csv. Set"),
        (GENO, {"loci": "no.csv"}, "data.loci: there is no file .*no.csv. Set .* or null"),
        (GENO, {"path": "geno.xls"}, "geno.xls: a table's name must end in .csv"),
        (GENO, {"path": "geno.parquet"}, "geno.parquet cannot be read as Parquet"),
        (gzip.compress(GENO.encode(), mtime=0), {}, "geno.csv is not text"),
    ],
)  # fmt: skip
def test_faults_are_named_and_leave_no_store(tmp_path, geno, options, said):
    write(tmp_path, geno)
    for name in ("geno.xls", "geno.parquet"):
        (tmp_path / name).write_text(GENO)
    if said is None:
        assert read_from(tmp_path, **options)[0].phenotype_names == ["YPD", "fold", "Copper"]
        return
    with pytest.raises(UserError, match=said) as error:
        read_from(tmp_path, **options)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.rglob("*.arrow"))


@pytest.mark.parametrize(
    ("loci", "said"),
    [
        (LOCI.replace("position", "bp"), "loci.csv has no column position; a locus table has"),
        (LOCI.replace("allele_1", "alt"), "has no column allele_1"),
        (LOCI.replace("m3", "m4"), r"loci.csv lacks 1 of the 3 loci of .*geno.csv \(m3\)"),
        (LOCI.replace("other", "m3"), "lines 3 and 4: the locus 'm3' appears more than once"),
        (LOCI.replace("m3,10", "m3,1.5"), "line 3, column position: 1.5 is no position"),
        (LOCI.replace("m3,10", "m3,"), "line 3, column position: nan is no position"),
        (LOCI.replace("m3,10", "m3,x"), "line 3, column position: 'x' is not a number"),
        (LOCI.replace("10,chr1", "10,"), "line 3, column chromosome: the chromosome is missing"),
    ],
)
def test_faults_of_the_locus_table(tmp_path, loci, said):
    with pytest.raises(UserError, match=said):
        read_from(write(tmp_path, loci=loci), loci="loci.csv")
    assert not list(tmp_path.rglob("*.arrow"))


@pytest.mark.parametrize(
    ("columns", "said"),
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
def test_faults_of_a_parquet_file(tmp_path, columns, said):
    write(tmp_path)
    pq.write_table(pa.table(columns), tmp_path / "geno.parquet")
    with pytest.raises(UserError, match=said):
        read_from(tmp_path, path="geno.parquet")
    assert not list(tmp_path.rglob("*.arrow"))


def test_a_truncated_parquet_file(tmp_path):
    write(tmp_path)
    pq.write_table(pa.table({"strain": ["A", "B", "C"], "m1": [0, 1, 1]}), tmp_path / "g.parquet")
    (tmp_path / "g.parquet").write_bytes((tmp_path / "g.parquet").read_bytes()[:-20])
    with pytest.raises(UserError, match="g.parquet cannot be read as Parquet"):
        read_from(tmp_path, path="g.parquet")
