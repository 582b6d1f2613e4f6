"""A small file set of every source that reads files, as a user would have it."""

from pathlib import Path

import numpy as np
from bed_reader import to_bed

from g2p.data.sources.bbq import ARRAYS
from g2p.data.sources.bbq_li import FILE
from g2p.data.sources.byxrm import GENOTYPES, PHENOTYPES
from g2p.data.sources.yeast import ENVIRONMENTS

STRAINS = [f"A{i}" for i in range(120)]


def write_sources(folder: Path) -> None:
    """120 strains below `folder`, for each source where its YAML looks."""
    _byxrm(folder / "byxrm")
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 3, (120, 20)).astype(np.int8)
    growth = counts[:, :4].sum(axis=1) + rng.standard_normal(120)
    for name, write in (
        ("bbq", _bbq),
        ("bbq_li", _bbq_li),
        ("plink", _plink),
        ("vcf", _vcf),
        ("table", _table),
    ):
        (folder / name).mkdir()
        write(folder / name, counts, growth)


def _bbq(folder: Path, counts: np.ndarray, growth: np.ndarray) -> None:
    for i, name in enumerate(ARRAYS):  # genotypes and phenotypes of train, val and test
        rows = np.array_split(np.arange(120), 3)[i // 2]
        wide = np.repeat(growth[rows, None], len(ENVIRONMENTS), axis=1)
        values = counts[rows] - 1.0 if i % 2 == 0 else (wide - wide.mean()) / wide.std()
        np.save(folder / name, values.astype(np.float32))


def _bbq_li(folder: Path, counts: np.ndarray, growth: np.ndarray) -> None:
    letters = np.random.default_rng(0).choice(["A", "B"], (120, 83))
    rows = [
        f"{''.join(row)},{value},{(i + 1) / 100}"
        for i, (row, value) in enumerate(zip(letters, growth, strict=True))
    ]
    (folder / FILE).write_text("\n".join(["seq,y,y_var", *rows]) + "\n")


def _plink(folder: Path, counts: np.ndarray, growth: np.ndarray) -> None:
    properties = {"iid": STRAINS, "fid": STRAINS, "pheno": growth.astype(str)}
    properties |= {"bp_position": np.arange(1, 21), "allele_1": ["A"] * 20, "allele_2": ["C"] * 20}
    properties["sex"] = 1 + np.arange(len(STRAINS)) % 2
    to_bed(folder / "panel.bed", counts, properties=properties)


def _vcf(folder: Path, counts: np.ndarray, growth: np.ndarray) -> None:
    calls = np.array(["0/0", "0/1", "1/1"])[counts]
    lines = [
        "##fileformat=VCFv4.2", "##contig=<ID=1>",
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t" + "\t".join(STRAINS),
        *("\t".join(["1", str(i + 1), f"m{i}", "A", "C", ".", ".", ".", "GT", *calls[:, i]])
          for i in range(20)),
    ]  # fmt: skip
    (folder / "panel.vcf.gz").write_text("\n".join(lines) + "\n")
    _phenotypes(folder, growth)


def _table(folder: Path, counts: np.ndarray, growth: np.ndarray) -> None:
    rows = [",".join([s, *map(str, row)]) for s, row in zip(STRAINS, counts, strict=True)]
    header = ",".join(["strain", *(f"m{i}" for i in range(20))])
    (folder / "genotypes.csv").write_text("\n".join([header, *rows]) + "\n")
    rows = [f"{strain},{growth[i]},{1 + i % 3}" for i, strain in enumerate(STRAINS)]
    (folder / "phenotypes.csv").write_text("\n".join(["strain,growth,fold", *rows]) + "\n")


def _phenotypes(folder: Path, growth: np.ndarray) -> None:
    rows = [f"{strain},{value}" for strain, value in zip(STRAINS, growth, strict=True)]
    (folder / "phenotypes.csv").write_text("\n".join(["strain,growth", *rows]) + "\n")


def _byxrm(folder: Path) -> None:
    """A cross of 120 strains in the two files' format."""
    rng = np.random.default_rng(0)
    alleles = rng.choice(["B", "R"], (30, 120))
    strains = [f"A{i}" for i in range(120)]
    lines = ["\t".join(["marker", *strains])]
    for i, row in enumerate(alleles):
        lines.append("\t".join([f"{i}_chr{i // 10 + 1:02d}_{i * 100}_T_C", *row]))
    folder.mkdir(parents=True)
    (folder / GENOTYPES).write_text("\n".join(lines) + "\n")
    growth = (alleles[:5] == "R").sum(axis=0) + rng.standard_normal(120)
    rows = [f"{strain}\t{value}" for strain, value in zip(strains, growth, strict=True)]
    (folder / PHENOTYPES).write_text("\n".join(["\tYPD", *rows]) + "\n")
