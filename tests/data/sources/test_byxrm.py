"""The BYxRM cross: the real files, and files with every fault."""

import gzip

import numpy as np
import pytest

from g2p.core.errors import G2PError
from g2p.data.sources.byxrm import GENOTYPES, PHENOTYPES, read

GENO = """marker\tA1\tA2\tA3
10_chr01_10_T_C\tB\tR\tR
30_chr02_5_G_A\tR\tB\tB
20_chr01_20_T_C\tB\tB\tR
"""
PHENO = """\tYPD\tCopper
A2\t1.5\tNA
A1\t\t-2
A3\t0.25\t1e-1
"""


def write(folder, geno=GENO, pheno=PHENO):
    for name, text in ((GENOTYPES, geno), (PHENOTYPES, pheno)):
        if text is not None:
            (folder / name).write_text(text)
    return folder


def read_from(folder):
    return read(folder=folder / "cache", files=folder)


def test_small_files(tmp_path):
    panel, _ = read_from(write(tmp_path))
    assert panel.strains == ["A1", "A2", "A3"]
    assert panel.phenotype_names == ["YPD", "Copper"]
    assert panel.loci.to_pylist() == [
        {"id": "10_chr01_10_T_C", "chromosome": "chr01", "position": 10},
        {"id": "20_chr01_20_T_C", "chromosome": "chr01", "position": 20},
        {"id": "30_chr02_5_G_A", "chromosome": "chr02", "position": 5},
    ]
    assert panel.genotypes.tolist() == [[-1, -1, 1], [1, -1, -1], [1, 1, -1]]
    np.testing.assert_array_equal(panel.phenotypes, [[np.nan, -2], [1.5, np.nan], [0.25, 0.1]])


def test_gzipped_or_not_windows_line_ends_or_not(tmp_path):
    plain, _ = read_from(write(tmp_path))
    packed = tmp_path / "packed"
    packed.mkdir()
    for name, text in ((GENOTYPES, GENO), (PHENOTYPES, PHENO)):
        (packed / f"{name}.gz").write_bytes(gzip.compress(text.replace("\n", "\r\n").encode()))
    other, _ = read_from(packed)
    np.testing.assert_array_equal(plain.genotypes, other.genotypes)
    np.testing.assert_array_equal(plain.phenotypes, other.phenotypes)
    assert plain.phenotype_names == other.phenotype_names


def test_a_changed_source_is_read_again(tmp_path):
    _, first = read_from(write(tmp_path))
    panel, second = read_from(write(tmp_path, pheno=PHENO.replace("1.5", "2.5")))
    assert first != second
    assert panel.phenotypes[1, 0] == 2.5


@pytest.mark.parametrize(
    ("geno", "pheno", "message"),
    [
        (None, PHENO, r"BYxRM_GenoData.txt \(or .*gz\) does not exist. Put"),
        (GENO, None, r"BYxRM_PhenoData.txt \(or .*gz\) does not exist. Put"),
        ("", PHENO, "GenoData.txt is empty"),
        ("marker\tA1\tA2\tA3\n", PHENO, "GenoData.txt.*no rows"),
        ("just one line", PHENO, "line 1: expected a tab-separated header"),
        (GENO.replace("R\tB\tB", "R\tB"), PHENO, "GenoData.txt, line 3: 3 cells, expected 4"),
        (GENO.replace("B\tB\tR", "B\tX\tR"), PHENO, "line 4, strain A2: allele 'X'"),
        (GENO.replace("B\tB\tR", "B\t\tR"), PHENO, "line 4, strain A2: allele ''"),
        (GENO.replace("20_chr01_20_T_C", "rs99"), PHENO, "line 4: marker 'rs99'"),
        (
            GENO.replace("20_chr01_20", "10_chr01_10"),
            PHENO,
            "more than once: 10_chr01_10",
        ),
        (GENO.replace("A3", "A1"), PHENO, "GenoData.txt: columns appear more than once: A1"),
        (GENO, PHENO.replace("0.25", "high"), "PhenoData.txt, line 4, column YPD: 'high'"),
        (GENO, PHENO.replace("0.25", "inf"), "line 4, column YPD: 'inf'"),
        (GENO, PHENO.replace("0.25", "-1e999"), "PhenoData.txt, line 4, column YPD: -1e999 is too"),
        (GENO.replace("_20_T", f"_{2**63}_T"), PHENO, "line 4: marker '20_chr01_9.*no chromosome"),
        (
            GENO.replace("A3", "A\x003"),
            PHENO.replace("A3", "A\x003"),
            "GenoData.txt, line 1: the name 'A.x003' has a control character, U.0000",
        ),
        (
            GENO,
            PHENO.replace("A3", "A9"),
            r"1 have no phenotypes \(A3\), 1 have no genotypes \(A9\)",
        ),
        (GENO, PHENO + "A3\t1\t1\n", "PhenoData.txt.*more than once: A3"),
        (GENO, PHENO.replace("Copper", "YPD"), "PhenoData.txt: columns appear more than once: YPD"),
        (GENO, PHENO.replace("0.25", "1_000"), "line 4, column YPD: '1_000'"),
        (GENO.replace("\tA3", "\t"), PHENO, "one of the columns has no name"),
        (GENO, PHENO.replace("Copper", "all"), "cannot be called 'all'"),
        (GENO, PHENO.replace("\t-2", ""), "PhenoData.txt, line 3: 2 cells, expected 3"),
    ],
)
def test_faults_are_named_with_file_and_line_and_leave_no_store(tmp_path, geno, pheno, message):
    with pytest.raises(G2PError, match=message):
        read_from(write(tmp_path, geno, pheno))
    assert not list(tmp_path.rglob("*.arrow"))


@pytest.mark.parametrize("keep", [5, 25, -8, -1])
def test_a_truncated_gzip_is_noticed(tmp_path, keep):
    write(tmp_path, geno=None)
    (tmp_path / f"{GENOTYPES}.gz").write_bytes(gzip.compress(GENO.encode())[:keep])
    with pytest.raises(G2PError, match="GenoData.txt.gz is cut short or damaged"):
        read_from(tmp_path)


def test_text_that_calls_itself_gzip(tmp_path):
    write(tmp_path, geno=None)
    (tmp_path / f"{GENOTYPES}.gz").write_text(GENO)
    with pytest.raises(G2PError, match="cut short or damaged"):
        read_from(tmp_path)


def test_a_binary_file(tmp_path):
    write(tmp_path)
    (tmp_path / GENOTYPES).write_bytes(bytes(range(256)) * 20)
    with pytest.raises(G2PError, match="GenoData.txt"):
        read_from(tmp_path)


def test_the_real_cross(byxrm_folder, tmp_path):
    """Sizes of Bloom et al. 2013; a locus and a strain as an independent reading finds them."""
    panel, _ = read(folder=tmp_path, files=byxrm_folder)
    assert panel.genotypes.shape == (1008, 11623)
    assert {"YPD", "Copper", "YPD.37C"} <= set(panel.phenotype_names)
    with gzip.open(byxrm_folder / f"{GENOTYPES}.gz", "rt") as file:
        strains = next(file).split()[1:]
        name, *alleles = next(file).split()
    column = panel.loci["id"].to_pylist().index(name)
    expected = {s: {"B": -1, "R": 1}[a] for s, a in zip(strains, alleles, strict=True)}
    observed = dict(zip(panel.strains, panel.genotypes[:, column].tolist(), strict=True))
    assert observed == expected
    lines = (byxrm_folder / PHENOTYPES).read_text().splitlines()
    cells = lines[500].split("\t")
    values = panel.phenotypes[panel.strains.index(cells[0])]
    assert [None if np.isnan(v) else v for v in values] == [
        float(c) if c else None for c in cells[1:]
    ]
