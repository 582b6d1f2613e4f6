"""The rows of a study's results that count: what is compared, warned of, drawn and summarised.

In a transfer study only the target counts: a joint run predicts other phenotypes too, of which it
knows everything. Of runs of which one is selected on validation, that one counts. `results.parquet`
keeps the other rows; nothing that is made from it looks at them.
"""

import itertools
import json
from collections import defaultdict
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from g2p.config.run_config import RunConfig
from g2p.study.expand import StudyRun
from g2p.study.folds import round_of

FACTS = pa.schema([
    ("same_panel", pa.int64()), ("same_setting", pa.int64()), ("same_split", pa.int64()),
    ("same_round", pa.int64()), ("model_name", pa.string()), ("target", pa.string()),
])  # fmt: skip


def scored_rows(table: pa.Table, runs: Sequence[StudyRun]) -> pa.Table:
    """Return the rows that count, with columns that say which of them are of the same kind.

    Args:
        table: the study's results, as collected.
        runs: of the study.

    Returns:
        The rows of runs that count in their place (`selected`), of the target where a run has one,
        else all, and these columns more; numbers
        are equal where two rows have the same of it, and mean nothing else:
            same_panel: panel, split and preprocessing, of loci and of a transfer's values.
            same_setting: the same and, where it matters, the other phenotypes of the run: a
                reference computed for one row holds for the other.
            same_split: the split.
            same_round: the split but for its fold.
            model_name: the model's own name, whatever its arm is called.
    """
    # Key -> number, in the order in which keys are first looked up.
    panels, settings, splits, rounds = (defaultdict(itertools.count().__next__) for _ in range(4))
    facts = []
    for run in runs:
        panel = _panel(run.config)
        facts.append({
            "same_panel": panels[panel],
            "same_setting": settings[panel, _relevant_phenotypes(run)],
            "same_split": splits[repr(run.config.split)],
            "same_round": rounds[round_of(run.config)],
            "model_name": run.config.model.name,
            "target": run.target,
        })  # fmt: skip
    # Columns of as many rows as the table: of each row its run's.
    numbers = pc.index_in(table["signature"], pa.array([run.signature for run in runs]))
    of_runs = pa.Table.from_pylist(facts, schema=FACTS).take(numbers)
    for name in FACTS.names[:-1]:
        table = table.append_column(name, of_runs[name])
    target = of_runs["target"]
    is_scored = pc.if_else(pc.is_null(target), True, pc.equal(target, table["phenotype"]))
    return table.filter(pc.and_(is_scored, table["selected"]))


def _panel(config: RunConfig) -> str:
    """The options that decide which strains, loci and values a run learns from, as text."""
    transfer = {key: value for key, value in config.transfer.items() if key != "method"}
    groups = [*(section.to_dict() for section in (config.data, config.qc, config.split)), transfer]
    return json.dumps(groups, sort_keys=True)


def _relevant_phenotypes(run: StudyRun) -> tuple[str, ...]:
    """The phenotypes of a run where they affect each other, else none.

    They do where a strain that lacks one is dropped for all, or where they share the draw of the
    values that are held out.
    """
    drops_strains = run.config.data.missing == "drop_strain"
    shares_draw = run.config.split.name == "cv2"
    return tuple(run.phenotypes) if drops_strains or shares_draw else ()
