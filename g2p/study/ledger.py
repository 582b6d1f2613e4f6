"""The status of a study's runs: an append-only file that survives kills and two sweeps at once."""

import contextlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

from g2p.core.json_shapes import LedgerLine, Status, parse
from g2p.runs.directory import RunDirectory
from g2p.runs.lock import in_training

STATUSES = get_args(Status)
LONGEST = 3000  # characters of an error: a line is written at once


@dataclass(frozen=True)
class Ledger:
    """`ledger.jsonl` of a study's folder: a line each time a run changes its status.

    The last line of a run counts. A line that a kill cut short is passed over. What it says of a
    running or finished run is only believed as far as the run's own directory agrees.
    """

    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / "ledger.jsonl"

    def write(self, signature: str, status: str, error: str | None = None) -> None:
        """Append a line, in one write, which the system does not interleave with another's."""
        entry = {"signature": signature, "status": status, "at": datetime.now(UTC).isoformat()}
        if error is not None:
            entry["error"] = error[:LONGEST]
        self.folder.mkdir(parents=True, exist_ok=True)
        # A newline before it, too: the last line may have been cut short.
        line = f"\n{json.dumps(entry)}\n".encode()
        handle = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(handle, line)
        finally:
            os.close(handle)

    def entries(self) -> dict[str, dict]:
        """Signature -> its last line."""
        last = {}
        if self.file.exists():
            for entry in whole_entries(self.file.read_bytes().splitlines()):
                last[entry["signature"]] = entry
        return last


def whole_entries(lines: Iterable[bytes]) -> Iterator[dict]:
    """Yield the entries of a ledger's lines, without those that a kill cut short."""
    for line in lines:
        with contextlib.suppress(ValueError):
            yield parse(line, LedgerLine)


def status(directory: RunDirectory, entry: dict | None) -> str:
    """A run's status: from its directory where that says it, else from its line in the ledger."""
    if directory.finished:
        return "done"
    if entry is None or entry["status"] in ("pending", "done"):  # done, and pruned since
        return "pending"
    if entry["status"] == "running":
        return "running" if in_training(directory) else "pending"
    return "failed"
