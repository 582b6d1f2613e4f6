"""Where a study's results come from: its YAML, its code, its machines, its libraries.

Stored beside the report as `study.yaml`, a copy of the file, and `provenance.json`.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq

from g2p.core.atomic_files import write_atomically, write_json
from g2p.core.digests import file_digest
from g2p.core.errors import DamagedRunError
from g2p.core.grouping import group_by
from g2p.core.json_shapes import StoredStatus, read_checked_json
from g2p.core.package import PACKAGE
from g2p.hardware.machine import describe_machine
from g2p.runs.directory import STATUS
from g2p.runs.environment import git_state, installed_versions
from g2p.study.design import Study
from g2p.study.expand import StudyRun

FILES = ("study.yaml", "provenance.json")
# Facts that a run's environment.json shares with those of other runs.
COMMON = ("git_commit", "git_dirty", "device", "cpu_count", "threads", "platform", "python",
          "packages")  # fmt: skip


def write_provenance(study: Study, runs: Sequence[StudyRun], folder: Path) -> dict:
    """Write both files; return the contents of `provenance.json`.

    Its keys: `study` (name, size, SHA-256 of its file, overrides of every run), `report` (date,
    commit, machine and versions of this process), `training` (a list: facts that runs share, how
    many they are, and when the first and the last of them ended) and `stored` (a list of what
    tables say of the runs whose results they store: libraries, commit, device, and when these
    ended).

    Args:
        study: of the runs.
        runs: of the study.
        folder: of the study, with its `results.parquet`.
    """
    content = study.file.read_bytes()
    write_atomically(folder / "study.yaml", lambda file: file.write(content))
    commit, dirty = git_state(PACKAGE)
    provenance = {
        "study": {
            "name": study.name, "size": study.size, "file": study.file.name,
            "sha256": file_digest(folder / "study.yaml"),
            "overrides": runs[0].user_overrides,
        },
        "report": {
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "git_commit": commit, "git_dirty": dirty,
            "machine": describe_machine(), "packages": installed_versions(),
        },
        "training": _training(runs),
        "stored": _stored(runs, folder / "results.parquet"),
    }  # fmt: skip
    write_json(folder / "provenance.json", provenance)
    return provenance


def _training(runs: Sequence[StudyRun]) -> list[dict]:
    """Return the facts of the finished runs of this machine's disk, those that are alike as one."""
    groups: dict[str, dict] = {}
    for run in runs:
        directory = run.directory
        if not directory.finished:
            continue
        try:
            recorded = directory.environment()
        except DamagedRunError:
            continue
        facts = {name: recorded.get(name) for name in COMMON}
        group = groups.setdefault(json.dumps(facts, sort_keys=True), facts | {"runs": 0})
        group["runs"] += 1
        if status := read_checked_json(directory.folder / STATUS, StoredStatus):
            ends = [*filter(None, (group.get("first"), group.get("last"))), status["at"]]
            group |= {"first": min(ends), "last": max(ends)}
    return list(groups.values())


def _stored(runs: Sequence[StudyRun], file: Path) -> list[dict]:
    """Return the facts of runs that are done without a directory here, as their tables say."""
    here = {run.signature for run in runs if run.directory.finished}
    facts = ("versions", "git_commit", "git_dirty", "device")
    rows = pq.read_table(file, columns=["signature", "status", "ended", *facts]).to_pylist()
    stored = {
        row["signature"]: row for row in rows
        if row["status"] == "done" and row["signature"] not in here
    }  # fmt: skip
    groups = group_by(stored.values(), lambda row: tuple(row[name] for name in facts))
    result = []
    for values, each in groups.items():
        ends = [row["ended"] for row in each if row["ended"]]
        period = {"first": min(ends), "last": max(ends)} if ends else {}
        result.append({**dict(zip(facts, values, strict=True)), "runs": len(each), **period})
    return result
