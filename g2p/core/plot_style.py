"""Colours and lines of every figure."""

# Okabe & Ito: told apart by the colour-blind, and by their lightness in greyscale.
BLUE, ORANGE, GREY = "#0072B2", "#E69F00", "#767676"

STYLE = {
    "axes.spines.top": False, "axes.spines.right": False, "font.size": 9, "figure.dpi": 120,
    "legend.frameon": False,
    "text.parse_math": False,  # names are anybody's: a dollar in them is no formula
}  # fmt: skip
