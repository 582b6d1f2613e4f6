"""VCFs: small ones read by eye, random ones against a reader of their text, and every fault."""

import gzip
import logging

import cyvcf2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from g2p.core.errors import G2PError
from g2p.data.sources.vcf import LAST_BLOCK, read

HEADER = """##fileformat=VCFv4.2
##contig=<ID=chr1>
##contig=<ID=chr2>
##contig=<ID=chr10>
##FORMAT=<ID=GT,Number=1,Type=String,Description="genotype">
##FORMAT=<ID=DS,Number=A,Type=Float,Description="dosage">
##FORMAT=<ID=TX,Number=1,Type=String,Description="text">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tA\tB\tC
"""
RECORDS = """chr10\t4\trs1\tA\tG\t.\t.\t.\tGT:DS\t0/0:0.25\t0|1:1\t1/1:2
chr2\t8\t.\tAC\tA\t.\t.\t.\tGT:DS\t0:0\t1:2\t.:.
chr2\t3\tmany\tA\tG,T\t.\t.\t.\tGT:DS\t0/0:0,0\t0/1:1,0\t1/2:1,1
chr1\t5\tnone\tA\t.\t.\t.\t.\tGT:DS\t0/0:.\t0/0:.\t./.:.
chr1\t6\tlike_none\tA\t<*>\t.\t.\t.\tGT:DS\t0/0:.\t0/0:.\t./.:.
chr2\t3\tdel\tA\t<DEL>\t.\t.\t.\tDS:GT\t.:./1\t1.5:0\t0:1|0
"""
PHENO = "strain,YPD,plate\nC,3,p1\nA,1,p2\nB,NA,\n"


def write(folder, vcf=HEADER + RECORDS, pheno=PHENO, name="p.vcf"):
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(vcf if isinstance(vcf, bytes) else vcf.encode())
    (folder / "pheno.csv").write_text(pheno)
    return folder


def read_from(folder, name="p.vcf", field="GT", strains="same", facts=("plate",)):
    return read(
        folder=folder / "cache",
        path=folder / name,
        phenotypes=folder / "pheno.csv",
        field=field,
        strains=strains,
        facts=list(facts),
        optional_facts=[],
    )


def packed(folder, vcf, name, mode) -> bytes:
    """The text as htslib writes it: mode wz for VCF.gz, wb for BCF."""
    source = cyvcf2.VCF(str(write(folder, vcf) / "p.vcf"))
    writer = cyvcf2.Writer(str(folder / name), source, mode)
    for record in source:
        writer.write_record(record)
    writer.close()
    return (folder / name).read_bytes()


def test_calls(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        panel, _ = read_from(write(tmp_path))
    assert panel.strains == ["A", "B", "C"]
    assert panel.loci.to_pydict() == {
        "id": ["del", "chr2:8:AC:A", "rs1"],
        "chromosome": ["chr2", "chr2", "chr10"],
        "position": [3, 8, 4],
        "allele_0": ["A", "AC", "A"],
        "allele_1": ["<DEL>", "A", "G"],
    }
    assert panel.genotypes.dtype == np.int8
    assert panel.genotypes.tolist() == [[-128, -1, -1], [-1, 1, 0], [0, -128, 1]]
    np.testing.assert_array_equal(panel.phenotypes, [[1], [np.nan], [3]])
    assert panel.strain_table.to_pydict() == {"plate": ["p2", None, "p1"]}
    assert "1 record with several alternative alleles, 2 without any and 0 whose ALT" in caplog.text


def test_dosages(tmp_path):
    panel, _ = read_from(write(tmp_path), field="DS")
    assert panel.genotypes.dtype == np.float32
    expected = [[np.nan, -1, -0.75], [0.5, 1, 0], [-1, np.nan, 1]]
    np.testing.assert_array_equal(panel.genotypes, np.float32(expected))


@pytest.mark.parametrize(("name", "mode"), [("p.vcf.gz", "wz"), ("p.bcf", "wb")])
def test_packed_or_not(tmp_path, name, mode):
    plain, first = read_from(write(tmp_path))
    packed(tmp_path, HEADER + RECORDS, name, mode)
    other, second = read_from(tmp_path, name)
    np.testing.assert_array_equal(plain.genotypes, other.genotypes)
    assert plain.loci.equals(other.loci)
    assert first != second


def test_one_stream_of_gzip(tmp_path):
    """As gzip makes it, not bgzip: it needs no last block."""
    write(tmp_path, gzip.compress((HEADER + RECORDS).encode()), name="p.vcf.gz")
    assert read_from(tmp_path, "p.vcf.gz")[0].genotypes.shape == (3, 3)


GENOTYPES = {"0/0": -1, "0|1": 0, "1/0": 0, "1|1": 1, "./.": -128, ".": -128, "./1": -128,
             "0": -1, "1": 1}  # fmt: skip


@settings(max_examples=20)
@given(n_strains=st.integers(1, 6), n_loci=st.integers(1, 6), seed=st.integers(0, 2**32 - 1))
def test_random_calls(tmp_path_factory, n_strains, n_loci, seed):
    folder = tmp_path_factory.mktemp("vcf")
    drawn = np.random.default_rng(seed).choice(list(GENOTYPES), (n_loci, n_strains))
    strains = [f"S{i}" for i in range(n_strains)]
    text = HEADER.replace("A\tB\tC", "\t".join(strains)) + "".join(
        f"chr1\t{i + 1}\tl{i}\tA\tC\t.\t.\t.\tGT\t" + "\t".join(row) + "\n"
        for i, row in enumerate(drawn)
    )
    pheno = "strain,YPD\n" + "".join(f"{strain},1\n" for strain in strains)
    panel, _ = read_from(write(folder, text, pheno), facts=())
    assert panel.genotypes.T.tolist() == [[GENOTYPES[cell] for cell in row] for row in drawn]


def test_a_record_whose_alt_is_its_ref_is_no_locus(tmp_path, caplog):
    again = "chr2\t9\tagain\tac\tAC\t.\t.\t.\tGT\t0/0\t0/1\t1/1\n"
    with caplog.at_level(logging.WARNING):
        panel, _ = read_from(write(tmp_path, HEADER + RECORDS + again))
    assert "again" not in panel.loci["id"].to_pylist() and panel.genotypes.shape == (3, 3)
    assert "2 without any and 1 whose ALT is their REF" in caplog.text
    with pytest.raises(G2PError, match="has no usable locus: skipped .* and 1 whose ALT"):
        read_from(write(tmp_path, HEADER + again))


def test_fields_strains_and_facts_change_the_fingerprint(tmp_path):
    write(tmp_path)
    changes = [{}, {"field": "DS"}, {"strains": "shared"}, {"facts": ("plate", "YPD")}]
    prints = {read_from(tmp_path, **options)[1] for options in changes[:3]}
    assert len(prints) == 3
    with pytest.raises(G2PError, match="has no phenotype"):
        read_from(tmp_path, **changes[3])


@pytest.mark.parametrize(
    ("vcf", "options", "message"),
    [
        ("", {}, "p.vcf is empty"),
        ("strain,a\nS,1\n", {}, "p.vcf cannot be read as VCF or BCF after record 0"),
        (bytes(range(256)) * 20, {}, "p.vcf cannot be read as VCF or BCF"),
        (HEADER[:150], {}, "cut short: its last line"),
        (HEADER + RECORDS[:-4], {}, "cut short: its last line"),
        (HEADER, {}, "p.vcf has no usable locus: skipped 0 records"),
        (HEADER.replace("\tFORMAT\tA\tB\tC", ""), {}, "header names no strain"),
        (HEADER.replace("A\tB\tC", "A\tB\tB") + RECORDS, {}, "Duplicated sample name 'B'"),
        (HEADER + RECORDS.replace("chr2\t8", "chr2\tx"), {}, "after record 1: Could not parse the"),
        (HEADER + RECORDS.replace("\t.:.\nchr2", "\nchr2"), {}, "columns at chr2:8 does not match"),
        (HEADER + RECORDS.replace("0|1:1", "0|z:1"), {}, "Couldn't read GT data"),
        (HEADER + RECORDS.replace("0|1", "0|2"), {}, r"record 1 \(chr10:4\): B has allele 2"),
        (HEADER + RECORDS.replace("0|1", "0/0/1"), {}, r"\(chr10:4\): B has 3 alleles"),
        (HEADER + RECORDS.replace(":0.25", ":2.5"), {"field": "DS"}, "A has DS 2.5, outside"),
        (HEADER + RECORDS.replace(":0.25", ":0,1"), {"field": "DS"}, "DS must be one number"),
        (HEADER.replace("DS,Number=A,Type=Float", "DS,Number=1,Type=String") + RECORDS,
         {"field": "DS"}, "DS must be one number"),
        (HEADER + RECORDS.replace("DS:GT", "TX:GT"), {"field": "DS"},
         r"record 6 \(chr2:3\) has no DS; it has TX, GT. Set data.field"),
        (HEADER + RECORDS.replace("\tdel\t", "\trs1\t"), {}, "records 1 and 6: the locus 'rs1'"),
        (HEADER + RECORDS.replace("\tdel\t", "\tde\x7fl\t"), {}, "record 6: the text 'de.x7fl'"),
        (HEADER.replace("A\tB\tC", "A\x01\tB\tC") + RECORDS, {}, "strain 1: the name 'A.x01'"),
        (HEADER + RECORDS, {"facts": ()}, "pheno.csv, line 2, column plate: 'p1' is not a number"),
        (HEADER + RECORDS, {"name": "q.vcf"}, "data.path: the file .*q.vcf does not exist"),
    ],
)  # fmt: skip
def test_faults_are_named_and_leave_no_store(tmp_path, capfd, vcf, options, message):
    with pytest.raises(G2PError, match=message) as error:
        read_from(write(tmp_path, vcf), **options)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.rglob("*.arrow"))
    assert capfd.readouterr().err == ""  # htslib's own words are in the message


LONG = HEADER + "".join(
    f"chr1\t{i + 1}\t.\tA\tC\t.\t.\t.\tGT\t0/{i % 2}\t0/0\t1/{i * i % 3 % 2}\n" for i in range(4000)
)


@pytest.mark.parametrize(("name", "mode"), [("p.vcf.gz", "wz"), ("p.bcf", "wb"), ("p.vcf.gz", "")])
def test_a_file_cut_anywhere_is_noticed(tmp_path, name, mode):
    write(tmp_path)
    whole = packed(tmp_path, LONG, name, mode) if mode else gzip.compress(LONG.encode())
    ends = [5, 30, len(whole) // 2, len(whole) - 30, len(whole) - 8, len(whole) - 1]
    if mode:  # where a block ends, htslib sees nothing but the missing last one
        first = int.from_bytes(whole[16:18], "little") + 1
        assert whole.endswith(LAST_BLOCK)
        assert first < len(whole) // 2
        ends += [first, len(whole) - len(LAST_BLOCK)]
    for end in ends:
        (tmp_path / name).write_bytes(whole[:end])
        with pytest.raises(G2PError, match="cut short|cannot be read"):
            read_from(tmp_path, name)
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 0xFF
    (tmp_path / name).write_bytes(damaged)
    with pytest.raises(G2PError, match=f"{name}[, ]"):
        read_from(tmp_path, name)
    assert not list(tmp_path.rglob("*.arrow"))
