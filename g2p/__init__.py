"""g2p trains genotype-to-phenotype models and finds out which component earns its keep."""
