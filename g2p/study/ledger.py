"""The runs that a study launched: an append-only file that survives kills and two sweeps."""

import contextlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from g2p.core.json_shapes import LedgerLine, parse
from g2p.runs.directory import RunDirectory
from g2p.runs.status import RunStatus, read_status

STATES = ("pending", "running", "done", "failed")  # of a study's runs


def format_counts(counts: Mapping[str, int]) -> str:
    """Return how many runs have each status as text."""
    return ", ".join(f"{counts[name]} {name}" for name in STATES if counts.get(name)) or "none"


@dataclass(frozen=True)
class Ledger:
    """`ledger.jsonl` of a study's folder: a line each time the study begins or ends a run.

    It says what no run's directory can: which runs this study trained, and that something changed.
    The status of a run is that of its directory. A line that a kill cut short is passed over.
    """

    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / "ledger.jsonl"

    def write(self, signature: str, event: str) -> None:
        """Append a line, in one write, which the system does not interleave with another's."""
        entry = {"signature": signature, "event": event, "at": datetime.now(UTC).isoformat()}
        self.folder.mkdir(parents=True, exist_ok=True)
        # A newline before it, too: the last line may have been cut short.
        line = f"\n{json.dumps(entry)}\n".encode()
        handle = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(handle, line)
        finally:
            os.close(handle)

    def signatures(self) -> set[str]:
        """Return the runs that the study began."""
        return {entry["signature"] for entry in self._entries()}

    def seconds(self) -> dict[str, float]:
        """Return signature -> seconds from its last begin to its end, of runs that ended."""
        begun, took = {}, {}
        for entry in self._entries():
            signature, at = entry["signature"], entry["at"].timestamp()
            if entry["event"] == "begun":
                begun[signature] = at
            elif signature in begun:
                took[signature] = at - begun.pop(signature)
        return took

    def _entries(self) -> Iterator[LedgerLine]:
        if self.file.exists():
            yield from whole_entries(self.file.read_bytes().splitlines())


def whole_entries(lines: Iterable[bytes]) -> Iterator[LedgerLine]:
    """Yield the entries of a ledger's lines, without those that a kill cut short."""
    for line in lines:
        with contextlib.suppress(ValueError):
            yield parse(line, LedgerLine)


def study_status(directory: RunDirectory) -> RunStatus:
    """Return a run's status for a study, one of STATES.

    A killed run is pending: the study launches it again, and so it does if status.json is damaged.
    """
    status = read_status(directory)
    return status if status.state in STATES else RunStatus("pending")
