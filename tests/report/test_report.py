"""A study's report: what it says, what it draws, and how it looks in a browser."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from statistics import fmean

import pyarrow as pa
import pytest

from g2p.report.study.config_table import config_table
from g2p.report.study.report import _share_of_ceiling, write_report
from g2p.report.study.results_view import COMBINATION, StudyData, combine_factors
from g2p.report.study.summary_text import summary
from g2p.stats.compare import Comparison, Effect
from tests.helpers import study_tables as studies


def effect(a, b, mean, low, high, p_holm=0.5, **more) -> Effect:
    return Effect(
        **{"comparison": Comparison("model", a, b), "mean": mean, "low": low, "high": high,
           "p": p_holm, "p_holm": p_holm, "wins": 1, "losses": 0, "ties": 0,
           "by_phenotype": {"30C": mean}, "pairs": 3, "seeds": 3, "left_out": 0, "warning": None}
        | more
    )  # fmt: skip


def report(folder, table, arm, **more) -> str:
    asked = {
        "title": "a study", "question": "Which?", "factors": [arm], "effects": [], "warnings": [],
        "configs": {}, "directories": {}, "published": [], "command": "python sweep.py study=a",
        "versions": {"g2p": "0.1.0"},
    }  # fmt: skip
    path = write_report(folder, table=table, arm=arm, **(asked | more))
    assert path == folder / "report.html"
    return path.read_text()


class Page(HTMLParser):
    """Whether tags close in order, what a page links to, and its text."""

    def __init__(self, html: str):
        super().__init__()
        self.open, self.links, self.text, self.tags = [], [], "", set()
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.links += [value for key, value in attrs if key in ("src", "href", "srcset")]
        if tag not in ("meta", "img", "source"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "title"} & {*self.open}:
            self.text += data


@pytest.fixture(scope="module")
def wild(tmp_path_factory):
    """The folder of a study under way with names of any kind, and its page."""
    folder = tmp_path_factory.mktemp("wild")
    table = studies.wild()
    html = report(
        folder, table, "arm", effects=studies.steps(table, "arm"), title="a < b", question="a & b?",
        warnings=["1 < 2"], command=f"echo '<&>' {'x' * 400}", versions={"<lib>": "1&2"},
        configs=studies.configs(table, ["arm"]),
        directories=studies.recorded(table, folder / "runs", epochs=3),
    )  # fmt: skip
    return folder, html


def test_one_file_that_escapes_what_it_shows(wild):
    folder, html = wild
    shown = Page(html)
    assert not shown.tags & {"script", "link", "iframe", "b"}
    files = {link for link in shown.links if link.startswith("figures/")}
    others = {*shown.links} - files
    assert all(link.startswith(("data:image/svg+xml;base64,", "#")) for link in others)
    assert files == {f"figures/{file.name}" for file in (folder / "figures").glob("*.csv")}
    assert "@import" not in html and "url(" not in html
    for text in ("a < b", "a & b?", "1 < 2", "echo '<&>'", "<lib>", "<tensor> &", studies.WILD[0]):
        assert text in shown.text
    assert "8 runs: 4 done, 2 running, 2 failed." in shown.text
    assert "2 of 2" not in shown.text and "0 of 2" in shown.text
    for picture in ("r2_by_phenotype", "effects", "cost", "learning_curves"):
        assert (folder / f"figures/{picture}.png").read_bytes().startswith(b"\x89PNG")
        assert b"<svg" in (folder / f"figures/{picture}.svg").read_bytes()[:1000]


def test_the_same_study_gives_the_same_bytes_and_no_stale_figure(tmp_path):
    table = studies.results([{"model": "ridge"}, {"model": "new"}], ["30C", "cu"])
    first = report(tmp_path, table, "model")
    figures = {file: file.read_bytes() for file in (tmp_path / "figures").glob("*.svg")}
    assert {f.stem for f in figures} == {"r2_by_phenotype", "cost"}
    assert report(tmp_path, table, "model") == first
    assert all(file.read_bytes() == data for file, data in figures.items())
    report(tmp_path, studies.results([{"model": "ridge"}], ["30C"]), "model")
    assert {f.name for f in (tmp_path / "figures").iterdir()} == {
        "r2_by_phenotype.svg", "r2_by_phenotype.png", "r2_by_phenotype.csv"
    }  # fmt: skip


@pytest.mark.parametrize("status", ["pending", "running", "failed"])
def test_a_study_without_any_result(tmp_path, status):
    points = [{"model": "ridge", "status": status}, {"model": "transformer", "status": "pending"}]
    table = studies.results(points, ["30C"], seeds=(0,))
    shown = Page(report(tmp_path, table, "model", effects=studies.steps(table, "model")))
    assert "There is no result yet." in shown.text
    assert "0 of 1" in shown.text
    assert ("no error recorded" in shown.text) == (status == "failed")
    assert not (tmp_path / "figures").exists()


def test_a_run_that_has_no_signature_or_phenotype_yet_is_one_run():
    table = studies.results(
        [{"model": "ridge"}, {"model": "x", "status": "pending"}], ["30C"], (0,)
    )
    rows = table.to_pylist()
    for row in rows:
        if row["model"] == "x":
            row |= {"signature": None, "phenotype": None, "split": None}
    data = StudyData(pa.Table.from_pylist(rows), "model", ["model"])
    assert data.counts == {"done": 1, "running": 0, "pending": 1, "failed": 0}


def test_arms_are_ranked_over_the_phenotypes_that_all_have():
    table = studies.results([{"model": "a"}, {"model": "b", "gain": 0.1}], ["easy", "hard"], (0, 1))
    rows = [r for r in table.to_pylist() if (r["model"], r["phenotype"]) != ("b", "hard")]
    data = StudyData(pa.Table.from_pylist(rows), "model", ["model"])
    assert data.phenotypes == ["easy", "hard"] and data.compared == ["easy"]
    for arm in "ab":
        mine = [
            row["r2"] for row in rows
            if row["model"] == arm and row["phenotype"] == "easy" and row["split"] == "test"
        ]  # fmt: skip
        assert len(mine) == 2 and data.means[arm] == pytest.approx(fmean(mine))
    assert list(data.means) == ["b", "a"]
    assert "on easy, which every arm has. " in summary(data, [])[1]
    waiting = table.append_column("x", table["seed"]).to_pylist()[0] | {"status": "pending"}
    waiting |= {"seed": 9, "signature": "9", "r2": None}
    data = StudyData(pa.Table.from_pylist([*rows, waiting]), "model", ["model"])
    assert "on easy, which every arm has so far. " in summary(data, [])[1]


def test_an_arm_of_several_compared_factors_is_their_combination():
    points = [
        {"model.skip": skip, "model.ffn": ffn, "model.num_layers": n, "gain": skip + n}
        for skip in (False, True) for ffn in (False, True) for n in (1, 2)
    ]  # fmt: skip
    table = studies.results(points, ["30C"], (0, 1))
    shown = combine_factors(table, ["model.skip", "model.ffn"])
    data = StudyData(shown, COMBINATION, [*points[0]][:3])
    assert data.arms == ["none", "ffn", "skip", "skip, ffn"]
    assert data.varying == ["model.num_layers"]
    by_hand = [r["r2"] for r in table.to_pylist()
               if r["model.skip"] and not r["model.ffn"] and r["split"] == "test"]  # fmt: skip
    assert len(by_hand) == 4 and data.means["skip"] == pytest.approx(fmean(by_hand))
    shown = combine_factors(table, ["model.num_layers", "model.ffn"])
    assert shown[COMBINATION].unique().to_pylist()[:2] == ["num_layers 1", "num_layers 2"]
    alike = combine_factors(table.rename_columns(
        ["optim.skip" if name == "model.num_layers" else name for name in table.column_names]
    ), ["model.skip", "optim.skip"])  # fmt: skip
    assert alike[COMBINATION][0].as_py() == "optim.skip 1"


def test_the_table_of_arms_by_hand(tmp_path):
    table = studies.results([{"model": "a"}, {"model": "b", "gain": 0.05}], ["30C", "cu"], (0, 1))
    test = [row for row in table.to_pylist() if row["split"] == "test"]
    shown = Page(report(tmp_path, table, "model")).text
    for arm in "ab":
        mine = [row for row in test if row["model"] == arm]
        assert f"{fmean(row['r2'] for row in mine):.4f}" in shown
        share = fmean(row["r2"] / row["noise_ceiling"] for row in mine)
        assert f"{share:.1%}" in shown
        assert f"{mine[0]['num_parameters']:,}" in shown


def test_the_lead_of_the_best_arm_has_its_interval_whichever_way_it_was_compared():
    table = studies.results([{"model": "a", "gain": 0.1}, {"model": "b"}], ["30C", "cu"])
    data = StudyData(table, "model", ["model"])
    forth = summary(data, [effect("b", "a", 0.1, 0.0912, 0.1134, 0.01)])[1]
    back = summary(data, [effect("a", "b", -0.1, -0.1134, -0.0912, 0.01)])[1]
    assert forth == back and "+0.0912 to +0.1134" in forth and "model=a" in forth
    at_a_level = effect("b", "a", 0.1, 0.09, 0.11)
    at_a_level = replace(at_a_level, comparison=replace(at_a_level.comparison, within="x", level=1))
    assert summary(data, [at_a_level])[1] == summary(data, [])[1]  # not of the lead over all
    unsure = summary(data, [effect("b", "a", 0.1, -0.01, 0.3)])[1]
    assert "do not differ significantly" in unsure and "significantly" not in forth
    alone = summary(data, [])[1]  # not among the study's comparisons
    low, high = map(float, re.search(r"([+-][\d.]+) to ([+-][\d.]+\d)", alone).groups())
    lead = float(re.search(r"([\d.]+) less", alone)[1])
    assert low <= lead <= high and low > 0.08


def test_the_lead_says_what_is_paired_and_when_its_interval_is_too_narrow():
    """Three levels of a factor, of one phenotype and seed: p of three pairs is 0.25 at best."""
    points = [{"model": model, "data.epsilon": level, "gain": 0.1 * (model == "b") + level / 10}
              for model in "ab" for level in (0.0, 0.5, 1.0)]  # fmt: skip
    table = studies.results(points, ["30C"], seeds=(0,))
    told = summary(StudyData(table, "model", ["model", "data.epsilon"]), [])[1]
    low = float(re.search(r"interval is ([+-][\d.]+) to", told)[1])
    assert low > 0 and "paired by phenotype, seed, data.epsilon, the lead's" in told
    assert "but p is 0.25:" in told and told.endswith("these two do not differ significantly.")


def test_the_page_says_how_effects_were_tested(tmp_path):
    table = studies.results([{"model": "a"}, {"model": "b", "gain": 0.1}], ["30C", "cu"])
    shown = Page(report(tmp_path, table, "model", effects=studies.steps(table, "model"))).text
    # With the figure, and with the table.
    assert shown.count("Sign-flip test over phenotypes: assumes that they are independent") == 2
    assert shown.count("A pair is two runs that agree in phenotype, seed.") == 2


def test_steps_in_words():
    table = studies.results([{"model": "a", "gain": 0.1}, {"model": "b"}], ["30C"])
    data = StudyData(table, "model", ["model"])
    up, no = effect("b", "a", 0.1, 0.08, 0.12, 0.001), effect("a", "c", 0.0, -0.1, 0.1)
    other = replace(up, comparison=Comparison("model.skip", False, True), mean=-0.1)
    told = summary(data, [up, no, other])[2]
    assert told == (
        "Of 3 comparisons, 2 are significant after Holm's correction "
        "(up: model: b → a. down: model.skip: False → True)."
    )


def test_configs_show_what_differs_between_arms_and_say_what_varies_in_all():
    table = studies.layers()
    factors = ["model", "model.num_layers"]
    data = StudyData(table, "model", factors)
    shown = Page("<p>" + config_table(data, studies.configs(table, factors)) + "</p>").text
    assert "model.num_layers" in shown and "1, 2, 3, 4, 5, 6" in shown
    assert "Varied in every arm alike: seed: 0, 1, 2." in shown
    assert "bbq" not in shown and "/somewhere" not in shown
    assert config_table(data, {}) == ""


def test_failed_runs_are_told_by_their_error(tmp_path):
    points = [{"model": f"m{i}", "status": "failed", "error": "out of memory"} for i in range(14)]
    table = studies.results([*points, {"model": "ridge"}], ["30C"], seeds=(0,))
    shown = Page(report(tmp_path, table, "model")).text
    assert shown.count("out of memory") == 1
    assert "model=m0, seed=0, phenotype=30C (00000000)" in shown and "and 4 more" in shown


PROBE = """<script>
addEventListener("load", () => setTimeout(() => parent.postMessage({
  width: innerWidth,
  scroll: document.documentElement.scrollWidth,
  images: [...document.images].map(i => [i.naturalWidth, i.getBoundingClientRect().width]),
  loaded: performance.getEntriesByType("resource").map(e => e.name.slice(0, 60))
}, "*"), 200))</script>"""
FRAMES = """<body>
<iframe src="probed.html" style="width:390px;height:800px;border:0"></iframe>
<iframe src="probed.html" style="width:1280px;height:800px;border:0"></iframe>
<script>
addEventListener("message", e => {
  const told = document.createElement("pre");
  told.textContent = JSON.stringify(e.data);
  document.body.append(told);
})</script>"""


@pytest.mark.slow
def test_in_a_browser_nothing_overflows_and_nothing_is_fetched(wild, tmp_path):
    """At a phone's and a desktop's width; Chromium's own window cannot be as narrow as a phone."""
    chromium = shutil.which("chromium")
    if not chromium:
        pytest.skip("chromium is not installed (Debian: apt-get install chromium)")
    (tmp_path / "probed.html").write_text(wild[1].replace("</body>", f"{PROBE}</body>"))
    frames = tmp_path / "frames.html"
    frames.write_text(FRAMES)
    dom = subprocess.run(
        [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1400,900",
         f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=10000", "--dump-dom",
         frames.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    ).stdout  # fmt: skip
    told = [json.loads(unescape(text)) for text in re.findall("<pre>(.*?)</pre>", dom)]
    assert sorted(facts["width"] for facts in told) == [390, 1280]
    for facts in told:
        assert facts["scroll"] <= facts["width"]
        assert len(facts["images"]) == 4
        for natural, shown in facts["images"]:
            # Drawn for this width: letters keep their size, to a tenth.
            assert 0 < shown <= facts["width"] and shown == pytest.approx(natural, rel=0.1)
        assert [name for name in facts["loaded"] if not name.startswith("data:")] == []


def test_a_page_of_a_thousand_arms_stays_a_page(tmp_path):
    points = [{"arm": f"lr {i:03}", "gain": i / 10} for i in range(250)]
    points += [
        {"arm": f"bad {i}", "status": "failed", "error": f"error {i}"} for i in range(30)
    ]  # fmt: skip
    table = studies.results(points, ["30C"], (0,))
    effects = [
        replace(effect(f"{i}", f"{i + 1}", 0.01, 0.0, 0.02), warning="Too few.") for i in range(250)
    ]
    html = report(tmp_path, table, "arm", effects=effects, configs=studies.configs(table, ["arm"]))
    text = Page(html).text
    assert "Figures show the 40 best of 280 arms." in text
    assert "0 → 1; 1 → 2" in text and "and 238 more: Too few." in text
    assert "and 80 more" in text  # arms in their table, which has the best 200
    assert "and 50 more" in text  # comparisons
    assert "The first 60 of 250." in text
    assert "error 19" in text and "error 20" not in text and "and 10 more" in text
    arms = html.partition('aria-label="arms"')[2].partition("</table>")[0]
    assert "lr 249" in arms and "lr 050" in arms and "lr 049" not in arms
    configs = html.partition('aria-label="configs"')[2].partition("</table>")[0]
    assert "lr 210" in configs and "lr 209" not in configs
    assert len(html) < 2_000_000


def test_the_share_of_the_noise_ceiling_is_of_the_phenotypes_that_have_one():
    rows = studies.results([{"model": "a"}, {"model": "b"}], ["30C", "cu"], (0, 1)).to_pylist()
    for row in rows:
        row["noise_ceiling"] = {"30C": 0.6, "cu": 0.0}[row["phenotype"]]
        row["r2"] = {"a": 0.3, "b": 0.45}[row["model"]]
    shares = _share_of_ceiling(StudyData(pa.Table.from_pylist(rows), "model", ["model"]))
    assert shares == {"a": pytest.approx(0.5), "b": pytest.approx(0.75)}
