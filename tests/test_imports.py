"""Importing g2p changes nothing in the process: no filter, level, backend, handler or setting."""

import json
import subprocess
import sys

import pytest

from tests.helpers.command import ROOT

# Printed before and after the import of every module of g2p. What its libraries do when they are
# imported is theirs, so these are imported first.
SCRIPT = """
import json, logging, os, pkgutil, signal, sys, threading, warnings
from importlib import import_module
import bed_reader, cyvcf2, filelock
import hydra, hydra_plugins.hydra_joblib_launcher.joblib_launcher, lightgbm, lightning, matplotlib
import hydra_plugins.hydra_ray_launcher._core, optuna, pandas, ray, rich, sklearn, torch
import hydra_plugins.hydra_submitit_launcher.submitit_launcher, torchmetrics, wandb, xarray
import g2p

LOGGERS = list(logging.root.manager.loggerDict)

def state():
    loggers = {n: logging.getLogger(n) for n in LOGGERS}
    return {
        "filters": [str(f) for f in warnings.filters],
        "loggers": {n: [l.level, len(l.handlers), l.disabled] for n, l in loggers.items()},
        "root": [logging.root.level, len(logging.root.handlers)],
        "environment": sorted(os.environ.items()),
        "folder": os.getcwd(),
        "backend": str(dict.__getitem__(matplotlib.rcParams, "backend")),  # chooses none
        "pyplot": "matplotlib.pyplot" in sys.modules,
        "handlers": [str(signal.getsignal(s)) for s in (signal.SIGINT, signal.SIGTERM)],
        "torch": [torch.get_num_threads(), str(torch.get_default_dtype()), torch.initial_seed(),
                  torch.are_deterministic_algorithms_enabled(),
                  torch.get_float32_matmul_precision()],
        "threads": threading.active_count(),
        "arguments": sys.argv,
        "hooks": [str(sys.excepthook), str(threading.excepthook)],
    }

before = state()
names = [m.name for m in pkgutil.walk_packages(g2p.__path__, "g2p.") if "__main__" not in m.name]
for name in names:
    import_module(name)
after = state()
print(json.dumps({"number": len(names),
                  "changed": {k: [before[k], after[k]] for k in before if before[k] != after[k]}}))
"""


@pytest.mark.slow
def test_importing_every_module_changes_nothing(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, cwd=tmp_path, check=False,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["number"] > 150
    assert result["changed"] == {}
