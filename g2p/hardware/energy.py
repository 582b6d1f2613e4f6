"""The energy that a run's device uses while the run trains, where a counter is readable.

NVIDIA's library (package nvidia-ml-py, module pynvml) reads a GPU's counter, RAPL a CPU's in
/sys/class/powercap, which often requires root. A counter covers the whole device, that is, every
process that runs on it at the time.
"""

import importlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from pathlib import Path

from g2p.hardware.gpu_allocation import select_gpus

RAPL = Path("/sys/class/powercap")
# RAPL's counters restart at 0 after some 260 kJ: forty minutes at 100 W.
SECONDS_BETWEEN_READINGS = 60.0


@dataclass(frozen=True)
class Counter:
    """Reads the joules used since some time in the past; restarts at 0 at `wraps_at`."""

    read: Callable[[], float]
    wraps_at: float = inf


class Meter(threading.Thread):
    """Adds up the energy that its counters report between its start and its stop."""

    def __init__(self, counters: list[Counter]):
        super().__init__(daemon=True)
        self.counters, self.total = counters, 0.0
        self.last = [counter.read() for counter in counters]
        self.stopped = threading.Event()

    def run(self) -> None:
        """Update in a thread, before a counter can wrap twice."""
        while not self.stopped.wait(SECONDS_BETWEEN_READINGS):
            self.update()

    def update(self) -> None:
        """Add the energy since the last reading."""
        for i, counter in enumerate(self.counters):
            now = counter.read()
            self.total += (now - self.last[i]) % counter.wraps_at
            self.last[i] = now

    def stop(self) -> None:
        """End the thread and take the last reading."""
        self.stopped.set()
        self.join()
        self.update()

    @property
    def joules(self) -> float | None:
        """The energy so far; None without counters."""
        return self.total if self.counters else None


@contextmanager
def energy_meter(accelerator: str, devices: int) -> Iterator[Meter]:
    """Yield a running meter of all CPU packages, or of the GPUs of a run on `devices` of them."""
    meter = Meter(gpus(devices) if accelerator == "cuda" else packages(RAPL))
    meter.start()
    try:
        yield meter
    finally:
        meter.stop()


def packages(folder: Path) -> list[Counter]:
    """Return a counter per CPU package, which includes its parts; none if one is unreadable."""
    try:
        counters = [
            Counter(
                read=lambda file=domain / "energy_uj": int(file.read_text()) / 1e6,
                wraps_at=(int((domain / "max_energy_range_uj").read_text()) + 1) / 1e6,
            )
            for domain in sorted(folder.glob("intel-rapl:*"))
            if (domain / "name").read_text().startswith("package")
        ]
        for counter in counters:
            counter.read()
    except OSError:  # readable by root only, on most machines
        return []
    return counters


def gpus(devices: int) -> list[Counter]:
    """Return a counter per GPU of a run; none without NVIDIA's library or if one has no counter."""
    import torch

    try:
        nvml = importlib.import_module("pynvml")
    except ImportError:
        return []
    try:
        nvml.nvmlInit()
        handles = [
            # torch may list fewer GPUs than NVML, in another order.
            nvml.nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties(i).uuid}")
            for i in select_gpus(devices)
        ]
        counters = [
            Counter(lambda handle=handle: nvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1e3)
            for handle in handles
        ]
        for counter in counters:
            counter.read()
    except nvml.NVMLError:
        return []
    return counters
