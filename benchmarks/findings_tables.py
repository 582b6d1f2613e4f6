"""Write the tables of docs/findings/ that are means or extracts of the kept rows.

    python -m benchmarks.findings_tables

closed_forms_mean.csv  mean and standard error over splits, of closed_forms.csv
closed_forms_80_mean.csv  the same of closed_forms_80.csv
weights_mean.csv       what weights change, of benchmarks/results/weights.csv
ladder_rates.csv       each rung at each learning rate, on test strains, of ladder-*.parquet
ladder_replicates.csv  test R2 and updates to escape of each rung by replicate, and their means, at
                       the learning rate that the first replicate chose
layers_rates.csv, layers_replicates.csv
                       the same of each model and number of layers, of layers-*.parquet
same_model.csv         test R2 by split of one model that both studies trained, from two draws of
                       initial weights: the ladder's bottom, and Rijal's attention with two layers
reach_mean.csv         mean and standard error over the splits that chose nothing, of reach.csv
kernel_and_networks.csv
                       test R2 by split of the kernel with a rate a locus (closed_forms_80.csv) and
                       of transformers, two averaged and alone (reach.csv), and their mean
byxrm_models.csv       R2 of each phenotype of byxrm, pooled over ten folds, and their mean, by
                       model, of byxrm_network.csv and byxrm_closed.csv
byxrm_choice_mean.csv  validation R2 of the settings that were tried there, of byxrm_choice.csv
recovery_r2.csv        test R2 of the models of recovery.csv, and of ridge: mean over phenotypes,
                       then over replicates; updates of each
scaling_means.csv      test R2 of each model by training strains, mean over replicates, at the
                       learning rate that validation chose, of scaling-*.parquet

and the comparisons of these studies (`benchmarks.study_tables`).
"""

import pandas as pd

from benchmarks.study_tables import FINDINGS, derive_comparisons
from benchmarks.training_run import RESULTS

RATES = ["optim.lr", "r2", "ridge_r2", "updates", "escape_updates", "signature"]
LAYERS = ["model", "model.num_layers"]


def derive_tables() -> dict[str, pd.DataFrame]:
    """Return file name -> table."""
    closed_forms = {
        name: _means(pd.read_csv(FINDINGS / f"{name}.csv"), ["r2", "pearson"])
        for name in ("closed_forms", "closed_forms_80")
    }
    weights = pd.read_csv(RESULTS / "weights.csv")
    weights["gain"] = weights["inverse_variance"] - weights["none"]
    ladder, layers, scaling = map(_test_rows, ("ladder", "layers", "scaling"))
    by_rung, by_layers = _by_replicate(ladder, ["rung"]), _by_replicate(layers, LAYERS)
    return {
        **derive_comparisons(),
        **{f"{name}_mean.csv": means for name, means in closed_forms.items()},
        "weights_mean.csv": _means(weights, ["none", "inverse_variance", "gain"]),
        "ladder_rates.csv": ladder[["seed", "rung", *RATES]].reset_index(drop=True),
        "ladder_replicates.csv": by_rung,
        "layers_rates.csv": layers[["seed", *LAYERS, *RATES]].reset_index(drop=True),
        "layers_replicates.csv": by_layers,
        "same_model.csv": _same_model(by_rung, by_layers),
        "recovery_r2.csv": _recovery(),
        "scaling_means.csv": _by_strains(scaling[scaling["selected"]]),
        "reach_mean.csv": _means(
            pd.read_csv(FINDINGS / "reach.csv").query("split_seed > 0"),
            ["test_r2", "members_mean_test_r2"],
        ),
        "kernel_and_networks.csv": _kernel_and_networks(),
        "byxrm_models.csv": _byxrm(),
        "byxrm_choice_mean.csv": (
            pd.read_csv(FINDINGS / "byxrm_choice.csv")
            .groupby(["attended_loci", "lr"])["val_r2"].agg(["mean", "count"]).reset_index()
        ),
    }  # fmt: skip


def _test_rows(study: str) -> pd.DataFrame:
    """Return the rows of finished runs on test strains, of all kept parts of a study."""
    parts = [pd.read_parquet(file) for file in sorted(FINDINGS.glob(f"{study}-*.parquet"))]
    return pd.concat(parts).query("status == 'done' and split == 'test'")


def _recovery() -> pd.DataFrame:
    """Return a row for each model: mean test R2, its least and most, ridge's beside it, updates."""
    rows = pd.read_parquet(FINDINGS / "recovery.parquet").query("split == 'test' and selected")
    values = ["r2", "ridge_r2", "updates"]
    by_run = rows.groupby(["model", "seed"], sort=False)[values].mean()
    return by_run.groupby("model", sort=False).agg(
        r2_mean=("r2", "mean"), r2_low=("r2", "min"), r2_high=("r2", "max"),
        ridge_r2_mean=("ridge_r2", "mean"), updates=("updates", "max"), replicates=("r2", "size"),
    ).reset_index()  # fmt: skip


def _by_strains(scaling: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each model: mean test R2 by strains, and number of replicates."""
    wide = scaling.pivot_table(index="model", columns="split.n_train", values="r2")
    wide = wide.add_prefix("r2_at_").rename_axis(None, axis="columns")
    wide["replicates"] = scaling.groupby("model")["seed"].nunique()
    return wide.reset_index()


def _kernel_and_networks() -> pd.DataFrame:
    """Return a row for each split that both have, but the one that chose, and their mean."""
    kernel = pd.read_csv(FINDINGS / "closed_forms_80.csv").query("model == 'rkhs, a rate a locus'")
    networks = pd.read_csv(FINDINGS / "reach.csv").query("split_seed > 0")
    table = pd.DataFrame({
        "kernel": kernel.set_index("split.seed")["r2"],
        "two networks": networks.set_index("split_seed")["test_r2"],
        "one network": networks.set_index("split_seed")["members_mean_test_r2"],
    }).dropna().rename_axis("split").reset_index()  # fmt: skip
    table["two networks - kernel"] = table["two networks"] - table["kernel"]
    return _with_mean(table)


def _byxrm() -> pd.DataFrame:
    """Return a row for each model: R2 of each phenotype, pooled over ten folds, and their mean."""
    parts = [pd.read_csv(FINDINGS / f"byxrm_{name}.csv") for name in ("network", "closed")]
    table = pd.concat(parts).pivot_table(index="model", columns="phenotype", values="r2_pooled")
    table.insert(0, "mean", table.mean(axis=1))
    return table.rename_axis(None, axis="columns").reset_index()


def _by_replicate(rows: pd.DataFrame, arm: list[str]) -> pd.DataFrame:
    """Return a row for each arm, in the study's order, at the learning rate that was selected."""
    selected = rows[rows["selected"]].set_index(arm)
    arms = selected.index.unique()
    columns = []
    for value in ("r2", "escape_updates"):
        wide = selected.pivot_table(index=arm, columns="seed", values=value).reindex(arms)
        wide["mean"] = wide.mean(axis="columns", skipna=False)
        columns.append(wide.add_prefix(f"{value}_"))
    rates = selected["optim.lr"].groupby(arm, sort=False).first()
    return pd.concat([rates, *columns], axis="columns").reset_index()


def _same_model(by_rung: pd.DataFrame, by_layers: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each split, and their mean: both R2, and the difference."""
    bottom = by_rung.query("rung == 'bottom'").iloc[0]
    two = by_layers.query("model == 'rijal' and `model.num_layers` == 2").iloc[0]
    splits = [name for name in by_layers.filter(regex=r"^r2_\d+$") if name in by_rung]
    table = pd.DataFrame({
        "split": [name.removeprefix("r2_") for name in splits],
        "ladder": bottom[splits].astype(float).to_numpy(),
        "layers": two[splits].astype(float).to_numpy(),
    })  # fmt: skip
    table["difference"] = table["ladder"] - table["layers"]
    return _with_mean(table)


def _with_mean(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table by split with a last row, the mean over splits."""
    table = table.assign(split=table["split"].astype(str))
    mean = table.mean(numeric_only=True).to_frame().T.assign(split="mean")
    return pd.concat([table, mean], ignore_index=True)


def _means(frame: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Return mean, standard error and number of these columns, by model."""
    means = frame.groupby("model")[columns].agg(["mean", "sem", "count"])
    means.columns = ["_".join(name) for name in means.columns]
    return means.reset_index()


def main() -> None:
    """Write them all."""
    for name, table in derive_tables().items():
        table.to_csv(FINDINGS / name, index=False)
        print(FINDINGS / name)


if __name__ == "__main__":
    main()
