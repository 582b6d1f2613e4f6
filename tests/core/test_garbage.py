"""A command's garbage collector: cycles are collected as it runs, and none at its exit."""

import subprocess
import sys

PROGRAM = """
import gc, sys
from g2p.core.garbage import collect_rarely

class Cycle:
    def __init__(self, name):
        self.name, self.itself = name, self
    def __del__(self):
        print(self.name)

collect_rarely()
Cycle("while it runs")
many = [[] for _ in range(100_000)]
print("end")
Cycle("at exit")
"""


def test_cycles_are_collected_as_a_command_runs_and_not_at_its_exit():
    printed = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    ).stdout
    assert printed.split("\n") == ["while it runs", "end", ""]
