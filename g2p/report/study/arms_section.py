"""The table of arms in a study's report: runs, mean R2, share of the noise ceiling, cost."""

from collections.abc import Collection

from g2p.core.phrases import listed
from g2p.report.study.cost_figure import costs
from g2p.report.study.limits import cut_rows
from g2p.report.study.page import Block, Paragraph, Table
from g2p.report.study.results_view import StudyData, group_by, is_number, mean_r2, number_text


def arms_section(data: StudyData, baseline_arms: Collection[str]) -> list[Block]:
    """Return the table of arms: the best first, those without a result last."""
    runs = group_by(data.runs, lambda run: run.arm)
    ceiling = share_of_ceiling(data)
    columns = ("seconds", "num_parameters", "peak_memory")
    mean_costs = [costs(data, name, baseline_arms) for name in columns]
    rows = []
    arms = [*data.means, *(arm for arm in data.arms if arm not in data.means)]
    for arm in arms:
        done = sum(run.status == "done" for run in runs[arm])
        seconds, parameters, memory = (means.get(arm) for means in mean_costs)
        rows.append([
            arm,
            str(done) if done == len(runs[arm]) else f"{done} of {len(runs[arm])}",
            number_text(data.means.get(arm), "z.4f"),
            number_text(ceiling.get(arm), "z.1%"),
            _round_to_text(seconds) if seconds is not None else "–",
            number_text(parameters, ",.0f"),
            f"{memory / 2**20:,.0f}" if memory is not None else "–",
        ])  # fmt: skip
    notes = []
    if set(baseline_arms) & set(arms):
        notes.append("Parameters are those of trained networks; those of baselines do not compare.")
    if len(data.compared) < len(data.phenotypes):
        notes.append(
            f"R2 is over the {len(data.compared)} of {len(data.phenotypes)} phenotypes that every "
            f"arm has{data.so_far}: "
            f"{listed(data.compared) or 'none, so there is no fair mean yet'}."
        )
    columns = [data.arm, "runs", "mean test R2", "of noise ceiling", "seconds", "parameters",
               "peak memory (MiB)"]  # fmt: skip
    return [Table("arms", columns, cut_rows(rows), numbers=range(1, 7)), *map(Paragraph, notes)]


def share_of_ceiling(data: StudyData) -> dict[str, float]:
    """Arm -> mean of R2 over the noise ceiling, over the compared phenotypes that have one."""
    shares = [
        row | {"r2": row["r2"] / ceiling} for row in data.rows
        if row["phenotype"] in data.compared and is_number(ceiling := row["noise_ceiling"])
        and ceiling > 0
    ]  # fmt: skip
    return {arm: mean_r2(rows) for arm, rows in group_by(shares, data.arm_of).items()}


def _round_to_text(value: float) -> str:
    """A value with three digits, or as a whole number."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
