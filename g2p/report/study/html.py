"""Pieces of a page that opens offline: one file, its figures in it, no script.

Text is escaped here, so what comes in may hold `<` and `&`.
"""

import base64
import csv
from collections.abc import Sequence
from html import escape
from io import BytesIO, StringIO
from pathlib import Path

from g2p.core.atomic_files import write_atomically
from g2p.core.plot_style import drawing_style
from g2p.report.study.layout import NARROW, STUDY_STYLE, WIDE, Picture, Values, readable

PHONE = 760  # pixels: on a page narrower than this a wide figure's letters are too small

CSS = f"""
*, *::before, *::after {{ box-sizing: border-box }}
body {{ margin: 0; background: #fff; color: #1a1a1a; overflow-wrap: anywhere;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif }}
main {{ max-width: 1080px; margin: 0 auto; padding: 1.5rem 1rem 4rem }}
h1 {{ font-size: 1.7rem; line-height: 1.25; margin: 0 0 .25rem }}
h2 {{ font-size: 1.25rem; margin: 2.75rem 0 .75rem; padding-top: .75rem;
  border-top: 1px solid #ccc }}
h3 {{ font-size: 1rem; margin: 2rem 0 .5rem }}
p, ul, figcaption {{ max-width: 46rem }}
.question {{ font-size: 1.1rem; color: #444; margin-top: 0 }}
nav ul {{ list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .25rem 1.25rem }}
a {{ color: #00568a }}
.warning {{ border-left: 4px solid #b34700; padding: .5rem 1rem; background: #fdf3ea }}
figure {{ margin: 0 0 2rem }}
figure img {{ display: block; max-width: 100%; height: auto }}
figcaption {{ font-size: .9rem; color: #444; margin-top: .5rem }}
.scroll {{ overflow-x: auto; margin: 0 0 1rem }}
.scroll:focus-visible {{ outline: 2px solid #00568a }}
table {{ border-collapse: collapse; font-size: .9rem; overflow-wrap: break-word }}
th, td {{ padding: .35rem .7rem; text-align: left; vertical-align: top;
  border-bottom: 1px solid #ddd }}
thead th {{ border-bottom: 2px solid #666; vertical-align: bottom }}
tbody th {{ font-weight: 500; min-width: 7rem; max-width: 22rem }}
td, thead th {{ max-width: 16rem }}
td.number, th.number {{ text-align: right; font-variant-numeric: tabular-nums }}
td.number {{ white-space: nowrap }}
td.changed {{ font-weight: 700; background: #eef3f7 }}
pre {{ background: #f5f5f5; padding: .75rem; white-space: pre-wrap; font-size: .85rem;
  margin: .5rem 0 }}
@media (max-width: {PHONE}px) {{
  h1 {{ font-size: 1.4rem }}
  tbody th {{ max-width: 9rem }}
}}
@media print {{ nav {{ display: none }} figure, tr {{ break-inside: avoid }} }}
"""


def page(title: str, question: str, sections: Sequence[tuple[str, str]]) -> str:
    """The whole page from its sections: headings as text, contents as HTML."""
    ids = [heading.lower().replace(" ", "-") for heading, _ in sections]
    links = "".join(
        f'<li><a href="#{key}">{_escape(heading)}</a></li>'
        for key, (heading, _) in zip(ids, sections, strict=True)
    )
    bodies = "\n".join(
        f'<section id="{key}">\n<h2>{_escape(heading)}</h2>\n{body}\n</section>'
        for key, (heading, body) in zip(ids, sections, strict=True)
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{_escape(title)}</title>
<style>{CSS}</style>
</head>
<body>
<main>
<h1>{_escape(title)}</h1>
<p class="question">{_escape(question)}</p>
<nav aria-label="sections"><ul>{links}</ul></nav>
{bodies}
</main>
</body>
</html>
"""


def paragraph(text: str, kind: str = "") -> str:
    return f'<p class="{kind}">{_escape(text)}</p>' if kind else f"<p>{_escape(text)}</p>"


def pre(text: str) -> str:
    return f"<pre>{_escape(text)}</pre>"


def bullets(texts: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{_escape(text)}</li>" for text in texts) + "</ul>"


def table(
    heading: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *,
    numbers: Sequence[int] = (), changed: Sequence[tuple[int, int]] = (),
) -> str:  # fmt: skip
    """A table that scrolls within itself where the page is too narrow for it.

    Args:
        heading: what the table is of, read aloud by a screen reader.
        columns: their names.
        rows: cells as text; the first of a row names it.
        numbers: positions of the columns of numbers.
        changed: (row, column) of cells to highlight.
    """
    marked = set(changed)

    def cell(i: int, j: int, text: str) -> str:
        kinds = ["number"] * (j in numbers) + ["changed"] * ((i, j) in marked)
        kind = f' class="{" ".join(kinds)}"' if kinds else ""
        if j == 0:
            return f'<th scope="row"{kind}>{_escape(text)}</th>'
        return f"<td{kind}>{_escape(text)}</td>"

    head = "".join(
        f'<th scope="col"{" class=number" if j in numbers else ""}>{_escape(name)}</th>'
        for j, name in enumerate(columns)
    )
    body = "\n".join(
        "<tr>" + "".join(cell(i, j, text) for j, text in enumerate(row)) + "</tr>"
        for i, row in enumerate(rows)
    )
    label = _escape(heading)
    return (
        f'<div class="scroll" role="region" aria-label="{label}" tabindex="0"><table>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )


def figure(picture: Picture, folder: Path) -> str:
    """The figure, laid out for a desktop and for a phone; its values as a file to open.

    The former is PNG and SVG in `folder`, beside the CSV of every value that both draw.
    """
    write_atomically(folder / f"{picture.name}.csv", lambda out: out.write(_csv(picture.values)))
    desktop = _svg(picture, WIDE, folder)
    phone = _svg(picture, NARROW)
    file = f"{folder.name}/{picture.name}.csv"
    return (
        f"<h3>{_escape(picture.heading)}</h3>\n<figure>\n<picture>\n"
        f'<source media="(max-width: {PHONE}px)" srcset="{_data(phone)}">\n'
        f'<img src="{_data(desktop)}" alt="{_escape(picture.description)}">\n</picture>\n'
        f"<figcaption>{_escape(picture.caption)} Every value drawn: "
        f'<a href="{file}">{file}</a></figcaption>\n</figure>'
    )


def _csv(values: Values) -> bytes:
    """Rows with their columns' names; numbers with all their digits."""
    file = StringIO(newline="")
    writer = csv.DictWriter(file, list(values[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(values)
    return readable(file.getvalue()).encode()


def _svg(picture: Picture, width: float, folder: Path | None = None) -> bytes:
    with drawing_style(STUDY_STYLE):
        drawn = picture.figure(width)
        file = BytesIO()
        drawn.savefig(file, format="svg", metadata={"Date": None})  # the same figure, the same file
        if folder:
            write_atomically(folder / f"{picture.name}.svg", lambda out: out.write(file.getvalue()))
            write_atomically(
                folder / f"{picture.name}.png",
                lambda out: drawn.savefig(out, format="png", dpi=150),
            )
    return file.getvalue()


def _data(svg: bytes) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"


def _escape(text: str) -> str:
    return escape(readable(text))
