"""A study's figures: the list of all, and the figure of effects."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from g2p.core.plot_style import BLUE, GREY, subplots
from g2p.report.study.cost_figure import cost
from g2p.report.study.curves import factor_picture
from g2p.report.study.factor_values import AXES, N_TRAIN
from g2p.report.study.layout import NO_VALUE, WIDTH, Picture, Values, legend, wrapped
from g2p.report.study.learning_figure import learning_curves_picture
from g2p.report.study.phenotype_figure import phenotype_picture
from g2p.report.study.published_results import Published, PublishedPoint
from g2p.report.study.results_view import StudyData, group_by, is_number
from g2p.report.study.scaling_figure import scaling_picture
from g2p.report.study.staircase_figure import staircase_picture
from g2p.stats.compare import Effect
from g2p.stats.effects_table import effect_title, method_notes

MOST_EFFECTS = 60


def pictures(
    data: StudyData, effects: Sequence[Effect], directories: Mapping[str, Path],
    published: Sequence[Published], baseline_arms: Collection[str] = (),
    published_curve: Sequence[PublishedPoint] = (),
) -> list[Picture]:  # fmt: skip
    """All figures that the study's results can fill already."""
    drawn = [
        staircase_picture(data, effects, baseline_arms),
        phenotype_picture(data, published),
        effects_picture(effects),
        scaling_picture(data, published_curve),
        *(factor_picture(data, factor) for factor in AXES if factor != N_TRAIN),
        cost(data, baseline_arms),
        learning_curves_picture(data, directories),
    ]
    return [picture for picture in drawn if picture]


def effects_picture(effects: Sequence[Effect]) -> Picture | None:
    """The effects in the study's order, a row each: mean, interval, phenotypes, stars."""
    tested = [effect for effect in effects if is_number(effect.mean)]
    if not tested:
        return None
    fewer = f"The first {MOST_EFFECTS} of {len(tested):,}. " if len(tested) > MOST_EFFECTS else ""
    tested = tested[:MOST_EFFECTS]
    return Picture(
        name="effects",
        heading="What each step changes",
        caption=f"{fewer}Change in test R2 from the first arm to the second: mean and 95% interval "
        "(filled where it is significant after Holm's correction), and the mean of each phenotype "
        "as a grey stroke. * p ≤ 0.05, ** p ≤ 0.01, *** p ≤ 0.001 after the correction. "
        + " ".join(method_notes(tested)),
        description="; ".join(
            f"{effect_title(e, tested)}: {e.mean:+z.4f} {e.stars}" for e in tested
        ),
        values=effect_values(tested),
        draw=_effects,
    )


def effect_values(effects: Sequence[Effect]) -> list[dict]:
    """All drawn values, cells of effects.parquet: an effect's mean, interval and phenotypes."""
    values = []
    for row, effect in enumerate(effects, start=1):
        comparison = {"row": row, "comparison": effect_title(effect, effects)}
        cells = [("phenotype", name, change) for name, change in effect.by_phenotype.items()]
        if is_number(effect.low):
            cells += [("interval_low", None, effect.low), ("interval_high", None, effect.high)]
        for kind, phenotype, change in [*cells, ("mean", None, effect.mean)]:
            values.append({
                "kind": kind, **comparison, "phenotype": phenotype, "change_in_test_r2": change,
                "stars": effect.stars if kind == "mean" else None,
            })  # fmt: skip
    return values


def _effects(values: Values) -> Figure:
    rows = list(group_by(values, lambda row: row["row"]).values())
    names = [wrapped(cells[0]["comparison"], WIDTH * 0.36, lines=8) for cells in rows]
    lines = max(name.count("\n") + 1 for name in names)
    height = len(rows) * max(0.34, 0.15 * lines + 0.1) + 1.1
    figure, axes = subplots(figsize=(WIDTH, height), layout="constrained")
    texts = []
    for y, row_cells in enumerate(rows):
        changes = group_by(row_cells, lambda row: row["kind"])
        x = {kind: [row["change_in_test_r2"] for row in cells] for kind, cells in changes.items()}
        phenotypes = x.get("phenotype", [])
        axes.plot(phenotypes, [y] * len(phenotypes), "|", color=GREY, markersize=7, alpha=0.6)
        if "interval_low" in x:
            ends = [*x["interval_low"], *x["interval_high"]]
            axes.plot(ends, [y, y], color=BLUE, linewidth=2)
        stars = changes["mean"][0]["stars"]
        axes.plot(x["mean"], [y], "o", color=BLUE, markersize=6,
                  markerfacecolor=BLUE if stars else "white")  # fmt: skip
        texts.append(f"{x['mean'][0]:+z.4f} {stars}".rstrip())
    axes.axvline(0, color="black", linewidth=0.8, zorder=0, gid=NO_VALUE)
    axes.set_yticks(range(len(rows)), names)
    axes.set(ylim=(len(rows) - 0.5, -0.5), xlabel="change in test R2")
    axes.locator_params(axis="x", nbins=7)
    axes.grid(axis="y", color="#e8e8e8")
    right = axes.twinx()
    right.set_ylim(axes.get_ylim())
    right.set_yticks(range(len(rows)), texts)
    for side in (axes, right):
        side.tick_params(axis="y", length=0)
        side.spines["left"].set_visible(False)
    handles = [
        Line2D([], [], color=BLUE, marker="o", linewidth=2, label="mean, 95% interval"),
        Line2D([], [], color=GREY, marker="|", linestyle="none", label="a phenotype"),
    ]
    legend(figure, handles, WIDTH)
    return figure
