"""What a study stores of where its results come from."""

import json
import os
import platform

import pytest

from g2p.hardware import machine
from g2p.study.study_files import study_file
from tests.helpers.command import sweep


@pytest.mark.slow
def test_a_study_keeps_its_yaml_its_commit_and_its_machine(tmp_path):
    done = sweep("study=baselines", "size=smoke", "logger=none", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "studies" / "baselines-smoke"
    assert (folder / "study.yaml").read_bytes() == study_file("baselines").read_bytes()
    stored = json.loads((folder / "provenance.json").read_text())
    assert stored["study"]["file"] == "baselines.yaml"
    facts = stored["report"]["machine"]
    assert facts["cores"] == os.cpu_count() and facts["platform"] == platform.platform()
    (training,) = stored["training"]  # all by one process
    assert training["runs"] == 4
    assert training["device"] == facts["cpu"]
    assert training["first"] <= training["last"] <= stored["report"]["date"]
    assert training["git_commit"] == stored["report"]["git_commit"]
    page = (folder / "report.html").read_text()
    assert facts["cpu"] in page and stored["report"]["date"] in page


def test_a_machine_is_described_without_linux_or_a_driver(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "CPU_FACTS", tmp_path / "absent")
    assert machine.cpu_name() == (platform.processor() or platform.machine())
    facts = tmp_path / "cpuinfo"
    facts.write_text("processor\t: 0\nmodel name\t: A Chip 9000: fast\nmodel name\t: A Chip 9000\n")
    monkeypatch.setattr(machine, "CPU_FACTS", facts)
    assert machine.cpu_name() == "A Chip 9000: fast"
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'NVIDIA H200'\necho 'NVIDIA L4'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine.describe_machine()["gpus"] == ["NVIDIA H200", "NVIDIA L4"]
    tool.write_text("#!/bin/sh\nexit 9\n")  # no driver
    assert machine.describe_machine()["gpus"] == []
