"""A study's summary in Weights & Biases: one run in its group, with tables, figures and report.

Like every copy there, it may fail without affecting the study. It holds nothing of the single
runs: a run that was finished before the study was logged when it was trained, and is a row here.
"""

import contextlib
import json
import logging
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from g2p.core.atomic_files import read_json, write_json
from g2p.core.digests import file_digest
from g2p.study.design import Study
from g2p.study.expand import StudyRun
from g2p.tracking.group import Group
from g2p.tracking.tracker import wandb_options
from g2p.tracking.wandb_client import finish_run, first_line, start_run

log = logging.getLogger(__name__)

NOTE = "logged.json"  # in the study's folder: what was sent last
FILES = ("results.parquet", "effects.parquet", "report.html")


def log_summary(study: Study, runs: list[StudyRun], folder: Path) -> None:
    """Log the study as its folder has it, unless that was logged before or `logger` is not W&B.

    The run's id is the study's: a later call continues it where W&B is reached. Offline, each call
    after a change leaves a run of that id; when all are sent, the last one counts.
    """
    options = wandb_options(runs[0].config.logger)
    if options is None:
        return
    files = [folder / name for name in FILES if (folder / name).exists()]
    files += sorted((folder / "figures").glob("*.png"))
    sent = {str(file.relative_to(folder)): file_digest(file) for file in files} | {"to": options}
    try:
        if read_json(folder / NOTE) != sent and _log(study, folder, files, options):
            write_json(folder / NOTE, sent)
    except Exception as error:  # of any kind: W&B and its libraries raise many
        log.warning("W&B could not store the study's summary: %s", first_line(error))


def _log(study: Study, folder: Path, files: list[Path], options: Mapping) -> bool:
    """Log to W&B; whether that was possible."""
    import wandb

    group = Group.of_study(study.name, study.size)
    run = start_run({
        "project": options["project"], "group": options["group"] or group.name,
        "job_type": "study", "id": f"study-{group.name}", "name": group.name,
        "tags": list(dict.fromkeys([*options["tags"], *group.tags()])),
        "config": {**group.config(), "question": study.question, "arm": study.arm},
        "notes": study.question,
    })  # fmt: skip
    if run is None:
        return False
    with contextlib.ExitStack() as stack:
        stack.callback(finish_run, run, 0)
        results = pq.read_table(folder / "results.parquet")
        logged: dict[str, Any] = {"results": _table(_test_first(results))}
        if (folder / "effects.parquet").exists():
            logged["effects"] = _table(pq.read_table(folder / "effects.parquet"))
        logged["report"] = wandb.Html(str(folder / "report.html"), inject=False)
        logged |= {
            f"figures/{file.stem}": wandb.Image(str(file))
            for file in files if file.suffix == ".png"
        }  # fmt: skip
        run.log(logged)
        run.summary.update(_counts(results))
        if options["artifact"]:
            artifact = wandb.Artifact(f"study-{group.name}", type="study")
            for file in files:
                artifact.add_file(str(file), name=str(file.relative_to(folder)))
            run.log_artifact(artifact)
    return True


def _test_first(table: pa.Table) -> pa.Table:
    """As many rows as W&B shows, those of the test strains first."""
    from wandb import Table

    order = pc.sort_indices(table, sort_keys=[("split", "ascending")])  # test, val
    return table.take(order).slice(0, Table.MAX_ROWS)


def _table(table: pa.Table):
    """As W&B has it: numbers and texts; what is a list or a map as JSON."""
    from wandb import Table

    nested = {f.name for f in table.schema if pa.types.is_nested(f.type)}
    columns = [
        [json.dumps(value, ensure_ascii=False) for value in table[name].to_pylist()]
        if name in nested else table[name].to_pylist()
        for name in table.column_names
    ]  # fmt: skip
    return Table(columns=table.column_names, data=[list(row) for row in zip(*columns, strict=True)])


def _counts(results: pa.Table) -> dict[str, int]:
    """Runs in each state."""
    states = dict(zip(results["signature"].to_pylist(), results["status"].to_pylist(), strict=True))
    return {"runs": len(states), **Counter(states.values())}
