"""Tables of the user: in every format, orientation and coding."""

import gzip

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from g2p.core.errors import G2PError
from g2p.data import load_panel
from g2p.data.sources.table import CALLS, PROBABILITY
from g2p.data.sources.tabular import open_table
from tests.helpers.configs import compose
from tests.helpers.table_files import GENO, LOCI, PHENO, read_from, write


def test_small_files(tmp_path):
    panel, _ = read_from(write(tmp_path))
    assert panel.strains == ["A", "B", "C"]
    assert panel.genotypes.dtype == np.int8
    assert panel.genotypes.tolist() == [[-1, 0, 1], [1, -128, -128], [0, 1, -1]]
    assert panel.phenotype_names == ["YPD", "Copper"]
    np.testing.assert_array_equal(panel.phenotypes, [[0.1, np.nan], [-2, 5], [3, np.nan]])
    assert panel.strain_table.to_pydict() == {"fold": ["1", "0", "0"]}
    assert panel.loci.to_pydict() == {
        "id": ["m1", "m2", "m3"],
        "chromosome": ["unknown"] * 3,
        "position": [0, 1, 2],
    }


def test_a_locus_table_puts_loci_into_genome_order(tmp_path):
    panel, _ = read_from(write(tmp_path, loci=LOCI), loci="loci.csv")
    assert panel.loci.to_pydict() == {
        "id": ["m3", "m2", "m1"],
        "chromosome": ["chr1", "chr2", "chr10"],
        "position": [10, 3, 7],
        "allele_0": ["A", "T", "G"],
        "allele_1": ["C", None, "A"],
    }
    assert panel.genotypes.tolist() == [[1, 0, -1], [-128, -128, 1], [-1, 1, 0]]


def test_positions_are_read_to_the_last_digit(tmp_path):
    """Also those that a float would round."""
    loci = LOCI.replace("m3,10", f"m3,{2**63 - 1}").replace("other,1", f"m4,{2**63 - 2}")
    loci = loci.replace("m1,7,chr10", "m1,1e6,chr1").replace("m2,3,chr2", "m2,5.0,chr1")
    geno = GENO.replace("m3\n", "m3,m4\n").replace("1\n", "1,0\n").replace("NA\n", "NA,0\n")
    panel, _ = read_from(write(tmp_path, geno, loci=loci), loci="loci.csv")
    assert panel.loci["id"].to_pylist() == ["m2", "m1", "m4", "m3"]
    assert panel.loci["position"].to_pylist() == [5, 10**6, 2**63 - 2, 2**63 - 1]


def test_quotes_windows_line_ends_and_byte_order_marks(tmp_path):
    """As R and Excel write them."""
    plain, _ = read_from(write(tmp_path))
    geno = '"","m1","m2","m3"\n' + "".join(
        '"{}",{}\n'.format(*line.split(",", 1)) for line in GENO.splitlines()[1:]
    )
    loci = LOCI.replace("chr2", '"chr2"').replace("\n", "\r\n")
    write(tmp_path / "r", geno, PHENO.replace("YPD", '"YPD, 30C"'), "\ufeff" + loci)
    other, _ = read_from(tmp_path / "r", loci="loci.csv")
    assert other.strains == plain.strains
    assert other.phenotype_names == ["YPD, 30C", "Copper"]
    np.testing.assert_array_equal(other.genotypes, plain.genotypes[:, [2, 1, 0]])


ENDS = (".csv", ".csv.gz", ".tsv", ".txt.gz", ".parquet")


def save(table, folder, stem, end):
    """A table of text or numbers, by Arrow's own writers; the file's name."""
    file = folder / f"{stem}{end}"
    if end == ".parquet":
        pq.write_table(table, file)
        return file.name
    sink = pa.BufferOutputStream()
    options = pc.WriteOptions(delimiter="," if "csv" in end else "\t", quoting_style="none")
    pc.write_csv(table, sink, options)
    content = sink.getvalue().to_pybytes()
    file.write_bytes(gzip.compress(content, mtime=0) if end.endswith(".gz") else content)
    return file.name


@settings(max_examples=40, deadline=None)
@given(
    n_strains=st.integers(1, 6),
    n_loci=st.integers(1, 6),
    seed=st.integers(0, 2**32 - 1),
    coding=st.sampled_from([*CALLS, PROBABILITY]),
    ends=st.tuples(*[st.sampled_from(ENDS)] * 3),
    turned=st.booleans(),
    typed=st.booleans(),
)
def test_every_format_orientation_and_coding(
    tmp_path_factory, n_strains, n_loci, seed, coding, ends, turned, typed
):
    """Against the calls that the numbers were made from, through Arrow's writers."""
    folder = tmp_path_factory.mktemp("table")
    rng = np.random.default_rng(seed)
    strains, loci = [f"S{i}" for i in range(n_strains)], [f"L{i}" for i in range(n_loci)]
    low, step = {"-1/0/1": (-1, 1), "0/1/2": (0, 1), "0/1": (0, 0.5), PROBABILITY: (0, 0.5)}[coding]
    calls = rng.choice([-1, 1] if coding == "0/1" else [-1, 0, 1], (n_strains, n_loci))
    numbers = low + step * (calls + 1)
    gaps = rng.random(calls.shape) < 0.2

    names, heads, cells, holes = strains, loci, numbers, gaps
    if turned:
        names, heads, cells, holes = loci, strains, numbers.T, gaps.T
    columns = {"name": names}
    for j, head in enumerate(heads):
        column = pa.array(cells[:, j], mask=holes[:, j])
        if not typed and coding != PROBABILITY:
            column = column.cast(pa.int8()).cast(pa.string())
        columns[head] = column
    shuffled = rng.permutation(n_strains)
    values = rng.standard_normal(n_strains)
    positions = rng.permutation(n_loci)
    panel, _ = read_from(
        folder,
        path=save(pa.table(columns), folder, "geno", ends[0]),
        phenotypes=save(
            pa.table({"strain": [strains[i] for i in shuffled], "YPD": values[shuffled]}),
            folder, "pheno", ends[1],
        ),
        loci=save(
            pa.table({"id": loci, "chromosome": np.repeat(1, n_loci), "position": positions}),
            folder, "loci", ends[2],
        ),
        coding=coding,
        orientation="loci_by_strains" if turned else "strains_by_loci",
        facts=[],
        optional_facts=[],
    )  # fmt: skip
    order = np.argsort(positions)
    assert panel.genotypes.dtype == (np.float32 if coding == PROBABILITY else np.int8)
    gap = np.nan if coding == PROBABILITY else -128
    np.testing.assert_array_equal(panel.genotypes, np.where(gaps, gap, calls)[:, order])
    np.testing.assert_array_equal(panel.phenotypes[:, 0], values)
    assert panel.strains == strains
    assert panel.loci["id"].to_pylist() == [loci[i] for i in order]


def test_columns_of_standard_errors(tmp_path):
    """Of a phenotype that is there; listed in data.facts it is a fact; what else ends so is not."""
    pheno = "strain,a_se,a,b,fold,fold_se,b_se_se\nA,0.5,1,2,x,3,4\nB,,5,6,y,7,8\nC,0,9,1,z,2,3\n"
    panel, _ = read_from(write(tmp_path, pheno=pheno))
    assert panel.phenotype_names == ["a", "b", "fold_se", "b_se_se"]
    np.testing.assert_array_equal(
        panel.standard_errors, [[error, *[np.nan] * 3] for error in (0.5, np.nan, 0)]
    )
    panel, _ = read_from(write(tmp_path, pheno=pheno), facts=["fold", "a_se"])
    assert panel.phenotype_names == ["a", "b", "fold_se", "b_se_se"]
    assert panel.standard_errors is None and "a_se" in panel.strain_table.column_names
    with pytest.raises(G2PError, match="line 2, column a_se: -1 is no standard error"):
        read_from(write(tmp_path, pheno=pheno.replace("0.5", "-1")))


@settings(deadline=None, max_examples=20)
@given(base=st.sampled_from(["a", "_se", "a_se"]), depth=st.integers(1, 4), data=st.data())
def test_an_error_has_no_error(tmp_path_factory, base, depth, data):
    """Of a, a_se, a_se_se, ... in any order, each second one is the error of the one before."""
    columns = [f"{base}{'_se' * i}" for i in range(depth + 1)]
    shuffled = data.draw(st.permutations(columns))
    pheno = "\n".join(["strain," + ",".join(shuffled), *(
        f"{strain}," + ",".join(str(columns.index(name)) for name in shuffled) for strain in "ABC"
    )])  # fmt: skip
    panel, _ = read_from(write(tmp_path_factory.mktemp("t"), pheno=pheno), facts=[])
    expected = {name: columns[2 * i + 1 : 2 * i + 2] for i, name in enumerate(columns[::2])}
    assert set(panel.phenotype_names) == set(expected)
    for p, name in enumerate(panel.phenotype_names):
        error = float(columns.index(expected[name][0])) if expected[name] else np.nan
        np.testing.assert_array_equal(panel.standard_errors[:, p], [error] * 3)


def test_probabilities_become_twice_as_wide(tmp_path):
    write(tmp_path, "strain,m1\nA,0\nB,0.25\nC,1\n")
    panel, _ = read_from(tmp_path, coding="probability")
    assert panel.genotypes.tolist() == [[-1], [-0.5], [1]]


def test_options_of_the_command_line(tmp_path):
    write(tmp_path, GENO.replace("-1", "2"), loci=LOCI)
    options = compose(
        "data=table", f"data.path={tmp_path / 'geno.csv'}", "data.coding=0/1/2",
        f"data.phenotypes={tmp_path / 'pheno.csv'}", f"data.loci={tmp_path / 'loci.csv'}",
    )["data"]  # fmt: skip
    panel, fingerprint = load_panel(options, tmp_path / "cache")
    assert panel.phenotype_names == ["YPD", "fold", "Copper"]
    assert panel.genotypes.tolist() == [[0, -1, 1], [-128, -128, 0], [1, 0, -1]]
    assert load_panel(options, tmp_path / "cache")[1] == fingerprint


def test_what_changes_the_panel_changes_the_fingerprint(tmp_path):
    write(tmp_path, "strain,A,B\nA,0,1\nB,1,1\n", "strain,YPD,fold\nA,1,0\nB,2,1\n", LOCI)
    (tmp_path / "loci.csv").write_text("id,chromosome,position\nA,c,1\nB,c,2\n")
    changes = [
        {}, {"coding": "0/1/2"}, {"coding": "0/1"}, {"coding": "probability"}, {"facts": []},
        {"orientation": "loci_by_strains"}, {"strains": "shared"}, {"loci": "loci.csv"},
    ]  # fmt: skip
    assert len({read_from(tmp_path, **options)[1] for options in changes}) == len(changes)


def test_shared_strains(tmp_path):
    write(tmp_path, pheno=PHENO.replace("\nB", "\nD"))
    panel, _ = read_from(tmp_path, strains="shared")
    assert panel.strains == ["A", "C"]
    assert panel.genotypes.tolist() == [[-1, 0, 1], [0, 1, -1]]
    assert panel.phenotypes[:, 0].tolist() == [0.1, 3]


def test_categories_are_what_they_stand_for(tmp_path):
    names = pa.array(["A", "B", "A"]).dictionary_encode()
    pq.write_table(pa.table({"x": [1, 2, 3], "fold": names}), tmp_path / "t.parquet")
    table = open_table(tmp_path / "t.parquet")
    assert table.texts(1).to_pylist() == ["A", "B", "A"]
    assert table.numbers(0).tolist() == [1, 2, 3]
