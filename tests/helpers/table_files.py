"""A small table of genotypes, its phenotypes and loci, as CSV files."""

from g2p.data.sources.table import read

GENO = """strain,m1,m2,m3
A,-1,0,1
B,1,,NA
C,0,1.0,-1
"""
PHENO = """strain,YPD,fold,Copper
C,3,0,
A,1e-1,1,NA
B,-2,0,5.
"""
LOCI = """id,position,chromosome,allele_0,allele_1
m2,3,chr2,T,NA
m3,10,chr1,A,C
other,1,chr1,A,C
m1,7,chr10,G,A
"""


def write(folder, geno=GENO, pheno=PHENO, loci=None):
    folder.mkdir(exist_ok=True)
    for name, text in (("geno.csv", geno), ("pheno.csv", pheno), ("loci.csv", loci)):
        if text is not None:
            (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def read_from(folder, **options):
    files = {"path": "geno.csv", "phenotypes": "pheno.csv", "loci": None}
    files |= {key: options.pop(key) for key in files if key in options}
    defaults = {
        "orientation": "strains_by_loci", "coding": "-1/0/1", "strains": "same", "facts": ["fold"],
        "optional_facts": [],
    }  # fmt: skip
    files = {key: name and folder / name for key, name in files.items()}
    return read(folder=folder / "cache", **files, **defaults | options)
