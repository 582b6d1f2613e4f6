"""One run, two processes: one trains, the other waits for it."""

import io
import subprocess
import sys
import threading
import time

import pyarrow.parquet as pq
import pytest

from g2p.core.console import Console
from g2p.runs.run import obtain_run, run
from tests.helpers.command import train
from tests.helpers.configs import SMALL, but, paths


@pytest.mark.slow
def test_two_processes_start_one_run_at_once(tmp_path, quick, capsys):
    """One trains, the other waits for it: one history, one result."""
    overrides = ("trainer.max_epochs=30", "trainer.patience=null")
    config, done = quick(*overrides), []

    def other() -> None:
        done.append(train(*but(SMALL, *overrides), "phenotype=cu", *paths(tmp_path), cwd=tmp_path))

    process = threading.Thread(target=other)
    process.start()
    while process.is_alive() and not (tmp_path / "cache").exists():
        time.sleep(0.001)  # it has begun: from here on both prepare, and one of them trains
    folder = run(config)
    process.join()
    assert done[0].returncode == 0, done[0].stderr
    printed = [done[0].stdout, capsys.readouterr().out]
    assert {text.splitlines()[-1] for text in printed} == {f"run: {folder}"}
    ended = pq.read_table(folder / "history.parquet")["ended"].to_pylist()
    assert len(ended) == 30
    assert ended == sorted(ended)


HOLD = """
import sys
from pathlib import Path
from filelock import FileLock
from g2p.runs.directory import RunDirectory
with FileLock(sys.argv[1] + "/.lock"):
    print("locked", flush=True)
    sys.stdin.readline()
    if sys.argv[2] == "True":
        RunDirectory(Path(sys.argv[1])).remove()
"""


@pytest.mark.parametrize("removes", [False, True])
def test_waiting_is_reported(quick, removes):
    """Another process has the run's lock until the message, and the run continues then.

    Also when its directory does not exist any more: it failed at once, or was pruned.
    """
    config = quick()
    folder = run(config)
    (folder / "metrics.json").unlink()
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder), str(removes)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert holder.stdout.readline() == "locked\n"
    messages = []

    class Terminal(io.StringIO):
        def write(self, text):
            if "Another process is training" in text:
                messages.append(text)
                holder.stdin.write("\n")
                holder.stdin.flush()
            return super().write(text)

    obtain_run(config, None, Console(file=Terminal()))
    holder.communicate()
    assert messages and (folder / "metrics.json").exists()
