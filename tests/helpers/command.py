"""The project's commands as a user calls them, each in a process of its own.

To import the libraries of a run takes Python four seconds, longer than most tests. So each command
is forked from a server process that imports them once. A test of imports, or one that kills the
command, starts `python` itself.
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
import threading
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
# Not wandb: what it sets up when it is imported belongs to one process.
MODULES = (
    "lightning", "lightgbm", "matplotlib.pyplot", "scipy.stats", "sklearn.linear_model", "hydra",
    "g2p.cli.command", "g2p.cli.train", "g2p.cli.sweep", "g2p.runs.run", "g2p.study.analyze",
    "g2p.report.study.report", "g2p.report.study.results_view",
)  # fmt: skip
# A process must have one thread to fork safely; pyarrow's allocator and numpy's BLAS start more.
ONE_THREAD = {"JE_ARROW_MALLOC_CONF": "background_thread:false", "OMP_NUM_THREADS": "1"}


def call(
    *arguments: str, cwd: Path, timeout: int = 300, **environment: str
) -> subprocess.CompletedProcess:
    """Run `python arguments ...`; with W&B, a second a run, only if `environment` says so.

    Args:
        arguments: a file of the project or -m and a module, and its arguments.
        cwd: the working directory.
        timeout: seconds, after which SIGALRM ends it.
    """
    with tempfile.TemporaryDirectory() as directory:
        out, err = Path(directory, "out"), Path(directory, "err")
        request = {
            "arguments": arguments,
            "cwd": str(cwd),
            "files": [os.devnull, str(out), str(err)],
            "timeout": timeout,
            "environment": _with(environment),
        }
        server = _server()
        print(json.dumps(request), file=server.stdin, flush=True)
        code = server.stdout.readline()
        assert code, f"tests.helpers.command ended with {server.wait()}"
        return subprocess.CompletedProcess(arguments, int(code), out.read_text(), err.read_text())


def started(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess:
    """Run the same in a new Python, for what happens when that starts."""
    return subprocess.run(
        [sys.executable, *_of_project(arguments)], cwd=cwd, env=_with(environment),
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def _with(environment: dict[str, str]) -> dict[str, str]:
    return {**os.environ, "WANDB_MODE": "disabled", **environment}


def _of_project(arguments: Sequence[str]) -> list[str]:
    file, *others = arguments
    return [file if file == "-m" else str(ROOT / file), *others]


train = functools.partial(call, "train.py")
sweep = functools.partial(call, "sweep.py")


@functools.cache
def _server() -> subprocess.Popen:
    server = subprocess.Popen(
        [sys.executable, "-m", __name__], cwd=ROOT, text=True, env={**os.environ, **ONE_THREAD},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    atexit.register(_end, server)
    return server


def _end(server: subprocess.Popen) -> None:
    server.stdin.close()
    server.wait()
    server.stdout.close()


def _next_request() -> dict:
    """Wait for requests and fork a child for each. Returns in a child, with its request."""
    for name in MODULES:
        importlib.import_module(name)
    threads = Path("/proc/self/task")  # of Linux
    assert not threads.is_dir() or len(list(threads.iterdir())) == 1
    gc.freeze()  # else looking for garbage would copy all of it into each child
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests, and for the children
    for line in sys.stdin:
        child = os.fork()
        if not child:
            return json.loads(line)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    sys.exit()


def _run(arguments: list[str], cwd: str, files: list[str], timeout: int, environment: dict) -> None:
    for number, name in enumerate(files):
        os.dup2(os.open(name, os.O_RDWR | os.O_CREAT), number)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.alarm(timeout)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = _of_project(arguments)
    try:
        if arguments[0] == "-m":
            del sys.argv[0]
            runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as end:
        if isinstance(end.code, str):  # as Python does it
            print(end.code, file=sys.stderr)
        _end_process(end.code if isinstance(end.code, int) else int(end.code is not None))
    _end_process(0)


def _end_process(code: int) -> None:
    """End as Python does, but leave all objects of the imported libraries where they are.

    To free each would first copy its page of memory into this child, which takes longer than most
    commands.
    """
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    _run(**_next_request())
