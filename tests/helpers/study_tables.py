"""Results of studies that nobody trained: tables as a collected study has them, of random R2."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from g2p.runs.directory import RunDirectory
from g2p.stats.compare import Comparison, compare

BBQ = (
    "23C", "25C", "27C", "30C", "33C", "35C", "37C", "cu", "suloc", "ynb", "eth", "gu", "li",
    "mann", "mol", "raff", "sds", "4NQO",
)  # fmt: skip
RUNGS = (
    "bottom", "biased projections", "mean pool and linear head", "all phenotypes", "width",
    "output projection", "skip", "layer norm", "scaling", "feed-forward", "heads", "initialisation",
    "optimizer",
)  # fmt: skip
LONG = "a very long name that somebody gave to an arm of their own study, number"
WILD = ("<b>bold & $x_1$ $y$</b>", "M" * 44, *(f"{LONG} {i}" for i in range(2)))


def results(
    points: Sequence[dict], phenotypes: Sequence[str] = BBQ, seeds: Sequence[int] = (0, 1, 2),
    spread: float = 0.004,
) -> pa.Table:  # fmt: skip
    """A run for each point and seed, all phenotypes in each.

    Args:
        points: factors, and how much they add to R2 as `gain`; `status` where a run is not done.
        phenotypes: names.
        seeds: of each point.
        spread: of R2 over seeds.
    """
    rng = np.random.default_rng(0)
    level = dict(zip(phenotypes, rng.uniform(0.35, 0.75, len(phenotypes)), strict=True))
    taste = rng.normal(0, 0.004, (len(points), len(phenotypes)))
    rows = []
    for i, point in enumerate(points):
        point = dict(point)
        gain, status = point.pop("gain", 0.0), point.pop("status", "done")
        error = point.pop("error", None)
        cost = {"seconds": 60.0 * (1 + i), "num_parameters": 2000 * 3**min(i, 6), "peak_memory":
                10**9 + 10**8 * i} if status == "done" else {}  # fmt: skip
        for seed in seeds:
            for split in ("val", "test"):
                for j, name in enumerate(phenotypes):
                    r2 = level[name] + gain + taste[i, j] + rng.normal(0, spread)
                    rows.append({
                        **point, "seed": seed, "phenotype": name, "split": split,
                        "r2": r2 if status == "done" else None,
                        "noise_ceiling": level[name] + 0.15, "ridge_r2": level[name] - 0.05,
                        "signature": f"{i:06x}{seed:02x}", "status": status, "error": error, **cost,
                    })  # fmt: skip
    names = dict.fromkeys(key for row in rows for key in row)
    empty = dict.fromkeys([*names, "seconds", "num_parameters", "peak_memory"])
    table = pa.Table.from_pylist([empty | row for row in rows])
    return table.set_column(
        table.column_names.index("r2"), "r2", table["r2"].cast(pa.float64())
    )  # null throughout where nothing is done


def ladder(phenotypes: Sequence[str] = BBQ, seeds: Sequence[int] = (0, 1, 2)) -> pa.Table:
    gains = np.cumsum([0, 0, -0.01, 0.02, 0.03, 0, 0.05, 0.01, 0.002, 0.03, 0, 0.001, 0.004])
    points = [
        {"rung": rung, "model": "rung", "gain": gain}
        for rung, gain in zip(RUNGS, gains, strict=True)
    ]
    return results(points, phenotypes, seeds)


def plateaus(seeds: Sequence[int] = (0, 1, 2, 3, 4)) -> pa.Table:
    """A ladder of one phenotype, each seed with a split of its own, and beside it pairs of loci.

    Every rung has 12,000 updates; of the lower ones some runs escape their plateau, or none.
    """
    rungs = [rung for rung in RUNGS if rung != "all phenotypes"]
    gains = [0, 0.005, -0.01, 0.01, 0.02, 0.055, 0.06, 0.062, 0.066, 0.066, 0.067, 0.067]
    median = [20000, 14000, 40000, 11000, 6000, 3000, 1500, 1200, 1000, 950, 900, 900]
    points = [{"rung": rung, "gain": gain} for rung, gain in zip(rungs, gains, strict=True)]
    rows = results([*points, {"rung": "pairs", "gain": 0.05}], ["li"], seeds, 0.003).to_pylist()
    rng = np.random.default_rng(2)
    for i, rung in enumerate(rungs):
        for seed in seeds:
            escape = int(median[i] * rng.lognormal(0, 0.35))
            for row in rows:
                if (row["rung"], row["seed"]) == (rung, seed):
                    row |= {"updates": 12000, "escape_updates": escape if escape < 12000 else None}
    for row in rows:
        closed = row["rung"] == "pairs"
        row |= {"same_panel": row["seed"], "same_setting": row["seed"],
                "model_name": "linear_pairwise" if closed else "rung"}  # fmt: skip
        row["ridge_r2"] += row["seed"] / 500
    return pa.Table.from_pylist([{"updates": None, "escape_updates": None} | row for row in rows])


def wild() -> pa.Table:
    """Forty phenotypes, names of any length, and runs that are not done."""
    states = [{}, {}, {"status": "running"}, {"status": "failed", "error": "no <tensor> & more"}]
    points = [{"arm": arm, "gain": i / 50, **states[i]} for i, arm in enumerate(WILD)]
    names = [f"phenotype {i} in <YPD> & 0.{i} M NaCl" for i in range(40)]
    return results(points, names, seeds=(0, 1))


def layers() -> pa.Table:
    points = [
        {"model": model, "model.num_layers": n, "gain": gain + n / 100}
        for model, gain in (("rijal_attention", 0.0), ("transformer", 0.03))
        for n in range(1, 7)
    ]
    return results([*points, {"model": "ridge", "model.num_layers": None}], ["30C", "cu"])


def transfer() -> pa.Table:
    observations = [0, 10, 20, 50, 100, 200, 500, 1000, 2000, None]
    points = [
        {"model": model, "transfer.observations": m, "gain": i / 40}
        for model in ("ridge", "transformer")
        for i, m in enumerate(observations)
    ]
    return results(points, ["30C"])


def scaling(phenotypes: Sequence[str] = ("li",)) -> pa.Table:
    """Two models whose curves cross near 1,000 strains."""
    points = [
        {"model": model, "split.n_train": n, "gain": rise * np.log10(n / 1000)}
        for model, rise in (("ridge", 0.02), ("transformer", 0.1))
        for n in (100, 300, 1000, 3000, 7000, 14000)
    ]
    return results(points, phenotypes, seeds=range(4))


def alike() -> pa.Table:
    """Two arms that cost and reach almost the same."""
    return results([{"model": f"m{i % 2}"} for i in range(40)], ["30C"], seeds=(0,))


def steps(table: pa.Table, arm: str):
    """The effects of each value of the arm after the one before it."""
    values = table[arm].unique().to_pylist()
    pairs = [Comparison(arm, a, b) for a, b in zip(values, values[1:], strict=False)]
    return compare(table, pairs)


def write_histories(table: pa.Table, folder: Path, epochs: int = 40) -> dict[str, Path]:
    """Run directories with a history for every finished run."""
    rng = np.random.default_rng(1)
    directories = {}
    for signature in table["signature"].unique().to_pylist():
        directories[signature] = folder / signature
        best = rng.uniform(0.5, 0.65)
        r2 = best * (1 - np.exp(-np.arange(epochs) / rng.uniform(3, 9))) - 0.3 * (
            np.arange(epochs) == 0
        )
        RunDirectory(directories[signature]).write_history([
            {"epoch": i, "train_loss": 1 - x, "val_loss": 1 - x, "val_r2_mean": x, "seconds": 1.0}
            for i, x in enumerate(r2.tolist())
        ])  # fmt: skip
    return directories


def configs(table: pa.Table, factors: Sequence[str]) -> dict[str, dict]:
    """A config for each run, its factors among keys that are the same everywhere."""
    by_signature = {}
    for row in table.to_pylist():
        config = {"data": {"name": "bbq"}, "seed": row["seed"], "phenotype": "all",
                  "paths": {"runs": "/somewhere"}}  # fmt: skip
        for name in factors:
            *above, last = ["model", "name"] if name == "model" else name.split(".")
            inner = config.setdefault(above[0], {}) if above else config
            inner[last] = row[name]
        by_signature[row["signature"]] = config
    return by_signature
