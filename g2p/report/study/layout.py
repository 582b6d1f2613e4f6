"""The style of a study's figures: styles of arms, text that fits, ticks that do not overlap.

A figure is drawn from its values, the rows of the CSV beside it, and from nothing else.
"""

import re
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import log10
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.markers import CARETDOWN
from matplotlib.textpath import TextPath
from matplotlib.ticker import NullLocator

from g2p.core.plot_style import BLUE, ORANGE, STYLE

# Okabe & Ito without their yellow, which is invisible on white.
COLOURS = (BLUE, ORANGE, "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "black")
# Their number has no common factor with that of the colours: pairs repeat after 56 arms.
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<")
LINES = ("-", "--", "-.", ":")
# The salt makes the same figure the same file.
STUDY_STYLE = {
    **STYLE, "svg.hashsalt": "g2p", "axes.axisbelow": True,
    "pdf.fonttype": 42,  # TrueType, as journals ask for
}  # fmt: skip

WIDTH = 10.8  # inches, at most: of a page
LOWEST = -0.25  # where an axis of R2 ends: one failed fit would flatten all others
# Artists that stand for no value of their own: lines at zero, arrows to what is below an axis.
NO_VALUE = "no value"
# Control characters other than tab and line ends, and surrogates.
UNREADABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")

Values = Sequence[Mapping[str, Any]]  # rows of texts, numbers and gaps


@dataclass(frozen=True)
class Picture:
    """A figure of the report.

    Attributes:
        name: of its files.
        heading, caption: beside it.
        description: text in place of the image.
        values: every value that is drawn, as rows of the same columns.
        draw: values -> figure.
    """

    name: str
    heading: str
    caption: str
    description: str
    values: Values
    draw: Callable[[Values], Figure]

    def figure(self) -> Figure:
        return self.draw(self.values)


def style(position: int) -> dict[str, Any]:
    """Colour, marker and line of the arm at this position in the study's order."""
    return {
        "color": COLOURS[position % len(COLOURS)],
        "marker": MARKERS[position % len(MARKERS)],
        "linestyle": LINES[position % len(LINES)],
    }


def inches_of(text: str, size: float = 9) -> float:
    """How wide a line of text in letters of so many points is."""
    return sum(map(_width, text)) * size / 72


@cache
def _width(letter: str) -> float:
    """Of a letter of one point, with the space around it."""
    between, without = (
        TextPath((0, 0), text, size=1).get_extents().width for text in (f"|{letter}|", "||")
    )
    return between - without


def readable(text: str) -> str:
    """Text with a mark in place of what no page or image can hold (NUL, half a character)."""
    return UNREADABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def wrapped(text: str, inches: float, size: float = 9, lines: int = 4) -> str:
    """Text broken into lines that fit; what is beyond the last line is cut."""
    text = readable(text)
    each = max(inches_of(text, size) / max(len(text), 1), 0.5 * size / 72)
    # Lines are not all of average letters: leave a tenth.
    letters = max(4, int(0.9 * inches / each))
    longest = max(text.split(), key=lambda word: inches_of(word, size), default="")
    if inches_of(longest, size) <= inches:  # then no word is broken
        letters = max(letters, len(longest))
    parts = textwrap.wrap(text, letters, max_lines=lines, placeholder="…", break_on_hyphens=False)
    return "\n".join(parts) or " "


def slot_labels(
    names: Sequence[str], inches: float, turned_inches: float
) -> tuple[list[str], bool]:
    """Labels of slots so many inches apart, and whether they must be turned to fit.

    Args:
        names: to be broken into lines, in letters of 8 points.
        inches: from a slot to the next.
        turned_inches: that a turned label may be long.
    """
    longest = max(inches_of(part, 8) for name in names for part in readable(name).split() or [""])
    if longest < 0.95 * inches:
        return [wrapped(name, inches, 8) for name in names], False
    # Turned, a line of it takes 0.14 inches of the slot's width.
    return [wrapped(name, turned_inches, 8, max(1, int(inches / 0.14))) for name in names], True


def legend(figure: Figure, handles: Sequence, width: float) -> None:
    """A legend above all axes, in as many columns as its labels leave room for."""
    for handle in handles:
        handle.set_label(wrapped(handle.get_label(), width - 0.8))
    columns = _columns([handle.get_label() for handle in handles], width)
    figure.legend(
        handles=handles, loc="outside upper left", ncols=columns,
        handlelength=3,  # or a marker hides what kind of line it is on
    )  # fmt: skip


def legend_inches(labels: Sequence[str], width: float) -> float:
    """How high a legend of these labels is, above axes so many inches wide."""
    labels = [wrapped(label, width - 0.8) for label in labels]
    down = -(-len(labels) // _columns(labels, width))
    columns = [labels[start : start + down] for start in range(0, len(labels), down)]
    lines = max(sum(label.count("\n") + 1 for label in column) for column in columns)
    return 0.14 * lines + 0.06 * down + 0.1


def _columns(labels: Sequence[str], width: float) -> int:
    longest = max(inches_of(line) for label in labels for line in label.splitlines())
    # Handle, its distance from the label, and the gap between columns are about 0.75 inches.
    return max(1, min(int(width / (0.75 + longest)), len(labels)))


def set_tick_labels(axis, positions: Sequence[float], labels: Sequence[str], inches: float) -> None:
    """Set ticks at these positions of an axis so many inches long; labels only where they fit.

    The last label is always drawn, then as many as fit from the right.
    """
    logarithmic = axis.get_scale() == "log"
    ordered = sorted(zip(positions, labels, strict=True), reverse=True)
    along = [log10(position) if logarithmic else position for position, _ in ordered]
    span = (along[0] - along[-1]) or 1.0
    shown, next_start = [], float("inf")
    for at, (_, text) in zip(along, ordered, strict=True):
        centre = (at - along[-1]) / span * inches
        half = (inches_of(text) + 0.08) / 2
        fits = centre + half <= next_start
        shown.append(text if fits else "")
        next_start = centre - half if fits else next_start
    axis.set_ticks([position for position, _ in ordered], shown)
    axis.set_minor_locator(NullLocator())


def r2_limits(values: Sequence[float]) -> tuple[float, float]:
    """The ends of an axis of R2 for these values, the lower one LOWEST if that is among them."""
    low, high = min(values), max(values)
    cut = low < LOWEST < high
    low = LOWEST if cut else low
    margin = max(0.06 * (high - low), 0.005)
    return low if cut else low - margin, high + margin


def mark_below(axes: Axes, points: Iterable[tuple[float, float]], colour: str) -> None:
    """Mark the points (x, y) below the axis, whose limits are set, by arrows at its edge.

    The values themselves are drawn too, outside the axis.
    """
    low = axes.get_ylim()[0]
    for x in [x for x, y in points if y < low]:
        axes.plot(
            x, 0.03, marker=CARETDOWN, color=colour, markersize=6, markeredgewidth=0, zorder=3,
            transform=axes.get_xaxis_transform(), gid=NO_VALUE,
        )  # fmt: skip


def r2_label(values: Values) -> str:
    """The label of an axis of R2, with what its bars and points are."""
    kinds = {row["kind"] for row in values}
    if "interval_low" in kinds:
        return "test R2\nmean ± standard error" + (", points: runs" if "run" in kinds else "")
    return "test R2\nsingle runs" if "run" in kinds else "test R2"


def below_axis_note(r2: Iterable[float], what: tuple[str, str], marked: bool = True) -> str:
    """A caption's sentence on the values below the axis, if any, with a space before it.

    Args:
        r2: all values.
        what: what a value is, singular and plural.
        marked: whether arrows show where they are.
    """
    low = [value for value in r2 if value < LOWEST]
    if not low:
        return ""
    noun, verb = (what[0], "is") if len(low) == 1 else (what[1], "are")
    arrows = ", marked by an arrow" if marked else ""
    return (
        f" {len(low):,} {noun} {verb} below the axis{arrows}: R2 down to {min(low):.3g}. "
        "The CSV has every value."
    )
