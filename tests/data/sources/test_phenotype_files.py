"""Phenotype files as plink and GCTA write them: spaces, no header, -9 for a missing value."""

import numpy as np
import pytest

from g2p.core.errors import G2PError
from tests.data.sources.test_plink import read_from, write


@pytest.mark.parametrize(
    ("name", "text", "names"),
    [
        ("p.phen", "F1 S1 1.5\nF1 S2 -9\nF2 S3 NA\n", ["phenotype"]),
        ("p.pheno", "F1\tS1\t1.5\t-2\nF1\tS2\t-9\t1e1\nF2\tS3\tNA\t3\n",
         ["phenotype1", "phenotype2"]),
        ("p.pheno", "#FID IID  YPD   Cu\nF1 S1 1.5 -2\n  F1 S2\t-9 1e1 \r\nF2 S3 NA 3\n",
         ["YPD", "Cu"]),
        ("p.txt", "FID IID YPD\nF1 S1 1.5\nF1 S2 -9\nF2 S3 NA\n", ["YPD"]),
        ("p.txt", "#IID YPD\nS1 1.5\nS2 -9\nS3 NA\n", ["YPD"]),
        ("p.csv", "IID,YPD,Cu\nS1,1.5,-2\nS2,-9,10\nS3,NA,3\n", ["YPD", "Cu"]),
    ],
)  # fmt: skip
def test_phenotypes_as_gcta_and_plink_write_them(tmp_path, name, text, names):
    (write(tmp_path) / name).write_text(text)
    panel, _ = read_from(tmp_path, phenotypes=name)
    assert panel.phenotype_names == names and panel.strains == ["S1", "S2", "S3"]
    expected = np.array([[1.5, -2], [np.nan, 10], [np.nan, 3]])
    np.testing.assert_array_equal(panel.phenotypes, expected[:, : len(names)])


def test_covariates_of_a_plink_table_are_missing_where_it_says_so(tmp_path):
    """-9 is no age; as a fact that is no covariate it stays, as it was in earlier versions."""
    text = "FID IID YPD age\nF1 S1 1.5 30\nF1 S2 2 -9\nF2 S3 1 -9.0\n"
    (write(tmp_path) / "p.pheno").write_text(text)
    panel, _ = read_from(tmp_path, phenotypes="p.pheno", optional_facts=["age", "cage"])
    assert panel.strain_table["age"].to_pylist() == ["30", None, None]
    panel, _ = read_from(tmp_path, phenotypes="p.pheno", facts=["age"])
    assert panel.strain_table["age"].to_pylist() == ["30", "-9", "-9.0"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("F1 S1 1.5\nF1 S2 x\n", "p.phen, line 2, column phenotype: 'x' is not a number"),
        ("F1 S1 1.5\nF1 S2\n", "p.phen, line 2: 2 cells, expected 3"),
        ("F1 S1 1.5\nF1 S1 2\n", "lines 1 and 2: the strain 'S1' appears more than once"),
        ("FID IID y\nF1 S1 1.5\nF1 S1 2\n", "lines 2 and 3: the strain 'S1' appears more"),
    ],
)
def test_faults_of_a_phenotype_file_of_spaces(tmp_path, text, message):
    (write(tmp_path) / "p.phen").write_text(text)
    with pytest.raises(G2PError, match=message):
        read_from(tmp_path, phenotypes="p.phen")
