"""The layout of a report's page, as a browser measures it: phone, desktop, paper."""

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from html import unescape
from pathlib import Path

import pyarrow as pa
import pytest

from tests.helpers import study_tables as studies
from tests.helpers.study_reports import write_page

PROBE = """<script>
addEventListener("load", () => setTimeout(() => parent.postMessage({
  width: innerWidth,
  scroll: document.documentElement.scrollWidth,
  cut: [...document.querySelectorAll(".scroll")].filter(
    box => box.scrollWidth > box.clientWidth + 1).length,
  images: [...document.images].map(i => [i.naturalWidth, i.getBoundingClientRect().width]),
  loaded: performance.getEntriesByType("resource").map(e => e.name.slice(0, 60))
}, "*"), 200))</script>"""
LISTENER = """<script>
addEventListener("message", e => {
  const report = document.createElement("pre");
  report.textContent = JSON.stringify(e.data);
  document.body.append(report);
})</script>"""
# Pixels: A4 between its margins.
PAPER = 680


def measured(html: str, widths: Sequence[int], folder: Path) -> list[dict]:
    """What Chromium reports of a page in frames of these widths, the narrowest first.

    Its own window cannot be as narrow as a phone.
    """
    chromium = shutil.which("chromium")
    if not chromium:
        pytest.skip("chromium is not installed (Debian: apt-get install chromium)")
    (folder / "probed.html").write_text(html.replace("</body>", f"{PROBE}</body>"))
    frames = "".join(
        f'<iframe src="probed.html" style="width:{width}px;height:800px;border:0"></iframe>'
        for width in widths
    )
    (folder / "frames.html").write_text(f"<body>{frames}{LISTENER}")
    dom = subprocess.run(
        [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1400,900",
         f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=10000", "--dump-dom",
         (folder / "frames.html").as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    ).stdout  # fmt: skip
    reported = [json.loads(unescape(text)) for text in re.findall("<pre>(.*?)</pre>", dom)]
    assert sorted(facts["width"] for facts in reported) == sorted(widths)
    return sorted(reported, key=lambda facts: facts["width"])


def page_of(table: pa.Table, arm: str, folder: Path) -> str:
    """A page with every section; more keys differ between arms than there are arms."""
    configs = studies.configs(table, [arm])
    for i, config in enumerate(configs.values()):
        config["model"] = {f"an_option_of_number_{n}": (i // 2 + n) % 3 for n in range(20)}
    return write_page(
        folder, table, arm, effects=studies.steps(table, arm), configs=configs,
        warnings=["x" * 300], command=f"echo {'y' * 400}",
        directories=studies.write_histories(table, folder / "runs", epochs=3),
    )  # fmt: skip


@pytest.fixture(scope="module")
def ladder(tmp_path_factory) -> str:
    """The page of a ladder: its table of configs has fourteen columns."""
    return page_of(studies.ladder(seeds=(0, 1)), "rung", tmp_path_factory.mktemp("ladder"))


@pytest.fixture(scope="module")
def wild(tmp_path_factory) -> str:
    """The page of a study under way, with long names, of one word or of many."""
    return page_of(studies.wild(), "arm", tmp_path_factory.mktemp("wild"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ladder", "wild"])
def test_on_a_screen_nothing_overflows_and_nothing_is_fetched(name, request, tmp_path):
    """At a phone's and a desktop's width."""
    for facts in measured(request.getfixturevalue(name), (390, 1280), tmp_path):
        assert facts["scroll"] <= facts["width"]
        assert len(facts["images"]) == 5
        for natural, shown in facts["images"]:
            assert shown >= 0.74 * natural  # letters stay readable: a wide figure scrolls
        assert [name for name in facts["loaded"] if not name.startswith("data:")] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ladder", "wild"])
def test_in_print_nothing_is_cut(name, request, tmp_path):
    """The rules for print, on a screen of a paper's width: tables do not scroll, they fit."""
    html = (
        request.getfixturevalue(name)
        .replace("@media print", "@media all")
        .replace("screen and", "not all and")
    )
    (facts,) = measured(html, (PAPER,), tmp_path)
    assert facts["scroll"] <= facts["width"] and facts["cut"] == 0
    assert all(shown <= PAPER for _, shown in facts["images"])


@pytest.mark.slow
def test_on_a_screen_a_wide_table_scrolls_within_itself(ladder, tmp_path):
    (facts,) = measured(ladder, (PAPER,), tmp_path)
    assert facts["cut"] > 0 and facts["scroll"] <= PAPER
