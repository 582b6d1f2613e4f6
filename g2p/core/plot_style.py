"""Colours, lines and canvas of every figure.

Figures are drawn without pyplot: no window, no backend chosen for the whole process, nothing to
close. matplotlib is imported where something is drawn.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

# Okabe & Ito: distinct for the colour-blind, and by their lightness in greyscale.
BLUE, ORANGE, GREY = "#0072B2", "#E69F00", "#767676"

Layout = Literal["constrained", "compressed", "tight"]

STYLE = {
    "axes.spines.top": False, "axes.spines.right": False, "font.size": 9, "figure.dpi": 120,
    "legend.frameon": False,
    "text.parse_math": False,  # a dollar in a user's name does not start a formula
}  # fmt: skip


@contextmanager
def drawing_style(style: dict = STYLE) -> Iterator[None]:
    """Draw in this style. A letter that the font lacks is an empty box, which needs no warning."""
    import matplotlib

    with matplotlib.rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph .* missing from font")
        yield


def subplots(
    rows: int = 1, columns: int = 1, *, figsize: tuple[float, float], layout: Layout | None = None,
    used: int | None = None, **options,
) -> tuple[Any, Any]:  # fmt: skip
    """Return a figure and its axes, as pyplot's function of this name does.

    Of a grid of which only the first so many axes are `used`, the others are hidden.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=figsize, layout=layout)
    FigureCanvasAgg(figure)  # it becomes the figure's canvas
    axes: Any = figure.subplots(rows, columns, **options)
    if used is not None:
        for unused in axes.flat[used:]:
            unused.set_visible(False)
    return figure, axes
