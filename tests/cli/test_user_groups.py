"""A user's own splits, optimizers, schedules and loggers, named in YAML files or in `trainer`."""

import json

import pandas as pd
import pytest

from tests.cli.test_user_training import FIT, run_of
from tests.helpers.command import train
from tests.helpers.user_package import LOGGERS, OPTIMIZERS, SCHEDULES, SPLITS, write_package

WITH_CONFIGS = ("--config-dir", "my_conf")
NO_LOGGER = [item for item in FIT if item != "logger=none"]


def test_a_users_split_optimizer_schedule_and_logger(tmp_path):
    """The split's strains are scored; the rate halves each epoch; the logger writes its file."""
    write_package(tmp_path)
    done = train(
        *WITH_CONFIGS, *NO_LOGGER, "split=last", "split.strains=15", "optim=momentum",
        "optim.lr=0.02", "trainer.schedule=my_pkg.schedules.halving", "logger=lines", cwd=tmp_path,
    )  # fmt: skip
    run = run_of(done)
    metrics = json.loads((run / "metrics.json").read_text())
    predictions = pd.read_parquet(run / "predictions.parquet")
    assert predictions[predictions["split"] == "test"]["strain"].nunique() == 15
    rates = pd.read_parquet(run / "history.parquet")["lr"].tolist()
    assert rates == pytest.approx([0.01, 0.005, 0.0025])  # at the end of each epoch
    lines = (tmp_path / "lines.txt").read_text().splitlines()
    assert lines == ["3 epochs", f"R2 {metrics['test']['r2_mean']}"]


@pytest.mark.slow
def test_their_code_is_in_the_signature_but_a_loggers(tmp_path):
    write_package(tmp_path)
    arguments = (*WITH_CONFIGS, *NO_LOGGER, "split=last", "optim=momentum", "logger=lines")
    runs = [run_of(train(*arguments, cwd=tmp_path))]
    for file, text, of, by in (
        ("loggers", LOGGERS, "R2 ", "R2: "),
        ("splits", SPLITS, "-2 * strains]", "-1 * 2 * strains]"),
        ("optimizers", OPTIMIZERS, "momentum=momentum", "momentum=1 * momentum"),
    ):
        assert of in text
        (tmp_path / f"my_pkg/{file}.py").write_text(text.replace(of, by))
        runs.append(run_of(train(*arguments, cwd=tmp_path)))
    assert runs[0] == runs[1] and len(set(runs)) == 3
    assert len({run.name[:8] for run in runs}) == 1  # of one config


@pytest.mark.parametrize(
    ("overrides", "changes", "message"),
    [
        (["split=last", "split.strains=1"], {}, "split.strains must be at least 2"),
        (["split=last", "split.strain=3"], {}, "split.strain is not an option"),
        (["split=last"], {"splits": SPLITS.replace('"test"', '"tset"')},
         "my_pkg.splits.last returns ['train', 'tset', 'val']. It must return a dict of train"),
        (["split=last"], {"splits": SPLITS.replace("[-strains:]", "[-strains - 1:]")},
         "my_pkg.splits.last returns a strain twice."),
        (["split=last"], {"splits": SPLITS.replace("[-strains:]", "[-strains:] + 1")},
         "with rows beyond the panel's 120 strains"),
        (["split=last"], {"splits": SPLITS.replace("rows[-strains:]", "[[1], [2, 3]]")},
         "my_pkg.splits.last returns no lists of row numbers"),
        (["split=last"], {"splits": SPLITS.replace("panel, columns, *", "panel, rows, *")},
         "last takes rows by position"),
        (["optim=momentum"], {"optimizers": OPTIMIZERS.replace("return ", "return lr or ")},
         "my_pkg.optimizers.momentum returns no torch.optim.Optimizer, but 0.01"),
        (["trainer.schedule=my_pkg.schedules.halving"],
         {"schedules": SCHEDULES.replace("return ", "return epochs or ")},
         "my_pkg.schedules.halving returns int; it must return a scheduler"),
        (["trainer.schedule=my_pkg.schedules.cosine"], {}, "schedules.py defines no cosine"),
        (["trainer.schedule=my_pkg.schedules.halving", "optim.plateau_patience=2"], {},
         "trainer.schedule and optim.plateau_patience both set the learning rate"),
        (["logger=lines", "logger.file=3"], {}, "logger.file must be of type str"),
    ],
)  # fmt: skip
def test_code_that_cannot_be_used(tmp_path, overrides, changes, message):
    write_package(tmp_path, **changes)
    quiet = [] if overrides[0].startswith("logger") else ["logger=none"]
    done = train(*WITH_CONFIGS, *NO_LOGGER, *quiet, *overrides, cwd=tmp_path)
    assert done.returncode == 1 and done.stderr.startswith("error: ") and message in done.stderr
    assert done.stderr.count("\n") == 1
