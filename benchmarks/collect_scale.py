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

from benchmarks.elsewhere import command_of, surroundings
from benchmarks.trained import RESULTS, trained
from g2p.data.sources.yeast import OTHERS, TEMPERATURES
from g2p.runs.directory import RunDirectory
from g2p.study.analyze import compare_and_report
from g2p.study.collect import collect
from g2p.study.design import Study, plan
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
ALONE = TEMPERATURES + OTHERS[:3]  # ten phenotypes


def declared(runs: int, *, together: bool) -> dict:
    """A study of so many runs, as its YAML would have it."""
    phenotypes = "all" if together else list(ALONE)
    seeds = runs // (len(MODELS) * len(LAYERS) * (1 if together else len(ALONE)))
    return {
        "question": "How long does a large study take to collect?",
        "set": SMALL,
        "factors": {"model": MODELS, "model.num_layers": LAYERS},
        "phenotypes": phenotypes,
        "seeds": list(range(seeds)),
        "compare": [["rijal", "transformer"]],
        "sizes": {"full": {}},
    }


def write_runs(runs: list[StudyRun], words: list[str]) -> None:
    """A finished directory for each run, from one that was trained."""
    rng = np.random.default_rng(0)
    models = {}
    for run in track(runs, description="writing runs"):
        key = run.config["model"]["name"], len(run.phenotypes)
        if key not in models:
            told = [word for word in run.overrides if word not in words]
            models[key] = RunDirectory(trained(*told, *words, "seed=12345"))
            environment = json.loads((models[key].folder / "environment.json").read_text())
            history = models[key].history().to_pylist()
        metrics = models[key].metrics() | {"signature": run.signature, "seed": run.config["seed"]}
        lift = 0.3 + 0.02 * run.config["model"]["num_layers"]
        for part in ("val", "test"):
            r2 = {name: lift + rng.normal(0, 0.02) for name in run.phenotypes}
            known = next(iter(metrics[part]["n"].values()))
            metrics[part] |= {"r2": r2, "pearson": r2, "n": dict.fromkeys(r2, known)}
            metrics[part]["r2_mean"] = float(np.mean(list(r2.values())))
        ceiling = next(iter(metrics["noise_ceiling"].values()))
        metrics["noise_ceiling"] = dict.fromkeys(run.phenotypes, ceiling)
        for part in ("val", "test"):
            own = metrics["ridge"][part]
            own["r2"] = dict.fromkeys(run.phenotypes, own["r2_mean"])
        run.directory.write_config(run.config)
        run.directory.write_history(history)
        run.directory.write_environment(environment)
        run.directory.write_metrics(metrics)


def seconds_of(call: Callable):
    started = time.perf_counter()
    answer = call()
    return answer, time.perf_counter() - started


def command(folder: Path, *words: str) -> tuple[float, float]:
    """Seconds of a process of its own, which has to succeed, and those of its processors."""
    told = {"cwd": folder, "env": surroundings(), "capture_output": True, "text": True}
    before = os.times()
    done, seconds = seconds_of(lambda: subprocess.run(words, check=False, **told))
    after = os.times()
    if done.returncode:
        raise SystemExit(done.stderr)
    busy = after.children_user + after.children_system
    return seconds, busy - before.children_user - before.children_system


def measured(runs: int, scratch: Path, *, together: bool) -> dict:
    told = declared(runs, together=together)
    words = [f"paths.runs={scratch / 'runs'}", f"paths.cache={scratch / 'cache'}", "logger=none"]

    def resolved() -> tuple[Study, list[StudyRun]]:
        study = plan("scale", "full", told, lambda common: phenotypes_of(words, common))
        return study, resolve(study, words)

    (study, every), to_resolve = seconds_of(resolved)
    write_runs(every, words)
    size = sum(file.stat().st_size for file in scratch.rglob("runs/*/*"))
    folder = scratch / "in this process"
    quiet = Console(quiet=True)
    table, first = seconds_of(lambda: collect(folder, every))
    _, again = seconds_of(lambda: collect(folder, every))
    _, to_publish = seconds_of(
        lambda: compare_and_report(study, every, table, folder, words, quiet)
    )
    asked = [*command_of(scratch / "yaml", "scale", told), *words]
    commands = {
        "command": command(scratch, *asked, "--collect"),
        "command again": command(scratch, *asked, "--collect"),
        "imports": command(scratch, sys.executable, "-c", "import g2p.cli.sweep"),
        "dry run": command(scratch, *asked, "--dry-run"),
    }
    stages = {
        "resolve": to_resolve, "collect": first, "collect again": again, "publish": to_publish,
    }  # fmt: skip
    return {
        "runs": len(every),
        "phenotypes a run": len(every[0].phenotypes),
        "rows of the table": table.num_rows,
        "MB of the runs' own files": size / 1e6,
        "MB of the report": (folder / "report.html").stat().st_size / 1e6,
        "seconds": stages | {name: seconds for name, (seconds, _) in commands.items()},
        # Of one machine shared with others these say more.
        "processor seconds": {name: busy for name, (_, busy) in commands.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=10_000, help="a multiple of 100")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the JSON")
    parser.add_argument("--scratch", type=Path, help="folder for what is written on the way")
    options = parser.parse_args()
    result = {}
    for name, together in (("one phenotype a run", False), ("eighteen a run", True)):
        with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
            result[name] = measured(options.runs, Path(scratch), together=together)
    options.out.mkdir(exist_ok=True)
    (options.out / "collect_scale.json").write_text(json.dumps(result, indent=2) + "\n")
    table = Table(title=f"a study of {options.runs:,} runs: seconds")
    table.add_column("what")
    for name in result:
        table.add_column(name, justify="right")
    for what in next(iter(result.values()))["seconds"]:
        table.add_row(what, *(f"{own['seconds'][what]:.2f}" for own in result.values()))
    table.add_section()
    for what in next(iter(result.values()))["processor seconds"]:
        busy = (own["processor seconds"][what] for own in result.values())
        table.add_row(f"{what}, processor", *(f"{value:.2f}" for value in busy))
    Console().print(table)


if __name__ == "__main__":
    main()
