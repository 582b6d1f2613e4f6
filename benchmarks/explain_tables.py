"""Write what explained runs found on bbq_li into docs/findings/.

    python -m benchmarks.explain_tables RUN [RUN ...]

RUN is the directory of an explained run (`g2p explain run=RUN`), one a model.

explain_effects.csv   effects of all loci, with the published ones
explain_claims.csv    the claimed pairs
explain_hubs.csv      the loci with the strongest interactions
explain_summary.csv   shares of variance, correlations, numbers of pairs
"""

import argparse
import json
from pathlib import Path

import pandas as pd

from benchmarks.findings_tables import FINDINGS
from g2p.data.sources.bbq_li import read_loci
from g2p.explain.explanation import FOLDER, Explanation
from g2p.explain.hubs import hub_table
from g2p.explain.labels import locus_labels

HUBS = 8  # of each model


def tables_of(run: Path) -> dict[str, pd.DataFrame]:
    """Return file name -> table, of one run."""
    explanation = Explanation(run / FOLDER)
    labels = locus_labels(explanation.effects)
    loci = read_loci().to_pandas().set_index("id")["published_effect"]
    effects = explanation.effects.assign(published=explanation.effects["locus"].map(loci))
    effects.insert(0, "label", effects["locus"].map(labels))
    pairs = explanation.interactions
    claims = pairs[pairs["claimed"]].sort_values("variance_share", ascending=False)
    claims = claims.assign(a=claims["locus_a"].map(labels), b=claims["locus_b"].map(labels))
    model = explanation.facts["model"]
    tables = {
        "explain_effects.csv": effects.drop(columns=["phenotype", "linked", "gene"]),
        "explain_claims.csv": claims[["a", "b", "effect", "se_background", "variance_share", "q"]],
        "explain_hubs.csv": hub_table(explanation).head(HUBS),
        "explain_summary.csv": _summary(explanation, run),
    }
    return {name: table.assign(model=model) for name, table in tables.items()}


def _summary(explanation: Explanation, run: Path) -> pd.DataFrame:
    facts, pairs = explanation.facts, explanation.interactions
    metrics = json.loads((run / "metrics.json").read_text())
    (published,) = facts["published"].values()
    shares = explanation.variance
    values = {
        "test_r2": metrics["test"]["r2_mean"],
        "strains": len(facts["background"]), "pairs": len(pairs),
        "tested": int(pairs["p"].notna().sum()), "claimed": int(pairs["claimed"].sum()),
        **{f"published_{key}": value for key, value in published.items()},
        **{f"attention_rank_{layer}": rank for layer, rank in facts.get("attention", {}).items()},
        **dict(zip("share_" + shares["component"] + "_of_" + shares["of"], shares["share"],
                   strict=True)),
    }  # fmt: skip
    return pd.DataFrame(values.items(), columns=["quantity", "value"])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    each = [tables_of(run) for run in parser.parse_args().runs]
    for name in each[0]:
        pd.concat([tables[name] for tables in each]).to_csv(FINDINGS / name, index=False)
        print(FINDINGS / name)


if __name__ == "__main__":
    main()
