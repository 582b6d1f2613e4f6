"""Facts of yeast and of the published panels: chromosomes, map, environments."""

# Chromosomes I to XVI of S. cerevisiae S288C, in bp (reference R64, Saccharomyces Genome Database).
CHROMOSOME_LENGTHS = (
    230_218, 813_184, 316_620, 1_531_933, 576_874, 270_161, 1_090_940, 562_643,
    439_888, 745_751, 666_816, 1_078_177, 924_431, 784_333, 1_091_291, 948_066,
)  # fmt: skip
# 0.34 cM a kb, the genome-wide average of yeast's genetic map (Cherry et al. 1997, Nature 387:67).
MORGANS_PER_BP = 0.34e-2 / 1_000

TEMPERATURES = ("23C", "25C", "27C", "30C", "33C", "35C", "37C")
OTHERS = ("cu", "suloc", "ynb", "eth", "gu", "li", "mann", "mol", "raff", "sds", "4NQO")
# In the order of the columns of the published phenotype arrays (Nguyen Ba et al. 2022).
ENVIRONMENTS = [*TEMPERATURES, *OTHERS]
ALIASES = {"YPD": "30C"}
