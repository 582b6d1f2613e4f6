"""The files of a figure: its image as SVG, PDF and PNG, and the values it draws as CSV."""

import base64
import csv
from io import BytesIO, StringIO
from pathlib import Path

from g2p.core.atomic_files import write_atomically
from g2p.core.plot_style import drawing_style
from g2p.report.study.layout import STUDY_STYLE, Picture, Values, readable
from g2p.report.study.page import Image

# Each with the metadata without which the same figure is not the same file.
IMAGES = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": None}
ENDINGS = ("csv", *IMAGES)
DOTS = 150  # an inch, of the PNG


def write_figure(picture: Picture, folder: Path) -> Image:
    """Write a figure's files into `folder`; return it for a page beside that folder."""
    file = folder / f"{picture.name}.csv"
    write_csv(file, picture.values)
    images = _images(picture)
    for ending, content in images.items():
        _write(folder / f"{picture.name}.{ending}", content)
    return Image(
        picture.heading, picture.caption, picture.description,
        image=f"data:image/svg+xml;base64,{base64.b64encode(images['svg']).decode()}",
        csv=f"{folder.name}/{file.name}",
    )  # fmt: skip


def _write(path: Path, content: bytes) -> None:
    write_atomically(path, lambda out: out.write(content))


def write_csv(path: Path, values: Values) -> None:
    """Write rows of the same columns; numbers with all their digits."""
    file = StringIO(newline="")
    writer = csv.DictWriter(file, list(values[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(values)
    _write(path, readable(file.getvalue()).encode())


def _images(picture: Picture) -> dict[str, bytes]:
    """Format -> the figure in it."""
    files = {}
    with drawing_style(STUDY_STYLE):
        drawn = picture.figure()
        for name in IMAGES:
            file = BytesIO()
            drawn.savefig(file, format=name, metadata=IMAGES[name], dpi=DOTS)
            files[name] = file.getvalue()
    return files
