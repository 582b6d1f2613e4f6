"""The end of a multirun: its results as one table, and over folds its cross-validation."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from g2p.config.compose import compose_config, overridden_values
from g2p.core.console import Console
from g2p.core.phrases import plural

MOST_FAILED = 10  # jobs that are printed
DIRECTORY = "hydra.sweep.dir"  # where jobs leave their notes


@contextmanager
def summarised(overrides: Sequence[str], planned: Sequence[Sequence[str]]) -> Iterator[None]:
    """Let a multirun run, then write and show its results, whichever of its jobs failed.

    Args:
        overrides: of the command line.
        planned: those of each job; none where they are not known before.
    """
    first = planned[0] if planned else [o for o in overrides if o.startswith("paths.")]
    paths = compose_config(list(first), of_many=True).paths
    hydra = overridden_values([o for o in overrides if o.lstrip("+").startswith(DIRECTORY)])
    notes = Path(str(hydra.get(DIRECTORY, ""))).expanduser()
    if not hydra:
        name = f"{datetime.now():%Y-%m-%d_%H-%M-%S-%f}"
        notes = Path(paths.cache).expanduser().absolute() / "multirun" / name
        sys.argv.append(f"{DIRECTORY}='{notes}'")
    from g2p.runs.multirun import forget

    forget(notes)
    folder = Path(paths.runs).expanduser().absolute().parent / "multiruns" / notes.name
    try:
        yield
    # Not after a signal, which is no Exception: some jobs may go on elsewhere.
    except Exception:  # raised again, once the results of the other jobs are shown
        _summarise(notes, folder, planned)
        raise
    _summarise(notes, folder, planned)


def _summarise(notes: Path, folder: Path, planned: Iterable[Sequence[str]]) -> None:
    """Write results.csv, and cv.csv of a cross-validation; print where they are, as last line."""
    from g2p.runs.cross_validation import is_cross_validation, write_cross_validation
    from g2p.runs.listing import write_csv
    from g2p.runs.multirun import RESULTS, read_jobs, result_rows, swept_keys

    jobs = read_jobs(notes, planned)
    if not jobs:
        return
    keys = swept_keys(jobs)
    rows = result_rows(jobs, keys)
    folder.mkdir(parents=True, exist_ok=True)
    swept = [key for key in keys if key not in ("model", "phenotype")]
    write_csv(folder / "results.csv", rows, ["model", *swept, *RESULTS])
    console = Console()
    if is_cross_validation(keys) and any(row["status"] == "done" for row in rows):
        console.print(*write_cross_validation(folder, jobs, rows), sep="\n")
    if failed := [row for row in rows if row["status"] == "failed"]:
        console.print(f"{len(failed)} of {plural(len(jobs), 'job')} failed (error in results.csv):")
        for row in failed[:MOST_FAILED]:
            pairs = [f"{key}={row[key]}" for key in keys if row.get(key) is not None]
            console.print(f"  {' '.join(pairs) or 'the job'}: {row['error']}", soft_wrap=True)
        if len(failed) > MOST_FAILED:
            console.print(f"  and {len(failed) - MOST_FAILED} more")
    print(f"results: {folder}", flush=True)
