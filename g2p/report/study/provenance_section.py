"""The section of a study's report that says where its results come from."""

from collections.abc import Mapping
from typing import Any

from g2p.core.phrases import listed, plural
from g2p.report.study.limits import cut_rows
from g2p.report.study.page import Block, Link, Table
from g2p.report.study.results_view import number_text

COMMIT = 10  # digits of a commit that are shown


def provenance_section(provenance: Mapping[str, Any]) -> list[Block]:
    """Return the tables of what made the report, and of what trained the runs.

    Args:
        provenance: as `g2p.study.provenance` gives it.
    """
    report, study = provenance["report"], provenance["study"]
    machine = report["machine"]
    rows = [
        ("study", f"{study['name']}, size {study['size']}, of {study['file']}"),
        ("report made", report["date"]),
        ("commit", _commit(report)),
        ("processor", f"{machine['cpu']}, {plural(machine['cores'], 'core')}"),
        ("memory", f"{machine['memory'] / 2**30:.0f} GiB" if machine["memory"] else "–"),
        ("GPU", listed(machine["gpus"]) or "none"),
        ("system", machine["platform"]),
        ("libraries", _libraries(report["packages"])),
    ]
    runs = [
        [
            f"{plural(facts['runs'], 'run')}",
            _period(facts),
            _commit(facts),
            str(facts["device"] or "–"),
            " of ".join(number_text(facts[name], ",") for name in ("threads", "cpu_count")),
            _libraries({"python": facts["python"] or "–"} | (facts["packages"] or {})),
        ]
        for facts in provenance["training"]
    ]
    stored = [
        [
            plural(facts["runs"], "run"), _period(facts),
            _commit(facts) if facts["git_commit"] else "–", facts["device"] or "–",
            facts["versions"] or "–",
        ]
        for facts in provenance["stored"]
    ]  # fmt: skip
    of_stored = ["of stored tables", "ended", "commit", "device", "libraries"]
    columns = ["trained", "ended", "commit", "device", "threads of cores", "libraries"]
    return [
        Table("report", ["of this report", ""], rows),
        *([Table("training", columns, cut_rows(runs))] if runs else []),
        *([Table("stored", of_stored, cut_rows(stored))] if stored else []),
        Link("The study's file:", "study.yaml"),
        Link("All of this section:", "provenance.json"),
    ]


def _commit(facts: Mapping[str, Any]) -> str:
    commit = facts["git_commit"]
    if commit is None:
        return "no git checkout"
    return commit[:COMMIT] + (", with changes" if facts["git_dirty"] else "")


def _period(facts: Mapping[str, Any]) -> str:
    """The time between the ends of the first run and the last, to the minute."""
    ends = [facts[name][:16].replace("T", " ") for name in ("first", "last") if name in facts]
    return " to ".join(dict.fromkeys(ends)) or "–"


def _libraries(packages: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in packages.items()) or "–"
