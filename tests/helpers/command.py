"""The project's commands as a user calls them, each in a process of its own.

They share what takes Python four seconds, longer than most tests: to import the libraries of a run.
Each is forked from a process that has done so, and has imported nothing of g2p. A test of imports,
or one that kills what it calls, starts `python` itself.
"""

import atexit
import functools
import gc
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
# Of one thread, as a process must be that forks: importing pyarrow starts another.
LIBRARIES = ("lightning", "matplotlib.pyplot", "scipy.stats", "hydra")


def call(
    *words: str, cwd: Path, timeout: int = 300, **environment: str
) -> subprocess.CompletedProcess:
    """What `python words ...` says and exits with; W&B is offline unless `environment` differs.

    Args:
        words: a file of the project or -m and a module, and what they are told.
        cwd: where.
        timeout: seconds, after which SIGALRM ends it.
    """
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        asked = {
            "words": words,
            "cwd": str(cwd),
            "files": [os.devnull, str(out), str(err)],
            "timeout": timeout,
            "environment": _with(environment),
        }
        parent = _parent()
        print(json.dumps(asked), file=parent.stdin, flush=True)
        code = parent.stdout.readline()
        assert code, f"tests.helpers.command ended with {parent.wait()}"
        return subprocess.CompletedProcess(words, int(code), out.read_text(), err.read_text())


def started(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess:
    """The same from nothing, for what Python does when it starts."""
    return subprocess.run(
        [sys.executable, *_of_project(words)], cwd=cwd, env=_with(environment),
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def _with(environment: dict[str, str]) -> dict[str, str]:
    return {**os.environ, "WANDB_MODE": "offline", **environment}


def _of_project(words: Sequence[str]) -> list[str]:
    file, *others = words
    return [file if file == "-m" else str(ROOT / file), *others]


train = functools.partial(call, "train.py")
sweep = functools.partial(call, "sweep.py")


@functools.cache
def _parent() -> subprocess.Popen:
    parent = subprocess.Popen(
        [sys.executable, "-m", __name__], cwd=ROOT, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    atexit.register(_end, parent)
    return parent


def _end(parent: subprocess.Popen) -> None:
    parent.stdin.close()
    parent.wait()
    parent.stdout.close()


def _asked() -> dict:
    """In the parent, never returns; in a child, what that is to do."""
    for name in LIBRARIES:
        importlib.import_module(name)
    gc.freeze()  # else looking for garbage would copy all of it into each child
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests, and for the children
    for line in sys.stdin:
        child = os.fork()
        if not child:
            return json.loads(line)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    sys.exit()


def _do(words: list[str], cwd: str, files: list[str], timeout: int, environment: dict) -> None:
    for number, name in enumerate(files):
        os.dup2(os.open(name, os.O_RDWR | os.O_CREAT), number)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.alarm(timeout)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = _of_project(words)
    if words[0] == "-m":
        del sys.argv[0]
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    _do(**_asked())
