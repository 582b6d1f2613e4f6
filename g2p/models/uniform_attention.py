"""When an attention layer is uninformative: it weights all loci (almost) equally."""

# Weights this close to uniform, or to the identity, carry nothing of the other loci.
DEGENERATE = 0.999


def is_uniform(layer: dict) -> bool:
    """Whether a layer, as measured by `attention_entropy`, attends to all loci alike."""
    return layer["entropy"] > DEGENERATE * layer["uniform"]
