"""`g2p pretrained FILE GENOTYPES.npy`: predict with published weights.

Reads the tensors of a `.npz` or a Lightning `.ckpt` without executing code, chooses the
architecture by their names, prints the first ten predictions and, with --out, writes all of them.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from g2p.cli.command import run_command
from g2p.core.atomic_files import write_atomically
from g2p.core.console import visible
from g2p.runs.pretrained import load_published
from g2p.runs.pretrained_files import read_genotypes, read_tensors


def main() -> None:
    parser = argparse.ArgumentParser(prog="g2p pretrained", description=__doc__)
    parser.add_argument("file", type=Path, help="published weights, .npz or .ckpt")
    parser.add_argument("genotypes", type=Path, help="genotypes, .npy: strains x loci in [-1, 1]")
    parser.add_argument(
        "--out", type=Path, help="write the predictions to this .npy, strains x phenotypes"
    )
    options = parser.parse_args()
    run_command(lambda: print_predictions(options.file, options.genotypes, options.out))


def print_predictions(file: Path, genotypes_file: Path, out: Path | None) -> None:
    """Print the first ten predictions, (N, P), and write all of them to `out`.

    Raises:
        DataError: if a file cannot be read, or holds no published model.
    """
    name, model = load_published(read_tensors(file))
    genotypes = read_genotypes(genotypes_file, len(model.get_parameter("embed.weight")))
    number = sum(p.numel() for p in model.parameters())
    print(f"{visible(str(file))}: {name}, {number} parameters")
    with torch.no_grad():
        predicted = torch.cat([model(block) for block in genotypes.split(256)]).numpy()
    for row in predicted[:10]:
        print("  ".join(f"{value: .6f}" for value in row))
    if out is not None:
        write_atomically(out, lambda handle: np.save(handle, predicted))
