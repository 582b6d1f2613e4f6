"""plink's files: against bed-reader's writer, a decoder of their two bits, and with every fault."""

import logging

import numpy as np
import pytest
from bed_reader import to_bed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from g2p.core.errors import G2PError
from g2p.data import load_panel
from g2p.data.sources.plink import read
from tests.helpers.configs import compose

BIM = """2 b 0 7 G T
10 a 0 5 A C
1 . 0 9 0 C
2 c 0 3 T G
"""
FAM = """F1 S1 0 0 0 1.5
F1 S2 0 0 0 -9
F2 S3 0 0 0 NA
"""
# Two bits a call, the first strain lowest: 00 two A1, 01 missing, 10 one, 11 none.
BED = b"\x6c\x1b\x01" + bytes([0b11_10_00, 0b01_00_11, 0b00_00_10, 0b10_01_11])
PHENO = "FID\tIID\tYPD\tbatch\nF1\tS2\t2\tx\nF1\tS1\t-9\ty\nF2\tS3\tNA\t\n"


def write(folder, bed=BED, bim=BIM, fam=FAM, pheno=None):
    folder.mkdir(exist_ok=True)
    for name, content in (("p.bed", bed), ("p.bim", bim), ("p.fam", fam), ("pheno.tsv", pheno)):
        if content is not None:
            content = content if isinstance(content, bytes) else content.encode()
            (folder / name).write_bytes(content)
    return folder


def read_from(folder, name="p", phenotypes=None, strains="same", facts=(), optional_facts=()):
    return read(
        folder=folder / "cache",
        path=folder / name,
        phenotypes=phenotypes and folder / phenotypes,
        strains=strains,
        facts=list(facts),
        optional_facts=list(optional_facts),
    )


@pytest.mark.parametrize("name", ["p", "p.bed"])
def test_small_files(tmp_path, name):
    panel, _ = read_from(write(tmp_path), name)
    assert panel.strains == ["S1", "S2", "S3"]
    assert panel.loci.to_pylist() == [
        {"id": "1:9:C:0", "chromosome": "1", "position": 9, "allele_0": "C", "allele_1": None},
        {"id": "c", "chromosome": "2", "position": 3, "allele_0": "G", "allele_1": "T"},
        {"id": "b", "chromosome": "2", "position": 7, "allele_0": "T", "allele_1": "G"},
        {"id": "a", "chromosome": "10", "position": 5, "allele_0": "C", "allele_1": "A"},
    ]
    assert panel.genotypes.dtype == np.int8
    assert panel.genotypes.tolist() == [[0, -1, 1, -1], [1, -128, 0, 1], [1, 0, -1, -128]]
    assert panel.phenotype_names == ["phenotype"]
    np.testing.assert_array_equal(panel.phenotypes, [[1.5], [np.nan], [np.nan]])
    assert panel.strain_table.to_pydict() == {"family": ["F1", "F1", "F2"]}


def decoded(content: bytes, n_strains: int, n_loci: int) -> np.ndarray:
    """plink's format page in numpy: (N, L) copies of A1, -1 where missing."""
    rows = np.frombuffer(content, np.uint8, offset=3).reshape(n_loci, -1)
    pairs = np.unpackbits(rows, axis=1, bitorder="little").reshape(n_loci, -1, 2)
    return np.array([[2, 1], [-1, 0]])[pairs[..., 0], pairs[..., 1]].T[:n_strains]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(n_strains=st.integers(1, 13), n_loci=st.integers(1, 9), seed=st.integers(0, 2**32 - 1))
def test_against_a_written_bed_and_a_decoder(tmp_path_factory, n_strains, n_loci, seed):
    folder = tmp_path_factory.mktemp("bed")
    rng = np.random.default_rng(seed)
    counts = rng.choice(np.array([0, 1, 2, -127], np.int8), (n_strains, n_loci))
    positions = rng.permutation(n_loci)
    properties = {
        "iid": [f"S{i}" for i in range(n_strains)],
        "sid": [f"L{i}" for i in range(n_loci)],
        "chromosome": [str(1 + position // 3) for position in positions],
        "bp_position": [int(position) for position in positions],
        "pheno": [str(i) for i in range(n_strains)],
    }
    to_bed(folder / "p.bed", counts, properties=properties)
    panel, _ = read_from(folder)
    order = np.argsort(positions)
    wanted = np.where(counts == -127, -128, counts - 1)[:, order]
    np.testing.assert_array_equal(panel.genotypes, wanted)
    copies = decoded((folder / "p.bed").read_bytes(), n_strains, n_loci)[:, order]
    np.testing.assert_array_equal(panel.genotypes, np.where(copies < 0, -128, copies - 1))
    assert panel.loci["id"].to_pylist() == [f"L{i}" for i in order]


def test_phenotypes_from_a_table_as_plink_writes_it(tmp_path):
    panel, _ = read_from(write(tmp_path, pheno=PHENO), phenotypes="pheno.tsv", facts=["batch"])
    assert panel.phenotype_names == ["YPD"]
    np.testing.assert_array_equal(panel.phenotypes, [[np.nan], [2], [np.nan]])
    assert panel.strain_table.to_pydict() == {
        "batch": ["y", "x", None],
        "family": ["F1", "F1", "F2"],
    }


def test_shared_strains_keep_their_rows(tmp_path, caplog):
    write(tmp_path, pheno="id\tYPD\nS3\t3\nS9\t9\nS1\t-9\n")
    with caplog.at_level(logging.WARNING):
        panel, _ = read_from(tmp_path, phenotypes="pheno.tsv", strains="shared")
    assert panel.strains == ["S1", "S3"]
    assert panel.genotypes.tolist() == [[0, -1, 1, -1], [1, 0, -1, -128]]
    assert panel.phenotypes.tolist() == [[-9], [3]]  # a number, outside plink's own form of table
    assert panel.strain_table.to_pydict() == {"family": ["F1", "F2"]}
    assert "2 strains are in both files; left out: 1 of" in caplog.text


def test_the_fingerprint_follows_content_and_options(tmp_path):
    first = read_from(write(tmp_path / "a", pheno=PHENO))[1]
    assert read_from(write(tmp_path / "b", pheno=PHENO))[1] == first  # wherever it lies
    from_table = {
        read_from(tmp_path / "a", phenotypes="pheno.tsv", strains=strains, facts=["batch"])[1]
        for strains in ("same", "shared")
    }
    changed = read_from(write(tmp_path / "c", fam=FAM.replace("1.5", "2.5")))[1]
    assert len({first, changed, *from_table}) == 4


def test_as_the_command_line_asks_for_it(tmp_path):
    write(tmp_path, pheno=PHENO)
    config = compose(
        "data=plink", f"data.path={tmp_path / 'p'}", f"data.phenotypes={tmp_path / 'pheno.tsv'}",
        "data.facts=[batch]",
    )["data"]  # fmt: skip
    panel, _ = load_panel(config, tmp_path / "cache")
    assert panel.strain_table.column_names == ["batch", "family"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"bed": None}, r"data.path: the file .*p.bed does not exist. Set data.path to the common"),
        ({"fam": None}, r"the file .*p.fam does not exist"),
        ({"fam": ""}, "p.fam is empty"),
        ({"bim": b"\xff\xfe\n"}, "p.bim is not text"),
        ({"bim": BIM.replace("10 a 0", "10 a")}, "p.bim, line 2: 5 cells, expected six"),
        ({"bim": BIM.replace("10 a 0 5", "10 a 0 5e3")}, "p.bim, line 2: position '5e3'"),
        (
            {"bim": BIM.replace("0 5 A", f"0 {2**63} A")},
            "p.bim, line 2: position '9223.*' is",
        ),
        (
            {"bim": BIM.replace("0 5 A", f"0 {'9' * 5000} A")},
            "p.bim, line 2: position '99.*' is",
        ),
        ({"bim": BIM.replace("c 0", "c\0 0")}, "p.bim, line 4: the text '.*' has a control char"),
        ({"fam": FAM.replace("S2", "S\x7f2")}, "p.fam, line 2: the text '.*' has a control char"),
        ({"fam": FAM.replace("1.5", "1e999")}, "p.fam, line 1: phenotype 1e999 is too large"),
        ({"bim": BIM.replace("c 0", "b 0")}, "p.bim, lines 1 and 4: the locus 'b'"),
        ({"fam": FAM.replace("S3", "S1")}, "p.fam, lines 1 and 3: the IID 'S1'.*update-ids"),
        ({"fam": FAM.replace("1.5", "high")}, "p.fam, line 1: phenotype 'high'"),
        ({"bed": BED[:-1]}, "p.bed has 6 bytes; 3 strains.* 4 loci .* take 7. It is cut short"),
        ({"bed": BED + b"\0"}, "p.bed has 8 bytes"),
        ({"bed": b"\x6c\x1b\x00" + BED[3:]}, "p.bed is not a bed of plink 1 in locus-major"),
        ({"bed": b""}, "p.bed is not a bed"),
    ],
)
def test_faults_are_named_and_leave_no_store(tmp_path, files, message):
    with pytest.raises(G2PError, match=message) as error:
        read_from(write(tmp_path, **files))
    assert "\n" not in str(error.value)
    assert not list(tmp_path.rglob("*.arrow"))


@settings(deadline=None, max_examples=40)
@given(
    n_strains=st.integers(2, 13), n_loci=st.integers(1, 9), gone=st.integers(0, 99),
    of_bim=st.booleans(), seed=st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_a_lost_line_is_noticed(tmp_path_factory, n_strains, n_loci, gone, of_bim, seed):
    """Of the fam: unless the last strain's calls are written as what fills up a byte."""
    folder = tmp_path_factory.mktemp("bed")
    counts = np.random.default_rng(seed).choice(np.array([0, 1, 2, -127], np.int8),
                                                (n_strains, n_loci))  # fmt: skip
    to_bed(folder / "p.bed", counts, properties={
        "iid": [f"S{i}" for i in range(n_strains)], "sid": [f"L{i}" for i in range(n_loci)],
    })  # fmt: skip
    file = folder / ("p.bim" if of_bim else "p.fam")
    lines = file.read_text().splitlines(keepends=True)
    del lines[gone % len(lines)]
    file.write_text("".join(lines))
    if not of_bim and n_strains % 4 != 1 and (counts[-1] == 2).all():
        return
    with pytest.raises(G2PError, match="calls beyond|do not belong together|p.bim is empty"):
        read_from(folder)


def test_a_lost_line_of_the_fam_is_reported(tmp_path):
    write(tmp_path, fam="F1 S1 0 0 0 1\nF2 S3 0 0 0 2\n")
    message = (
        "p.bed has calls beyond the 2 strains of the fam, first of locus 1 .* fam lacks a line"
    )
    with pytest.raises(G2PError, match=message):
        read_from(tmp_path)
    assert not list(tmp_path.rglob("*.arrow"))


def test_a_line_too_many_in_the_fam_is_warned_of(tmp_path, caplog):
    counts = np.random.default_rng(0).integers(0, 3, (6, 30)).astype(np.int8)
    names = {"iid": [f"S{i}" for i in range(6)], "sid": [f"L{i}" for i in range(30)]}
    to_bed(tmp_path / "p.bed", counts, properties=names)
    read_from(tmp_path)
    assert not caplog.records
    lines = (tmp_path / "p.fam").read_text().splitlines(keepends=True)
    lines.insert(2, lines[2].replace("S2", "again"))
    (tmp_path / "p.fam").write_text("".join(lines))
    read_from(tmp_path)
    assert "two A1 alleles at all loci" in caplog.text


@pytest.mark.parametrize(
    ("pheno", "facts", "message"),
    [
        (None, [], "data.phenotypes: the file .*pheno.tsv does not exist. .*or null"),
        (PHENO, [], "pheno.tsv, line 2, column batch: 'x' is not a number .*data.facts"),
        (PHENO, ["family"], "family is already taken by the FID"),
        (PHENO, ["bach"], "no column 'bach'. Did you mean 'batch'"),
        (PHENO, [1], "must be a list of column names"),
        (PHENO, ["batch", "YPD"], "has no phenotype"),
        (PHENO.replace("S3", "S1"), ["batch"], "lines 3 and 4: the strain 'S1' appears more than"),
        (PHENO.replace("S3", ""), ["batch"], "line 4, column IID: the strain has no name"),
        (PHENO.replace("S3", "S4"), ["batch"], r"1 have no phenotypes \(S3\), 1 .*\(S4\).*shared"),
        (PHENO.replace("\t", " "), ["batch"], "line 1: expected a tab-separated header"),
    ],
)
def test_faults_of_the_phenotype_table(tmp_path, pheno, facts, message):
    with pytest.raises(G2PError, match=message):
        read_from(write(tmp_path, pheno=pheno), phenotypes="pheno.tsv", facts=facts)
    assert not list(tmp_path.rglob("*.arrow"))


def test_a_fam_that_says_nothing_leaves_a_panel_to_be_predicted(tmp_path):
    panel = read_from(write(tmp_path, fam=FAM.replace("1.5", "-9")))[0]
    assert panel.phenotypes.shape == (3, 0) and panel.phenotype_names == []


def test_in_a_fam_of_cases_and_controls_zero_is_missing(tmp_path):
    """And a number where other numbers are: plink tells the two apart likewise."""
    lines = [line.split() for line in FAM.splitlines()]

    def seen(*values):
        rows = [" ".join([*line[:5], value]) for line, value in zip(lines, values, strict=True)]
        folder = tmp_path / "_".join(values)
        return read_from(write(folder, fam="\n".join(rows) + "\n"))[0].phenotypes[:, 0]

    np.testing.assert_array_equal(seen("1", "2", "0"), [1, 2, np.nan])
    np.testing.assert_array_equal(seen("0", "1.5", "2"), [0, 1.5, 2])
