"""A page that opens offline: one file, its figures in it, no script.

In: sections of blocks, all of plain text. `page.html.jinja` says what they look like; it escapes
whatever it is given, so a name may hold `<`, quotes and `&`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from g2p.report.study.layout import readable


@dataclass(frozen=True)
class Paragraph:
    """A paragraph; `kind` is its class in CSS, if it has one."""

    text: str
    kind: str = ""
    block: ClassVar = "paragraph"


@dataclass(frozen=True)
class Verbatim:
    """Text with its line ends, as a command or an error."""

    text: str
    block: ClassVar = "verbatim"


@dataclass(frozen=True)
class Bullets:
    texts: Sequence[str]
    block: ClassVar = "bullets"


@dataclass(frozen=True)
class Link:
    """A file beside the page, after a text."""

    text: str
    file: str
    block: ClassVar = "link"


@dataclass(frozen=True)
class Table:
    """A table that scrolls within itself where a screen is too narrow for it.

    Attributes:
        heading: what the table is of, read aloud by a screen reader.
        columns: their names.
        rows: cells as text; the first of a row names it.
        numbers: positions of the columns of numbers.
        changed: (row, column) of cells to highlight.
    """

    heading: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: Sequence[int] = ()
    changed: frozenset[tuple[int, int]] = frozenset()
    block: ClassVar = "table"


@dataclass(frozen=True)
class Image:
    """A figure, which scrolls as a table does.

    Attributes:
        heading, caption, description: as in `layout.Picture`.
        image: SVG in the text of a `data:` address.
        csv: path from the page of the file of its values.
    """

    heading: str
    caption: str
    description: str
    image: str
    csv: str
    block: ClassVar = "image"


Block = Paragraph | Verbatim | Bullets | Link | Table | Image


def render(title: str, question: str, sections: Mapping[str, Sequence[Block]]) -> str:
    """Return the page of these sections, heading -> blocks, without those that are empty."""
    template = _environment().get_template("page.html.jinja")
    shown = {heading: blocks for heading, blocks in sections.items() if blocks}
    return template.render(title=title, question=question, sections=shown)


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, finalize=_readable, keep_trailing_newline=True,
    )  # fmt: skip


def _readable(value):
    """Text that an HTML page can hold; what the template itself has made stays as it is."""
    return value if isinstance(value, Markup) else readable(str(value))
