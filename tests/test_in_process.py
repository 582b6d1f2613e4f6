"""Training in a user's process: twice, in threads, in an event loop, beside files of theirs."""

import asyncio
import gc
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import hydra
import matplotlib
import pytest
import torch
from hydra.core.global_hydra import GlobalHydra
from hydra.version import VersionBase

import g2p
from g2p.core import interrupts
from g2p.study.job import Job
from tests.helpers.command import ROOT
from tests.helpers.configs import SMALL, but, paths

NETWORK = ("model=transformer", *SMALL, "phenotype=[23C,cu]", "model.dropout=0.3")


def state() -> dict:
    """What belongs to the process, not to a training in it."""
    loggers = [logging.getLogger(name) for name in ("", "lightning.pytorch", "hydra", "wandb")]
    return {
        "filters": list(warnings.filters),
        "loggers": [(logger.level, len(logger.handlers)) for logger in loggers],
        # scikit-learn sets some of OpenMP's when it is imported.
        "environment": {k: v for k, v in os.environ.items() if not k.startswith("KMP_")},
        "folder": Path.cwd(),
        "arguments": list(sys.argv),
        "path": list(sys.path),
        "signals": [signal.getsignal(number) for number in interrupts.SIGNALS],
        "hooks": [sys.excepthook, sys.unraisablehook, threading.excepthook],
        "hydra": [GlobalHydra.instance().hydra, VersionBase.instance().getbase()],
        "figures": matplotlib.rcParams.copy(),
        "random": torch.get_rng_state().tolist(),
        "torch": [torch.get_num_threads(), torch.get_default_dtype(), torch.is_grad_enabled()],
        "garbage": gc.isenabled(),
    }


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """R2 by seed of runs that nothing else ran beside."""
    folder = tmp_path_factory.mktemp("alone")
    runs = (g2p.train(*NETWORK, f"seed={seed}", *paths(folder)) for seed in (0, 1))
    return [run.metrics["test"]["r2"] for run in runs]


@pytest.mark.slow
def test_a_call_leaves_the_process_as_it_was(alone, tmp_path):
    before, frozen = state(), gc.get_freeze_count()
    g2p.train(*NETWORK, *paths(tmp_path))
    g2p.sweep("study=baselines", "size=smoke", "logger=none", *paths(tmp_path))
    after = state()
    assert [key for key in before if before[key] != after[key]] == []
    assert gc.get_freeze_count() <= frozen  # Python 3.12 starts with some


def test_twice_in_one_process_is_the_same(alone, tmp_path):
    assert alone[0] != alone[1]
    again = g2p.train(*NETWORK, "seed=0", *paths(tmp_path))
    assert again.metrics["test"]["r2"] == alone[0]


def test_threads_train_in_turn_to_the_numbers_of_each_alone(alone, tmp_path):
    """Dropout draws from the process's random state, which two trainings at once would share."""
    with ThreadPoolExecutor(2) as threads:
        calls = [
            threads.submit(g2p.train, *NETWORK, f"seed={seed}", *paths(tmp_path)) for seed in (0, 1)
        ]
        runs = [call.result() for call in calls]
    assert [run.metrics["test"]["r2"] for run in runs] == alone


def test_two_threads_that_want_one_run_train_it_once(tmp_path):
    overrides = ("model=ridge", "data.strains=120", "data.loci=20", "logger=none", *paths(tmp_path))
    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(lambda _: g2p.train(*overrides), range(2))
    assert first.folder == second.folder
    assert len(list((tmp_path / "runs").iterdir())) == 1


@pytest.mark.slow
def test_a_study_in_a_thread(tmp_path):
    """Only the main thread may set handlers of signals, as a job of a launcher does."""
    with ThreadPoolExecutor(1) as threads:
        overrides = ("study=baselines", "size=smoke", "logger=none", *paths(tmp_path))
        study = threads.submit(g2p.sweep, *overrides).result()
    assert set(study.results["status"]) == {"done"}


def test_panels_are_read_in_several_threads(tmp_path):
    """Hydra's state is that of the process."""
    with ThreadPoolExecutor(4) as threads:
        shapes = threads.map(
            lambda n: g2p.load_panel(f"data.strains={n}", "data.loci=20", *paths(tmp_path)),
            range(300, 308),
        )
        assert [panel.genotypes.shape for panel in shapes] == [(n, 20) for n in range(300, 308)]


def test_in_an_event_loop_and_in_its_threads(alone, tmp_path):
    async def both():
        direct = g2p.train(*NETWORK, "seed=0", *paths(tmp_path))
        aside = await asyncio.to_thread(g2p.train, *NETWORK, "seed=1", *paths(tmp_path))
        return [run.metrics["test"]["r2"] for run in (direct, aside)]

    assert asyncio.run(both()) == alone


def test_within_a_program_that_uses_hydra_itself(tmp_path):
    (tmp_path / "mine.yaml").write_text("a: 1\n")
    with hydra.initialize_config_dir(str(tmp_path), version_base="1.2"):
        g2p.train("model=ridge", *SMALL[:2], "logger=none", *paths(tmp_path))
        assert hydra.compose("mine") == {"a": 1}
        assert str(VersionBase.instance().getbase()) == "1.2"


def interrupt_once(condition) -> threading.Thread:
    """Send this process Ctrl-C as soon as a condition holds."""

    def wait() -> None:
        deadline = time.monotonic() + 60
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


@pytest.fixture
def keyboard():
    """Ctrl-C as Python handles it by itself."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_ends_a_training_and_the_same_call_resumes_it(keyboard, tmp_path):
    overrides = [*but(NETWORK, "trainer.max_epochs=2000"), "trainer.patience=null"]
    overrides += paths(tmp_path)
    thread = interrupt_once(lambda: list((tmp_path / "runs").glob("*/checkpoints/last.ckpt")))
    with pytest.raises(KeyboardInterrupt):
        g2p.train(*overrides)
    thread.join()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert g2p.list_runs(tmp_path / "runs")["status"].tolist() == ["pending"]
    assert g2p.train("model=ridge", *SMALL[:2], "logger=none", *paths(tmp_path)).metrics


@pytest.mark.slow
def test_ctrl_c_ends_a_study_and_the_same_call_resumes_it(keyboard, tmp_path, monkeypatch):
    overrides = ("study=baselines", "size=smoke", "logger=none", *paths(tmp_path))
    opened = Job.open

    @contextmanager
    def interrupted(self, *arguments, **options):
        monkeypatch.setattr(Job, "open", opened)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(10)  # the handler runs before
        yield

    monkeypatch.setattr(Job, "open", interrupted)
    with pytest.raises(KeyboardInterrupt):
        g2p.sweep(*overrides)
    assert set(g2p.sweep(*overrides).results["status"]) == {"done"}


def test_processes_are_refused_where_none_can_start(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)  # as in a notebook
    with pytest.raises(g2p.OptionError, match="trainer.devices=2 starts processes"):
        g2p.train(*NETWORK, "trainer=ddp", "trainer.devices=2", *paths(tmp_path))


@pytest.mark.slow
def test_a_script_that_its_processes_import(tmp_path):
    """Without the guard they would call again, and wait for the run that they are to train."""
    call = f"g2p.train(*{NETWORK}, 'trainer=ddp', 'trainer.devices=2', *{paths(tmp_path)})"
    for guard, code in (("", 1), ("if __name__ == '__main__': ", 0)):
        (tmp_path / "script.py").write_text(f"import g2p\n{guard}{call}\n")
        done = subprocess.run(
            [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=200, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        assert ("Put the calls in the script under" in done.stderr) == (code == 1)
        assert ("TrainingError: a process of the training ended" in done.stderr) == (code == 1)
        assert ("run: " in done.stdout) == (code == 0)


SCRIPT = """
import json, os, sys
import g2p, train, conf
run = g2p.train("model=ridge", "data.strains=120", "data.loci=20")
print(json.dumps([train.NAME, str(run.folder), os.getcwd(), sys.argv]))
"""


@pytest.mark.slow
def test_a_script_beside_files_of_the_same_names(tmp_path):
    """`train.py`, and folders `conf` and `wandb`, which Python could take for packages."""
    folder = tmp_path / "mine"
    for name in ("conf", "wandb"):
        (folder / name).mkdir(parents=True)
        (folder / name / "config.yaml").write_text("not: ours\n")
    (folder / "train.py").write_text("NAME = 'theirs'\nassert __name__ == 'train'\n")
    (folder / "analysis.py").write_text(SCRIPT)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT),
        "WANDB_MODE": "offline",
    }
    done = subprocess.run(
        [sys.executable, "analysis.py", "--their-flag", "x=1,2"], cwd=folder, env=environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    name, run, working, arguments = json.loads(done.stdout.splitlines()[-1])
    assert (name, working) == ("theirs", str(folder))
    assert arguments == ["analysis.py", "--their-flag", "x=1,2"]
    assert run.startswith(str(folder / "runs")) and list(folder.glob("wandb/offline-run-*"))
