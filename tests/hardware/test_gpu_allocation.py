"""Each process takes a GPU of its own, by locks that go with it. The GPUs are made up."""

import signal
import subprocess
import sys
from collections import Counter

import pytest
import torch

from g2p.hardware import gpu_allocation
from g2p.hardware.gpu_allocation import select_devices, visible_gpus
from tests.helpers.command import ROOT

HOLDER = """
import sys
from pathlib import Path
from g2p.hardware.gpu_allocation import claim_gpu
print(claim_gpu(sys.argv[2:], Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holding(tmp_path):
    """Start a process that takes one of these GPUs and keeps it; tells which."""
    processes = []

    def start(*gpus: str) -> tuple[subprocess.Popen, int]:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(tmp_path / "gpus"), *gpus], cwd=ROOT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        processes.append(process)
        return process, int(process.stdout.readline())

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_processes_share_gpus_evenly(holding):
    indices = [holding("0", "1", "2")[1] for _ in range(7)]
    assert sorted(indices[:3]) == sorted(indices[3:6]) == [0, 1, 2]
    assert max(Counter(indices).values()) == 3


@pytest.mark.slow
def test_a_killed_process_gives_its_gpu_back(holding):
    first, index = holding("0", "1")
    _, other = holding("0", "1")
    assert (index, other) == (0, 1)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert holding("0", "1")[1] == 0


@pytest.mark.slow
def test_gpus_are_identified_by_their_names_on_the_machine(holding):
    """Two sweeps that each see two of four: the second's first is not the first's."""
    assert [holding("0", "1")[1], holding("2", "3")[1], holding("1", "0")[1]] == [0, 0, 0]


@pytest.mark.parametrize(
    ("available", "variable", "names"),
    [
        (4, None, ["0", "1", "2", "3"]),
        (2, "2,3", ["2", "3"]),
        (0, "", []),
        (1, "GPU-8932f937", ["GPU-8932f937"]),
        (2, "0,1,-1,2", ["0", "1"]),
    ],
)
def test_which_gpus_are_visible(monkeypatch, available, variable, names):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: available)
    if variable is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", variable)
    assert visible_gpus() == names


def test_a_run_takes_one_gpu_of_several_and_keeps_it(monkeypatch, tmp_path):
    chosen = []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setattr(gpu_allocation.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(gpu_allocation, "_locks", [])  # given back when the test ends
    gpu_allocation._gpu_of_this_process.cache_clear()
    assert select_devices("cuda", 1) == select_devices("cuda", 1) == [0]
    assert chosen == [0]
    gpu_allocation._gpu_of_this_process.cache_clear()
    assert select_devices("cuda", 1) == [1]  # as another process would
    assert select_devices("cuda", 2) == [0, 1]  # processes that share a batch take them all
    assert select_devices("cpu", 1) == 1
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert select_devices("cuda", 1) == [0]  # as in Slurm and Ray, which show one
    gpu_allocation._gpu_of_this_process.cache_clear()
