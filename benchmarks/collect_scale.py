"""A study of 10,000 finished runs, collected: `python -m benchmarks.collect_scale [--runs N]`.

Twice: with a phenotype in each run, and with all eighteen in each. For both the seconds of

    resolve             from the study's YAML to its runs: composed, checked, identified
    collect, again      run directories to results.parquet; and with nothing changed
    publish             comparison, report and figures
    command, again      `python sweep.py study=... --collect` as a user calls it, with its imports
    imports             of that command
    dry run             `python sweep.py study=... --dry-run`

The directories are written as a run writes them, from what one run of each model measured and a
little noise. Takes ten minutes and 400 MB of disk. Writes collect_scale.json.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.study_command import command_environment, study_command
from benchmarks.training_run import RESULTS, train_run
from g2p.data.sources.yeast import OTHERS, TEMPERATURES
from g2p.runs.directory import RunDirectory
from g2p.study.analyze import compare_and_report
from g2p.study.collect import collect
from g2p.study.design import Study, load_study
from g2p.study.expand import StudyRun, phenotypes_of, resolve

SMALL = {
    "data.strains": 300, "data.loci": 24, "trainer.max_epochs": 20, "trainer.accelerator": "cpu",
}  # fmt: skip
MODELS = {
    "rijal": {"model": "rijal_attention", "optim": "adam"},
    "transformer": {
        "model": "transformer", "model.embedding_dim": 16, "model.num_heads": 2,
        "model.ffn_dim": 32,
    },
}  # fmt: skip
LAYERS = [1, 2, 3, 4, 5]
SINGLE = TEMPERATURES + OTHERS[:3]  # ten phenotypes


def study_spec(runs: int, *, joint: bool) -> dict:
    """Return the spec of a study of so many runs, as in its YAML."""
    phenotypes = "all" if joint else list(SINGLE)
    seeds = runs // (len(MODELS) * len(LAYERS) * (1 if joint else len(SINGLE)))
    return {
        "question": "How long does a large study take to collect?",
        "set": SMALL,
        "factors": {"model": MODELS, "model.num_layers": LAYERS},
        "phenotypes": phenotypes,
        "seeds": list(range(seeds)),
        "compare": [["rijal", "transformer"]],
        "sizes": {"full": {}},
    }


def write_runs(runs: list[StudyRun], overrides: list[str]) -> None:
    """Write a finished directory for each run, from one that was trained."""
    rng = np.random.default_rng(0)
    models = {}
    for run in track(runs, description="writing runs"):
        key = run.config.model.name, len(run.phenotypes)
        if key not in models:
            specific = [text for text in run.overrides if text not in overrides]
            models[key] = RunDirectory(train_run(*specific, *overrides, "seed=12345"))
            environment = json.loads((models[key].folder / "environment.json").read_text())
            history = models[key].history().to_pylist()
        metrics = models[key].metrics() | {"signature": run.signature, "seed": run.config.seed}
        lift = 0.3 + 0.02 * run.config.model.num_layers
        for subset in ("val", "test"):
            r2 = {name: lift + rng.normal(0, 0.02) for name in run.phenotypes}
            n = next(iter(metrics[subset]["n"].values()))
            metrics[subset] |= {"r2": r2, "pearson": r2, "n": dict.fromkeys(r2, n)}
            metrics[subset]["r2_mean"] = float(np.mean(list(r2.values())))
        ceiling = next(iter(metrics["noise_ceiling"].values()))
        metrics["noise_ceiling"] = dict.fromkeys(run.phenotypes, ceiling)
        for subset in ("val", "test"):
            ridge = metrics["ridge"][subset]
            ridge["r2"] = dict.fromkeys(run.phenotypes, ridge["r2_mean"])
        run.directory.write_config(run.config)
        run.directory.write_history(history)
        run.directory.write_environment(environment)
        run.directory.write_metrics(metrics)


def timed(call: Callable):
    """Return what `call` returns, and its seconds."""
    started = time.perf_counter()
    result = call()
    return result, time.perf_counter() - started


def time_command(folder: Path, *command: str) -> tuple[float, float]:
    """Return the seconds of a new process, which must succeed, and its processor seconds."""
    options = {"cwd": folder, "env": command_environment(), "capture_output": True, "text": True}
    before = os.times()
    done, seconds = timed(lambda: subprocess.run(command, check=False, **options))
    after = os.times()
    if done.returncode:
        raise SystemExit(done.stderr)
    busy = after.children_user + after.children_system
    return seconds, busy - before.children_user - before.children_system


def measure(runs: int, scratch: Path, *, joint: bool) -> dict:
    command = study_command(scratch / "yaml", "scale", study_spec(runs, joint=joint))
    overrides = [
        f"paths.runs={scratch / 'runs'}",
        f"paths.cache={scratch / 'cache'}",
        "logger=none",
    ]

    def resolve_study() -> tuple[Study, list[StudyRun]]:
        file = str(scratch / "yaml" / "scale.yaml")
        study = load_study(file, "full", lambda common: phenotypes_of(overrides, common))
        return study, resolve(study, overrides)

    (study, all_runs), to_resolve = timed(resolve_study)
    write_runs(all_runs, overrides)
    size = sum(file.stat().st_size for file in scratch.rglob("runs/*/*"))
    folder = scratch / "in this process"
    quiet = Console(quiet=True)
    table, first = timed(lambda: collect(folder, all_runs))
    _, again = timed(lambda: collect(folder, all_runs))
    _, to_publish = timed(
        lambda: compare_and_report(study, all_runs, table, folder, overrides, quiet, [])
    )
    sweep = [*command, *overrides]
    commands = {
        "command": time_command(scratch, *sweep, "--collect"),
        "command again": time_command(scratch, *sweep, "--collect"),
        "imports": time_command(scratch, sys.executable, "-c", "import g2p.cli.sweep"),
        "dry run": time_command(scratch, *sweep, "--dry-run"),
    }
    stages = {
        "resolve": to_resolve, "collect": first, "collect again": again, "publish": to_publish,
    }  # fmt: skip
    return {
        "runs": len(all_runs),
        "phenotypes a run": len(all_runs[0].phenotypes),
        "rows of the table": table.num_rows,
        "MB of the runs' own files": size / 1e6,
        "MB of the report": (folder / "report.html").stat().st_size / 1e6,
        "seconds": stages | {name: seconds for name, (seconds, _) in commands.items()},
        # These are more reliable on a shared machine.
        "processor seconds": {name: busy for name, (_, busy) in commands.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=10_000, help="a multiple of 100")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the JSON")
    parser.add_argument("--scratch", type=Path, help="folder for temporary files")
    options = parser.parse_args()
    result = {}
    for name, joint in (("one phenotype a run", False), ("eighteen a run", True)):
        with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
            result[name] = measure(options.runs, Path(scratch), joint=joint)
    options.out.mkdir(exist_ok=True)
    (options.out / "collect_scale.json").write_text(json.dumps(result, indent=2) + "\n")
    table = Table(title=f"a study of {options.runs:,} runs: seconds")
    table.add_column("what")
    for name in result:
        table.add_column(name, justify="right")
    for what in next(iter(result.values()))["seconds"]:
        table.add_row(what, *(f"{measured['seconds'][what]:.2f}" for measured in result.values()))
    table.add_section()
    for what in next(iter(result.values()))["processor seconds"]:
        busy = (measured["processor seconds"][what] for measured in result.values())
        table.add_row(f"{what}, processor", *(f"{value:.2f}" for value in busy))
    Console().print(table)


if __name__ == "__main__":
    main()
