"""Results of a study's parts: tables that were stored elsewhere, for runs that are not here.

A long study is cut into parts by `seeds=`, on one machine or several. The table of a part, its
`results.parquet`, is all that the whole needs of it.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from g2p.core.digests import file_digest
from g2p.core.errors import DataError
from g2p.core.phrases import listed, plural
from g2p.runs.signature import config_part

NEEDED = ("signature", "phenotype", "split", "status", "r2")
# Of one run: (phenotype, split) -> its row.
Cells = dict[tuple[str, str], dict]


class Parts:
    """The finished runs of stored tables.

    Args:
        tables: results.parquet of parts of a study.

    Raises:
        DataError: for a file that is no table of results, or tables that disagree about a run.
    """

    def __init__(self, tables: Sequence[Path]):
        self.by_signature: dict[str, Cells] = {}
        for path in tables:
            for signature, cells in _read(path).items():
                earlier = self.by_signature.setdefault(signature, cells)
                if not _same(earlier, cells):
                    raise DataError(
                        f"{path} has other results of run {signature} than an earlier table."
                    )
        self.digest = [file_digest(path) for path in tables]
        self._by_config = {config_part(name): name for name in self.by_signature}

    def signature_of(self, signature: str) -> str | None:
        """Return the signature of a run's results, perhaps under other code, or None."""
        if signature in self.by_signature:
            return signature
        return self._by_config.get(config_part(signature))

    def cells(self, signature: str, columns: Sequence[str]) -> Cells:
        """Return these columns of a run, by phenotype and part of the split; null where absent."""
        cells = self.by_signature.get(self.signature_of(signature) or "", {})
        return {
            cell: {name: row.get(name) for name in columns} for cell, row in cells.items()
        }  # fmt: skip

    def notes(self, signatures: Iterable[str]) -> list[str]:
        """Return sentences on what of the tables a study of these runs takes, and how."""
        signatures = list(signatures)
        used = {self.signature_of(signature) for signature in signatures} - {None}
        under_other_code = [s for s in signatures if self.signature_of(s) not in (None, s)]
        sentences = []
        if under_other_code:
            sentences.append(
                f"{plural(len(under_other_code), 'run')} of the tables computed with other code "
                "than is here."
            )
        if unused := sorted(self.by_signature.keys() - used):
            sentences.append(
                f"{plural(len(unused), 'run')} of the tables are not of this study: "
                f"{listed(unused, 3)}."
            )
        return sentences


def _read(path: Path) -> dict[str, Cells]:
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path} cannot be read as a table of results ({error}).") from None
    if missing := [name for name in NEEDED if name not in table.column_names]:
        raise DataError(f"{path} is no table of results: it has no column {missing[0]}.")
    by_signature: dict[str, Cells] = {}
    for row in table.to_pylist():
        if row["status"] == "done":
            cell = (row["phenotype"], row["split"])
            by_signature.setdefault(row["signature"], {})[cell] = row
    return by_signature


def _same(one: Cells, other: Cells) -> bool:
    return {cell: row["r2"] for cell, row in one.items()} == {
        cell: row["r2"] for cell, row in other.items()
    }
