"""The energy that a run's device takes while the run trains, where that can be read.

Of a GPU by NVIDIA's own library (package nvidia-ml-py, module pynvml), of a CPU by RAPL, the
counters that Linux shows in /sys/class/powercap to who may read them. A counter is of the whole
device: of everything that ran on it meanwhile.
"""

import importlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from pathlib import Path

from g2p.hardware.gpu_allocation import select_devices

RAPL = Path("/sys/class/powercap")
# RAPL's counters start again after some 260 kJ: forty minutes at 100 W.
SECONDS_BETWEEN_LOOKS = 60.0


@dataclass(frozen=True)
class Counter:
    """Joules taken since some time in the past, by `read`; from 0 again at `wraps_at`."""

    read: Callable[[], float]
    wraps_at: float = inf


class Meter(threading.Thread):
    """Adds up what its counters count from now on, until it is stopped."""

    def __init__(self, counters: list[Counter]):
        super().__init__(daemon=True)
        self.counters, self.spent = counters, 0.0
        self.last = [counter.read() for counter in counters]
        self.stopped = threading.Event()

    def run(self) -> None:
        while not self.stopped.wait(SECONDS_BETWEEN_LOOKS):
            self.look()

    def look(self) -> None:
        for i, counter in enumerate(self.counters):
            now = counter.read()
            self.spent += (now - self.last[i]) % counter.wraps_at
            self.last[i] = now

    def stop(self) -> None:
        self.stopped.set()
        self.join()
        self.look()

    @property
    def joules(self) -> float | None:
        """None where there is nothing to read."""
        return self.spent if self.counters else None


@contextmanager
def energy_meter(accelerator: str, devices: int) -> Iterator[Meter]:
    """A meter of `cpu`, all packages of it, or of the GPUs that a run on so many takes."""
    meter = Meter(gpus(devices) if accelerator == "cuda" else packages(RAPL))
    meter.start()
    try:
        yield meter
    finally:
        meter.stop()


def packages(folder: Path) -> list[Counter]:
    """The CPU's packages; none where any may not be read. What is part of one is counted in it."""
    counters = []
    for domain in sorted(folder.glob("intel-rapl:*")):
        try:
            if not (domain / "name").read_text().startswith("package"):
                continue
            file = domain / "energy_uj"
            counter = Counter(
                read=lambda file=file: int(file.read_text()) / 1e6,
                wraps_at=(int((domain / "max_energy_range_uj").read_text()) + 1) / 1e6,
            )
            counter.read()
        except OSError:  # for root alone, on most machines
            return []
        counters.append(counter)
    return counters


def gpus(devices: int) -> list[Counter]:
    """Those that a run takes; none without NVIDIA's library or where one has no counter."""
    import torch

    try:
        nvml = importlib.import_module("pynvml")
    except ImportError:
        return []
    try:
        nvml.nvmlInit()
        handles = [
            # torch may see fewer than NVML does, in another order.
            nvml.nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties(i).uuid}")
            for i in select_devices("cuda", devices)
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
