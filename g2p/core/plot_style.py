"""Colours and lines of every figure."""

# Okabe & Ito: distinct for the colour-blind, and by their lightness in greyscale.
BLUE, ORANGE, GREY = "#0072B2", "#E69F00", "#767676"

STYLE = {
    "axes.spines.top": False, "axes.spines.right": False, "font.size": 9, "figure.dpi": 120,
    "legend.frameon": False,
    "text.parse_math": False,  # a dollar in a user's name does not start a formula
}  # fmt: skip
