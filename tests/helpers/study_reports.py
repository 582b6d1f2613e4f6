"""A study's report written for a test, and its page read back."""

from html.parser import HTMLParser

from g2p.report.study.report import write_report
from g2p.stats.compare import Comparison, Effect


def effect(a, b, mean, low, high, p_holm=0.5, **more) -> Effect:
    return Effect(
        **{"comparison": Comparison("model", a, b), "mean": mean, "low": low, "high": high,
           "p": p_holm, "p_holm": p_holm, "wins": 1, "losses": 0, "ties": 0,
           "by_phenotype": {"30C": mean}, "pairs": 3, "seeds": 3, "left_out": 0, "warning": None}
        | more
    )  # fmt: skip


def write_page(folder, table, arm, **more) -> str:
    options = {
        "title": "a study", "question": "Which?", "factors": [arm], "effects": [], "warnings": [],
        "configs": {}, "directories": {}, "published": [], "command": "python sweep.py study=a",
        "versions": {"g2p": "0.1.0"},
    }  # fmt: skip
    path = write_report(folder, table=table, arm=arm, **(options | more))
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
