"""A notebook's kernel, which runs an event loop: trainings, their output, and Interrupt."""

import json
import os
import time
from pathlib import Path
from queue import Empty

import pytest
from jupyter_client.manager import KernelManager

from tests.helpers.command import ROOT
from tests.helpers.configs import SMALL, paths

NETWORK = ("model=transformer", *SMALL, "phenotype=[23C,cu]", "trainer.patience=null")
STATE = """
import json, os, signal, sys, warnings
import hydra.core.global_hydra as h
def state():
    return [repr(signal.getsignal(signal.SIGINT)), os.getcwd(), sys.argv,
            len(warnings.filters), h.GlobalHydra.instance().hydra is None]
"""


class Notebook:
    """Runs cells in a kernel, one after another."""

    def __init__(self, folder: Path):
        self.manager = KernelManager(kernel_name="python3")
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "IPYTHONDIR": str(folder / "ipython")}
        self.manager.start_kernel(cwd=str(folder), env=environment)
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=120)

    def run(self, code: str, interrupt_when=None) -> tuple[dict, dict[str, str], set[str]]:
        """Run a cell.

        Returns:
            Its reply, what it printed by stream, and the kinds of all that it sent.
        """
        cell = self.client.execute(code)
        printed, kinds = {"stdout": "", "stderr": ""}, set()
        deadline = time.monotonic() + 240
        while time.monotonic() < deadline:
            if interrupt_when is not None and interrupt_when():
                self.manager.interrupt_kernel()
                interrupt_when = None
            try:
                message = self.client.get_iopub_msg(timeout=0.1)
            except Empty:
                continue
            if message["parent_header"].get("msg_id") != cell:
                continue
            kinds.add(message["msg_type"])
            content = message["content"]
            if message["msg_type"] == "stream":
                printed[content["name"]] += content["text"]
            if message["msg_type"] == "status" and content["execution_state"] == "idle":
                break
        reply = self.client.get_shell_msg(timeout=60)
        while reply["parent_header"].get("msg_id") != cell:  # of a question whether it is ready
            reply = self.client.get_shell_msg(timeout=60)
        return reply["content"], printed, kinds

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    started = Notebook(tmp_path_factory.mktemp("notebook"))
    yield started
    started.close()


def call(*overrides: str) -> str:
    return f"g2p.train(*{list(overrides)!r})"


@pytest.mark.slow
def test_a_cell_trains_twice_with_a_bar_of_one_line(notebook, tmp_path):
    code = f"import g2p\n{STATE}\n"
    code += f"first = {call(*NETWORK, *paths(tmp_path))}\n"
    code += "before = state()\n"  # libraries are imported, which add warning filters
    code += f"second = {call(*NETWORK, 'seed=1', *paths(tmp_path))}\n"
    code += "print(json.dumps([str(second.folder), state() == before]))"
    reply, printed, kinds = notebook.run(code)
    assert reply["status"] == "ok", reply
    *lines, last = printed["stdout"].splitlines()
    folder, is_unchanged = json.loads(last)
    assert lines[-1] == f"run: {folder}"
    assert Path(folder, "metrics.json").is_file() and is_unchanged
    assert kinds <= {"status", "execute_input", "stream"}  # no widgets
    assert "Warning" not in printed["stderr"]
    # Jupyter goes back to a line's start, but not up: the bar stays on its line.
    assert printed["stderr"].count("3/3") >= 2 and "\x1b[1A" not in printed["stderr"]


@pytest.mark.slow
def test_interrupt_ends_a_cell_and_the_kernel_trains_on(notebook, tmp_path):
    overrides = [*NETWORK, *paths(tmp_path)]
    endless = [o if not o.startswith("trainer.max_epochs") else f"{o}000" for o in overrides]
    reply, _, _ = notebook.run(
        f"import g2p\n{call(*endless)}",
        lambda: list((tmp_path / "runs").glob("*/checkpoints/last.ckpt")),
    )
    assert (reply["status"], reply["ename"]) == ("error", "KeyboardInterrupt")
    # The bar is gone, which takes what is printed for itself while it is drawn.
    reply, printed, _ = notebook.run("import time; time.sleep(0.5); print('next')")
    assert printed == {"stdout": "next\n", "stderr": ""}
    reply, printed, _ = notebook.run(call(*overrides))
    assert reply["status"] == "ok", reply


@pytest.mark.slow
def test_a_thread_of_a_cell_and_an_await(notebook, tmp_path):
    trained = call(*NETWORK, *paths(tmp_path))
    code = (
        f"import asyncio, g2p\nrun = await asyncio.to_thread(lambda: {trained})\nprint(run.folder)"
    )
    reply, printed, _ = notebook.run(code)
    assert reply["status"] == "ok", reply
    assert Path(printed["stdout"].splitlines()[-1], "metrics.json").is_file()
