"""A study's report written for a test, and its page read back."""

from contextlib import nullcontext
from html.parser import HTMLParser
from unittest.mock import patch

from g2p.report.study import report
from g2p.stats.compare import Comparison, Effect

PROVENANCE = {
    "study": {"name": "a", "size": "smoke", "file": "a.yaml", "sha256": "0"},
    "report": {
        "date": "2026-01-02T03:04:05+00:00", "git_commit": "0123456789abcdef", "git_dirty": False,
        "machine": {"cpu": "a CPU", "cores": 2, "memory": 2**33, "gpus": [], "platform": "Linux"},
        "packages": {"g2p": "0.1.0"},
    },
    "training": [],
    "stored": [],
}  # fmt: skip


def effect(a, b, mean, low, high, p_holm=0.5, **more) -> Effect:
    return Effect(
        **{"comparison": Comparison("model", a, b), "mean": mean, "low": low, "high": high,
           "p": p_holm, "p_holm": p_holm, "wins": 1, "losses": 0, "ties": 0,
           "by_phenotype": {"30C": mean}, "pairs": 3, "seeds": 3, "left_out": 0, "warning": None}
        | more
    )  # fmt: skip


def write_page(folder, table, arm, figures=True, **more) -> str:
    """Write a study's report, without its figures where no test looks at them; return the page."""
    options = {
        "title": "a study", "question": "Which?", "factors": [arm], "effects": [], "warnings": [],
        "configs": {}, "directories": {}, "published": [], "command": "python sweep.py study=a",
        "provenance": PROVENANCE,
    }  # fmt: skip
    drawn = nullcontext() if figures else patch.object(report, "pictures", lambda *_: [])
    with drawn:
        path = report.write_report(folder, table=table, arm=arm, **(options | more))
    assert path == folder / "report.html"
    return path.read_text()


class Page(HTMLParser):
    """Whether tags close in order, what a page links to, and its text."""

    def __init__(self, html: str):
        super().__init__()
        self.open, self.links, self.text, self.tags = [], [], "", set()
        self.attributes = set()
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {key for key, _ in attrs}
        self.links += [value for key, value in attrs if key in ("src", "href", "srcset")]
        if tag not in ("meta", "img", "source"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "title"} & {*self.open}:
            self.text += data
