"""The lithium strains of the BBQ panel: small files, files with every fault, and the real one."""

import csv
import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from g2p.core.errors import G2PError
from g2p.data.sources.bbq_li import FILE, LOCI, read, read_loci
from tests.helpers.command import ROOT
from tests.helpers.configs import paths
from tests.helpers.record_server import serving

A, B = "A" * 83, "B" * 83
TEXT = f"seq,y,y_var\n{A},-0.125,0.5\n{B},NA,\n{A[:1]}{B[1:]},1e-1,0\n"


def read_from(folder, text=TEXT, sha256=None, address="http://127.0.0.1:9/file"):
    if text is not None:
        (folder / FILE).write_text(text)
    return read(folder=folder / "cache", files=folder, address=address, sha256=sha256)


def test_a_small_file(tmp_path):
    panel, _ = read_from(tmp_path)
    assert panel.strains == ["bbq_00001", "bbq_00002", "bbq_00003"]
    assert panel.phenotype_names == ["li"]
    np.testing.assert_array_equal(panel.genotypes, [[1] * 83, [-1] * 83, [1] + [-1] * 82])
    np.testing.assert_array_equal(panel.phenotypes, [[-0.125], [np.nan], [0.1]])
    np.testing.assert_array_equal(panel.standard_errors, [[0.5], [np.nan], [0]])
    assert panel.loci.equals(read_loci())


def test_the_loci():
    loci = read_loci()
    rows = loci.to_pylist()
    assert len(rows) == 83 and LOCI.read_text().startswith("# ")
    by_gene = {row["gene"]: row for row in rows}
    assert by_gene["ENA1"] == {
        "id": "snp7118", "chromosome": "4", "position": 538174, "allele_0": "B", "allele_1": "A",
        "gene": "ENA1", "published_effect": -0.139416395492566,
    }  # fmt: skip
    assert by_gene["ARG5,6"]["chromosome"] == "5" and None in by_gene  # quoted; no gene nearby
    genome = [(int(row["chromosome"]), row["position"]) for row in rows]
    assert genome == sorted(set(genome))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("seq,y,y_var\n", "no rows"),
        (
            TEXT.replace("y_var", "se"),
            "no column y_var; expected seq, y, y_var, found seq, y, se",
        ),
        (TEXT.replace(B, f"{B}A"), "line 3, column seq: 84 letters; expected A or B for each of"),
        (TEXT.replace(B, B[1:]), "line 3, column seq: 82 letters"),
        (TEXT.replace(B, ""), "line 3, column seq: 0 letters"),
        (TEXT.replace(B, f"{B[1:]}b"), "line 3, column seq: the letter 'b'"),
        (TEXT.replace("0.5", "-0.5"), "line 2, column y_var: -0.5 is no standard error"),
        (TEXT.replace("-0.125", "high"), "line 2, column y: 'high' is not a number"),
        (TEXT.replace("-0.125", "1e999"), "line 2, column y: .* is not a number"),
        (TEXT.replace(",0.5", ""), "line 2: 2 cells, expected 3"),
    ],
)
def test_faults_are_named_with_file_and_line_and_leave_no_store(tmp_path, text, message):
    with pytest.raises(G2PError, match=f"{FILE}.*{message}"):
        read_from(tmp_path, text)
    assert not list(tmp_path.rglob("*.arrow"))


def test_another_file_is_refused_even_if_its_panel_is_stored(tmp_path):
    panel, _ = read_from(tmp_path, sha256=hashlib.sha256(TEXT.encode()).hexdigest().upper())
    assert len(panel.strains) == 3
    read_from(tmp_path, TEXT.replace("0.5", "0.6"))
    with pytest.raises(G2PError, match="is not the published file: .*data.sha256=null") as error:
        read_from(tmp_path, None, sha256=hashlib.sha256(TEXT.encode()).hexdigest())
    assert str(tmp_path / FILE) in str(error.value)


def test_an_absent_file_is_downloaded_and_checked(tmp_path):
    with serving() as server:
        server.content = server.described = TEXT.encode()
        sha256 = hashlib.sha256(server.content).hexdigest()
        address = f"{server.address}/files/{FILE}"
        for _ in range(2):
            panel, _ = read_from(tmp_path, None, sha256, address)
        assert len(panel.strains) == 3 and (tmp_path / FILE).read_text() == TEXT
        assert len(server.requested) == 2  # the file's size, and the file
        (tmp_path / FILE).unlink()
        server.content = TEXT.replace("0.5", "0.6").encode()
        with pytest.raises(G2PError, match=f"is not the file that was published.*sha256:{sha256}"):
            read_from(tmp_path, None, sha256, address)
    assert not (tmp_path / FILE).exists()


def test_no_network_says_what_to_do_by_hand(tmp_path):
    with serving() as server:
        address = f"{server.address}/{FILE}"
    with pytest.raises(G2PError, match=f"{FILE} could not be downloaded: no connection") as error:
        read_from(tmp_path, None, "0" * 64, address)
    assert f"download {address} by hand and put it into {tmp_path}" in str(error.value)
    with pytest.raises(G2PError, match="does not exist, and data.sha256=null downloads nothing"):
        read_from(tmp_path, None)


@pytest.fixture
def real_folder():
    folder = Path(os.environ.get("G2P_DATA", ROOT / "data")) / "bbq_li"
    if not (folder / FILE).is_file():
        pytest.skip(f"{FILE} is not in {folder} (set G2P_DATA to the folder above)")
    return folder


def test_the_real_file(real_folder, tmp_path):
    """Against an independent reading; additive effects have the sign of the published ones."""
    from g2p.config.compose import compose_config

    data = compose_config(["data=bbq_li", *paths(tmp_path)])["data"]
    panel, _ = read(
        folder=tmp_path, files=real_folder, address=data["address"], sha256=data["sha256"]
    )
    with (real_folder / FILE).open() as file:
        rows = list(csv.DictReader(file))
    assert len(panel.strains) == len(rows) == 19_833
    calls = [[1 if letter == "A" else -1 for letter in row["seq"]] for row in rows]
    np.testing.assert_array_equal(panel.genotypes, calls)
    np.testing.assert_array_equal(panel.phenotypes[:, 0], [float(row["y"]) for row in rows])
    np.testing.assert_array_equal(panel.standard_errors[:, 0], [float(r["y_var"]) for r in rows])
    X = panel.genotypes - panel.genotypes.mean(axis=0)
    effects = np.linalg.lstsq(X, panel.phenotypes[:, 0] - panel.phenotypes.mean(), rcond=None)[0]
    published = panel.loci["published_effect"].to_numpy()
    assert np.corrcoef(effects, published)[0, 1] > 0.99


def test_ridge_on_the_real_file(real_folder, tmp_path):
    import g2p

    run = g2p.train("data=bbq_li", "model=ridge", "logger=none", *paths(tmp_path),
                    f"paths.data={real_folder.parent}")  # fmt: skip
    assert run.metrics["test"]["r2"]["li"] == pytest.approx(0.72, abs=0.02)
    panel = g2p.load_panel("data=bbq_li", f"paths.data={real_folder.parent}",
                           f"paths.cache={tmp_path}")  # fmt: skip
    assert len(run.predict(panel)) == 19_833  # loci with genes and effects are harmonised
