"""The BBQ panel from small text files: however written and cut, faulty, and interrupted."""

import gzip
import random

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from g2p.core.errors import G2PError
from g2p.data.sources import bbq_text
from g2p.data.sources.bbq import GENOTYPES, PHENOTYPES, published_split
from tests.helpers.bbq_files import N_LOCI, NAMES, nothing_stored, read_from

# Strains of the five genotype files.
IDENTIFIERS = [[10, 11, 12], [7, 8], [3], [20, 21, 22, 23], [1, 2]]


def probability(strain, locus):
    """Another for each strain and locus; 0 and 1 among them."""
    return ((strain * 0.371 + locus * 0.2377) % 1, 0, 1)[(strain + locus) % 3]


def genotype_texts():
    return [
        "".join(
            "\t".join([str(s), *(f"{probability(s, i):.4g}" for i in range(N_LOCI))]) + "\n"
            for s in strains
        )
        for strains in IDENTIFIERS
    ]


PHENOTYPE = "strain\tmean\tse\n" + "".join(
    f"{s}\t{s / 8}\t0.5\n" for s in sorted(sum(IDENTIFIERS, [])) if s != 8
)


def write_texts(folder, changes=None, pack=lambda name, text: (name, text.encode())):
    """The text files, in which `changes` replaces texts by file name; None leaves one out."""
    folder.mkdir(exist_ok=True)
    texts = dict(zip(GENOTYPES, genotype_texts(), strict=True))
    texts |= dict.fromkeys(PHENOTYPES, PHENOTYPE) | (changes or {})
    for name, text in texts.items():
        if text is not None:
            name, content = pack(name, text)
            (folder / name).write_bytes(content)


def assert_is_the_panel_of_texts(panel):
    strains = sum(IDENTIFIERS, [])
    assert panel.strains == [str(s) for s in strains]
    written = [[f"{probability(s, i):.4g}" for i in range(N_LOCI)] for s in strains]
    expected = np.float32(2) * np.array(written, np.float32) - np.float32(1)
    np.testing.assert_array_equal(panel.genotypes, expected)
    phenotype = [np.nan if s == 8 else s / 8 for s in strains]
    np.testing.assert_array_equal(panel.phenotypes, np.transpose([phenotype] * 18))


def test_texts(tmp_path):
    write_texts(tmp_path / "files")
    panel, _ = read_from(tmp_path, "raw")
    assert_is_the_panel_of_texts(panel)
    assert panel.phenotype_names == NAMES
    assert panel.columns("YPD") == [3]
    assert panel.strain_table["split"].to_pylist() == published_split(12)
    assert panel.loci["id"].to_pylist() == ["locus_0001", "locus_0002", "locus_0003", "locus_0004"]
    means = np.array([s / 8 for s in sum(IDENTIFIERS, []) if s != 8])
    ceiling = 1 - 0.25 / ((means**2).mean() - means.mean() ** 2)
    assert panel.noise_ceiling == {name: pytest.approx(ceiling) for name in NAMES}
    assert not list((tmp_path / "cache").glob("*.scratch"))


@pytest.mark.parametrize("block", [1, 7, 30, 64, 1 << 24])
@pytest.mark.parametrize(
    "pack",
    [
        lambda name, text: (f"{name}.gz", gzip.compress(text.encode())),
        lambda name, text: (name, text.replace("\n", "\r\n").encode()),
        lambda name, text: (name, text[:-1].encode()),
        lambda name, text: (name, f"{text}\n\n".encode()),
        # A header, as pandas and numpy write it.
        lambda name, text: (name, (("\t0\t1\t2\t3\n" if "geno" in name else "") + text).encode()),
    ],
    ids=["gzip", "windows", "no_end", "empty_lines", "header"],
)
def test_every_way_of_writing_and_cutting_is_the_same_panel(tmp_path, monkeypatch, pack, block):
    monkeypatch.setattr(bbq_text, "BLOCK", block)
    monkeypatch.setattr(bbq_text, "LONGEST_LINE", 100)
    write_texts(tmp_path / "files", pack=pack)
    assert_is_the_panel_of_texts(read_from(tmp_path, "raw")[0])


@pytest.mark.parametrize("mark", [",", "  "])
def test_phenotypes_between_commas_or_spaces_with_missing_values(tmp_path, mark):
    text = PHENOTYPE.replace("\t", mark).replace(f"{mark}0.125{mark}0.5", f"{mark}NA{mark}nan")
    no_errors = "".join(f"{line.rpartition(mark)[0]}\n" for line in text.splitlines())
    texts = {PHENOTYPES[0]: text.replace("\n7", "\n7.0"), PHENOTYPES[1]: no_errors}
    write_texts(tmp_path / "files", texts)
    panel, _ = read_from(tmp_path, "raw")
    expected = [s / 8 for s in sum(IDENTIFIERS, []) if s not in (1, 8)]
    for p in (0, 1):
        values = panel.phenotypes[:, p]
        np.testing.assert_array_equal(values[np.isfinite(values)], expected)
    has_error = np.isfinite(panel.standard_errors)
    np.testing.assert_array_equal(has_error[:, 0], np.isfinite(panel.phenotypes[:, 0]))
    assert set(panel.standard_errors[has_error]) == {0.5} and not has_error[:, 1].any()
    assert set(panel.noise_ceiling) == set(NAMES) - {"25C"}
    assert 0 < panel.noise_ceiling["23C"] < 1


def test_errors_beyond_the_spread_leave_a_ceiling_of_zero(tmp_path):
    write_texts(tmp_path / "files", {PHENOTYPES[0]: PHENOTYPE.replace("\t0.5", "\t9")})
    assert read_from(tmp_path, "raw")[0].noise_ceiling["23C"] == 0


def test_the_published_split_as_the_notebook_makes_it():
    """Rows stand for genotypes; the sizes are those that both studies report."""
    rows = list(range(99_950))
    random.seed(0)
    random.shuffle(rows)
    rest, test = train_test_split(np.array(rows), test_size=0.15, random_state=42)
    train, val = train_test_split(rest, test_size=0.15, random_state=42)
    assert (len(train), len(val), len(test)) == (72_213, 12_744, 14_993)
    subsets = np.array(published_split(99_950))
    for part, expected in (("train", train), ("val", val), ("test", test)):
        np.testing.assert_array_equal(np.flatnonzero(subsets == part), np.sort(expected))


def test_a_locus_table(tmp_path):
    loci = "chromosome,id,position,more\nchr01,a,5,x\nchr01,b,9,\nchr02,c,2,\nchr02,d,4,\n"
    write_texts(tmp_path / "files")
    _, numbered = read_from(tmp_path, "raw")
    write_texts(tmp_path / "files", {"loci.csv": loci})
    panel, named = read_from(tmp_path, "raw")
    assert numbered != named
    assert panel.loci.to_pylist()[2] == {"id": "c", "chromosome": "chr02", "position": 2}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({GENOTYPES[2]: None, PHENOTYPES[5]: None},
         r"lacks geno_data_3.txt, pheno_data_35C.txt \(or .gz\). Download .* from https://datadryad"),
        ({GENOTYPES[1]: "7\t0\t0\t0\t0\n8\t0\t0\t0\n"},
         "geno_data_2.txt, line 2: 4 cells, expected 5"),
        ({GENOTYPES[1]: "7\t0\t0\t0\t0\t1\n8\t0\t0\t0\n"}, "geno_data_2.txt, line 1: 6 cells"),
        ({GENOTYPES[1]: "7\t0\t0\t0\n8\t0\t0\t0\n"}, "data_2.txt, line 1: 4 cells, expected 5"),
        ({GENOTYPES[1]: "7\t0\t0\t0\t0\n\n8\t0\t0\t0\t0\n"}, "geno_data_2.txt, line 2: 1 cells"),
        ({GENOTYPES[0]: "7\t0\t0\t0\t0\n8\t0\thigh\t0\t0\n"},
         "geno_data_1.txt, line 2, column 3: 'high' is not a number"),
        ({GENOTYPES[0]: "a\tb\tc\n7\t0\t\n"}, "data_1.txt, line 2, column 3: '' is not a num"),
        ({GENOTYPES[0]: "7\t0\tnan\n"}, "line 1, column 3: 'nan' is not a number"),
        ({GENOTYPES[0]: "7\t0\t0,5\n"}, "line 1, column 3: '0,5' is not a number"),
        ({GENOTYPES[0]: "7\t0\t0.5\n8\t1.01\t1\n"}, "line 2, column 2: '1.01' is outside"),
        ({GENOTYPES[0]: "7\t0\t-0.5\n"}, r"line 1, column 3: '-0.5' is outside \[0, 1\]"),
        ({GENOTYPES[0]: "7\t0\t1\nA8\t0\t1\n"}, "line 2, column 1: 'A8' is not an identifier"),
        ({GENOTYPES[0]: "7\t0\t1\n8.5\t0\t1\n"}, "line 2, column 1: '8.5' is not an identifier"),
        ({GENOTYPES[0]: "7\t0\t1\n07\t0\t1\n"}, "line 2: strain 7 is already in .*geno_data_1.txt"),
        ({GENOTYPES[4]: "10\t0\t1\t1\t1\n"},
         "geno_data_5.txt, line 1: strain 10 is already in .*geno_data_1.txt"),
        ({GENOTYPES[0]: "7,0.5,1\n8,0.5,1\n"}, "line 2: expected tab-separated cells, found '8,"),
        ({GENOTYPES[0]: ""}, "geno_data_1.txt contains no strain"),
        ({GENOTYPES[0]: "id\tone\n"}, "geno_data_1.txt contains no strain"),
        ({PHENOTYPES[3]: PHENOTYPE + "901\t1\t1\n902\t1\t1\n903\t1\t1\n904\t1\t1\n"},
         r"pheno_data_30C.txt: 4 of its 15 strains are in no .*\(901, 902, 903 and 1 more\)"),
        ({PHENOTYPES[3]: PHENOTYPE + "7\t1\t1\n"}, "line 13: strain 7 is already in line 5"),
        ({PHENOTYPES[3]: PHENOTYPE + "8\t1\n"}, "30C.txt, line 13: 2 cells, expected 3"),
        ({PHENOTYPES[3]: PHENOTYPE + "8\thigh\t1\n"}, "line 13, column 2: 'high' is not a mean"),
        ({PHENOTYPES[3]: PHENOTYPE + "8\t1e999\t1\n"}, "line 13, column 2: 1e999 is too large"),
        ({PHENOTYPES[3]: PHENOTYPE + "8\t1\t-1\n"}, "column 3: '-1' is not a standard error"),
        ({PHENOTYPES[3]: PHENOTYPE + "B8\t1\t1\n"}, "line 13, column 1: 'B8' is not an identifier"),
        ({PHENOTYPES[3]: "1\t0.5\t0.1\n"}, "30C.txt, line 1: expected a header of at least two"),
        ({PHENOTYPES[3]: ""}, "30C.txt, line 1: expected a header"),
        ({PHENOTYPES[3]: "strain\tmean\n"}, "30C.txt has a header and no rows"),
        ({"loci.csv": "id,chromosome\na,chr01\n"}, "loci.csv, line 1: no column position"),
        ({"loci.csv": "id,chromosome,position\na,chr01,far\n"}, "loci.csv, line 2, .*'far'"),
        ({"loci.csv": f"id,chromosome,position\na,chr01,{2**63}\n"}, "loci.csv, line 2, .*'9223"),
        ({"loci.csv": "id,chromosome,position\na,chr01,1\n"}, "loci.csv lists 1 loci; .* have 4"),
    ],
)  # fmt: skip
def test_faults_are_named_with_file_and_line_and_leave_no_store(tmp_path, changes, message):
    write_texts(tmp_path / "files", changes)
    with pytest.raises(G2PError, match=message):
        read_from(tmp_path, "raw")
    assert nothing_stored(tmp_path)


@pytest.mark.parametrize("name", [GENOTYPES[1], PHENOTYPES[0]])
@pytest.mark.parametrize("keep", [5, 25, -8, -1])
def test_a_truncated_gzip_is_noticed(tmp_path, name, keep):
    write_texts(tmp_path / "files", {name: None})
    text = dict(zip(GENOTYPES, genotype_texts(), strict=True)).get(name, PHENOTYPE)
    packed = gzip.compress(text.encode())[:keep]
    (tmp_path / "files" / f"{name}.gz").write_bytes(packed)
    with pytest.raises(G2PError, match=f"{name}.gz is cut short or damaged"):
        read_from(tmp_path, "raw")
    assert nothing_stored(tmp_path)


def test_a_binary_file_without_lines(tmp_path, monkeypatch):
    monkeypatch.setattr(bbq_text, "BLOCK", 100)
    monkeypatch.setattr(bbq_text, "LONGEST_LINE", 200)
    write_texts(tmp_path / "files", {GENOTYPES[0]: "x" * 1000})
    with pytest.raises(G2PError, match="geno_data_1.txt: line 1 does not end"):
        read_from(tmp_path, "raw")


def test_no_text_files_says_where_they_come_from(tmp_path):
    with pytest.raises(
        G2PError, match="geno_data_5.txt.gz and pheno_data.* from https://datadryad"
    ):
        read_from(tmp_path, "raw")


def test_stored_texts_are_not_needed_again(tmp_path):
    write_texts(tmp_path / "files")
    _, first = read_from(tmp_path, "raw")
    (tmp_path / "files").rename(tmp_path / "elsewhere")
    panel, again = read_from(tmp_path, "raw")
    assert again == first
    assert_is_the_panel_of_texts(panel)


@pytest.fixture
def converted(monkeypatch):
    """Names of the text files converted so far; `stop_at` one of them to be killed in the midst."""

    class Converted(list):
        stop_at = None

    names, parse = Converted(), bbq_text._parse

    def noted(file, line, *rest):
        if file.name not in names:
            names.append(file.name)
        if file.name == names.stop_at and line > 1:
            raise KeyboardInterrupt
        return parse(file, line, *rest)

    monkeypatch.setattr(bbq_text, "_parse", noted)
    monkeypatch.setattr(bbq_text, "BLOCK", 30)  # about a line
    return names


def test_after_a_kill_converted_files_are_reused(tmp_path, converted):
    write_texts(tmp_path / "files")
    converted.stop_at = GENOTYPES[3]
    with pytest.raises(KeyboardInterrupt):
        read_from(tmp_path, "raw")
    assert nothing_stored(tmp_path)
    converted.clear()
    converted.stop_at = None
    assert_is_the_panel_of_texts(read_from(tmp_path, "raw")[0])
    assert converted == GENOTYPES[3:]
    assert not list((tmp_path / "cache").glob("*.scratch"))


def test_once_a_bad_file_is_replaced_the_files_before_it_are_reused(tmp_path, converted):
    write_texts(tmp_path / "files", {GENOTYPES[2]: "3\t0\t0\tx\t0\n"})
    with pytest.raises(G2PError, match="geno_data_3.txt, line 1, column 4"):
        read_from(tmp_path, "raw")
    converted.clear()
    write_texts(tmp_path / "files")
    assert_is_the_panel_of_texts(read_from(tmp_path, "raw")[0])
    assert converted == GENOTYPES[2:]


@pytest.mark.parametrize("change", ["first file", "precision", "lost", "{}", "[1]", '[{"key": 1}]'])
def test_what_no_longer_holds_is_converted_again(tmp_path, converted, change):
    other = genotype_texts()[0].replace("10\t", "99\t")
    write_texts(tmp_path / "files", {GENOTYPES[0]: other} if change == "first file" else None)
    converted.stop_at = GENOTYPES[3]
    precision = "float16" if change == "precision" else "float32"
    with pytest.raises((KeyboardInterrupt, G2PError)):
        read_from(tmp_path, "raw", precision=precision)
    if change == "lost":
        (tmp_path / "cache" / "bbq-raw.scratch" / "genotypes").write_bytes(b"")
    if change[0] in "[{":  # a note of another shape
        (tmp_path / "cache" / "bbq-raw.scratch" / "converted.json").write_text(change)
    converted.clear()
    converted.stop_at = None
    write_texts(tmp_path / "files")
    assert_is_the_panel_of_texts(read_from(tmp_path, "raw")[0])
    assert converted == GENOTYPES
