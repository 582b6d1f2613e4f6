"""What a run took: joules from counters as Linux and NVIDIA's library show them."""

import importlib.util
import json
import sys
import types

import pytest

from g2p.hardware import energy
from g2p.hardware.energy import Counter, Meter, energy_meter, gpus, packages
from g2p.runs.directory import RunDirectory
from g2p.runs.run import run
from tests.helpers.configs import SMALL_RIDGE, compose, paths

SPAN = 1_000_000  # microjoules


def domain(folder, name: str, microjoules: int, number: str):
    path = folder / f"intel-rapl:{number}"
    path.mkdir(parents=True)
    (path / "name").write_text(f"{name}\n")
    (path / "energy_uj").write_text(f"{microjoules}\n")
    (path / "max_energy_range_uj").write_text(f"{SPAN - 1}\n")
    return path / "energy_uj"


def test_packages_are_added_up_and_their_parts_are_not(tmp_path, monkeypatch):
    monkeypatch.setattr(energy, "RAPL", tmp_path)
    first = domain(tmp_path, "package-0", 100, "0")
    second = domain(tmp_path, "package-1", 900_000, "1")
    domain(tmp_path, "core", 5, "0:0")
    domain(tmp_path, "psys", 5, "2")
    with energy_meter("cpu", 1) as meter:
        first.write_text("600100\n")
        meter.update()
        first.write_text("600200\n")
        second.write_text("100000\n")  # it began again at a million
    assert meter.joules == pytest.approx(0.6001 + 0.2)


def test_without_a_readable_counter_the_energy_is_none(tmp_path, monkeypatch):
    monkeypatch.setattr(energy, "RAPL", tmp_path)
    with energy_meter("cpu", 1) as meter:
        pass
    assert meter.joules is None
    domain(tmp_path, "package-0", 1, "0").unlink()
    assert packages(tmp_path) == []


def test_a_meter_looks_before_a_counter_comes_round_twice(monkeypatch):
    monkeypatch.setattr(energy, "SECONDS_BETWEEN_READINGS", 0.001)
    reads = iter(n * 0.75 % 1 for n in range(10**9))
    meter = Meter([Counter(lambda: next(reads), wraps_at=1.0)])
    meter.start()
    while meter.total < 30:
        pass
    meter.stop()
    assert meter.joules == pytest.approx(0.75 * (meter.total // 0.75), abs=1e-6)


def test_gpus_are_identified_by_torchs_names(monkeypatch):
    """NVIDIA's library is not there without its driver: one of the same form, counting in mJ."""
    counted = {"GPU-b": iter((5_000, 5_000, 12_500))}
    nvml = types.SimpleNamespace(
        NVMLError=type("NVMLError", (Exception,), {}),
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByUUID=lambda uuid: uuid,
        nvmlDeviceGetTotalEnergyConsumption=lambda handle: next(counted[handle]),
    )
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    seen = types.SimpleNamespace(uuid="b")
    monkeypatch.setattr("torch.cuda.get_device_properties", lambda i: seen)
    with energy_meter("cuda", 1) as meter:
        pass
    assert meter.joules == 7.5

    def refuse():
        raise nvml.NVMLError

    nvml.nvmlInit = refuse
    assert gpus(1) == []


@pytest.mark.skipif(importlib.util.find_spec("pynvml") is None, reason="nvidia-ml-py is not here")
def test_the_real_library_without_a_driver(monkeypatch):
    import torch

    if torch.cuda.is_available():
        pytest.skip("a GPU is here")
    monkeypatch.setattr("torch.cuda.get_device_properties", lambda i: None)
    assert gpus(1) == []


def test_a_run_says_what_it_took(small, tmp_path, monkeypatch):
    monkeypatch.setattr(energy, "RAPL", tmp_path / "rapl")
    domain(tmp_path / "rapl", "package-0", 7, "0")
    folder = run(small())
    metrics = RunDirectory(folder).metrics()
    facts = json.loads((folder / "environment.json").read_text())
    assert metrics["flops"] > 0 and facts["energy"] == 0  # nothing counts in that file
    once = metrics["flops"] / metrics["epochs"]
    (folder / "metrics.json").unlink()  # as a kill before its end leaves it
    assert RunDirectory(run(small())).metrics()["flops"] == once * metrics["epochs"]
    assert json.loads((folder / "environment.json").read_text())["energy"] is None
    ridge = run(compose(*SMALL_RIDGE, *paths(tmp_path)))
    assert RunDirectory(ridge).metrics()["flops"] is None
