"""A table of facts of strains, joined to any panel by name."""

import numpy as np
import pytest

from g2p.core.errors import G2PError
from g2p.data import load_panel
from g2p.data.panel import NO_CALL
from tests.helpers.command import train
from tests.helpers.configs import compose, paths
from tests.helpers.table_files import GENO, write

PHENO = "strain,YPD\nA,1\nB,2\nC,3\n"
FACTS = "strain,fold,cage\nC,2,x\nZ,1,y\nA,1,NA\n"
DATA = ("data=table", "data.coding=-1/0/1", "data.path=geno.csv", "data.phenotypes=pheno.csv")


def panel_of(folder, *overrides):
    options = compose(*DATA, *overrides).data
    files = {key: str(folder / options[key]) for key in ("path", "phenotypes")}
    table = options["strain_table"]
    files |= {"strain_table": table and str(folder / table)}
    return load_panel({**options, **files}, folder / "cache")


def test_columns_are_joined_by_name_and_content_is_in_the_fingerprint(tmp_path):
    write(tmp_path, geno=GENO, pheno=PHENO)
    (tmp_path / "folds.csv").write_text(FACTS)
    plain, fingerprint = panel_of(tmp_path)
    panel, other = panel_of(tmp_path, "data.strain_table=folds.csv")
    assert plain.strain_table is None and other != fingerprint
    assert panel.strain_table.to_pydict() == {"fold": ["1", None, "2"], "cage": [None, None, "x"]}
    np.testing.assert_array_equal(panel.genotypes, plain.genotypes)
    assert (panel.genotypes == NO_CALL).sum() == 2
    (tmp_path / "folds.csv").write_text(FACTS.replace("C,2", "C,3"))
    changed, third = panel_of(tmp_path, "data.strain_table=folds.csv")
    assert changed.strain_table["fold"].to_pylist() == ["1", None, "3"]
    assert len({fingerprint, other, third}) == 3
    (tmp_path / "folds.txt").write_text("FID IID fold\nf A 1\nf B -9\nf C 3\n")
    named = panel_of(tmp_path, "data.strain_table=folds.txt")[0]
    assert named.strain_table.to_pydict() == {"fold": ["1", None, "3"]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (FACTS.replace("fold", "YPD"), "the panel has a column or phenotype YPD already"),
        ("strain,fold\nX,1\nY,2\n", "has no strain of this panel: .* 'X' in the file and 'A' in"),
        (FACTS.replace("Z,", "C,"), "lines 2 and 3: the strain 'C' appears more than once"),
        (None, "data.strain_table: the file .*folds.csv does not exist"),
    ],
)
def test_faults(tmp_path, text, message):
    write(tmp_path, geno=GENO, pheno=PHENO)
    if text is not None:
        (tmp_path / "folds.csv").write_text(text)
    with pytest.raises(G2PError, match=message):
        panel_of(tmp_path, "data.strain_table=folds.csv")


def test_folds_and_covariates_of_a_file_beside_a_simulated_panel(tmp_path):
    """Of any source: its strains are named by the panel."""
    rng = np.random.default_rng(0)
    panel, _ = load_panel(compose("data.strains=120", "data.loci=16").data, tmp_path / "c")
    rows = [f"{strain},{rng.integers(1, 4)},{rng.normal()}" for strain in panel.strains]
    (tmp_path / "facts.csv").write_text("\n".join(["strain,fold,age", *rows]) + "\n")
    done = train(
        "data.strains=120", "data.loci=16", "phenotype=cu", "model=ridge", "logger=none",
        "data.strain_table=facts.csv", "split=column", "split.column=fold", "split.test=2",
        "data.covariates=[age]", *paths(tmp_path), cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    n = sum(row.split(",")[1] == "2" for row in rows)
    assert f"{n} test strains" in done.stdout and "covariates: age (a number)" in done.stdout
