"""The files of an explanation's figures: PNG, SVG, and a CSV of what is drawn."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from g2p.core.atomic_files import write_atomically
from g2p.core.plot_style import drawing_style
from g2p.explain.explanation import Explanation
from g2p.explain.genome_figure import effects_along_genome
from g2p.explain.hubs import hubs
from g2p.explain.pair_figures import attention_beside, interactions_triangle

FORMATS = {"png": {"dpi": 150}, "svg": {"metadata": {"Date": None}}}


def draw(explanation: Explanation) -> list[Path]:
    """Draw all figures of an explanation into its folder: PNG, SVG, and a CSV of what is drawn."""
    drawings: dict[str, Callable[[Explanation], tuple[Figure, pd.DataFrame] | None]] = {
        "effects": effects_along_genome, "interactions": interactions_triangle, "hubs": hubs,
        "attention": attention_beside,
    }  # fmt: skip
    paths = []
    for name, function in drawings.items():
        with drawing_style():
            drawn = function(explanation)
            for ending, options in FORMATS.items():
                path = explanation.folder / f"{name}.{ending}"
                if drawn is None:
                    path.unlink(missing_ok=True)
                    continue
                write_atomically(path, partial(drawn[0].savefig, format=ending, **options))
                paths.append(path)
        if drawn is not None:
            path = explanation.folder / f"{name}.csv"
            write_atomically(path, partial(drawn[1].to_csv, index=False))
    return paths
