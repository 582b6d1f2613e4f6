"""A panel on disk: one Arrow file, built once, memory-mapped from then on.

The file is one record batch with a row for each strain (its name, its genotypes as a list of fixed
length, a column for each phenotype, each standard error and each other fact), so that genotypes are
one contiguous block that is mapped, not read. What is not a row (locus table, aliases, truth)
travels in the schema's metadata, with two checksums.

The promise: a process gets from a stored panel what was stored, or builds the panel again. All but
the genotypes is compared with its checksum whenever the file is opened; genotypes, which may be
larger than memory, when they are first asked for, all of them, once in a process.

The name carries the fingerprint of source, options and content, so a changed source is another
file; and a file appears whole or not at all, so two processes may build the same one at once.
"""

import functools
import hashlib
import json
import logging
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from g2p.core.atomic_files import read_json, remove_abandoned_drafts, write_atomically, write_json
from g2p.core.errors import DataError
from g2p.data.panel import Panel, validate

log = logging.getLogger(__name__)

SETTLED = 2_000_000_000  # nanoseconds

# Part of every store's name: raise it when the layout below changes.
LAYOUT = 4
BLOCK = 1 << 26  # bytes of genotypes between two chances to stop


class DamagedPanelError(DataError):
    """A stored panel that is not as it was written."""


@dataclass(frozen=True, eq=False)
class StoredPanel(Panel):
    """A panel whose genotypes are compared with their checksum when they are first asked for.

    Attributes:
        genotypes: as in `Panel`, a map of the file.
        load_genotypes: returns them, verified.
    """

    genotypes: np.ndarray = field(init=False)
    load_genotypes: Callable[[], np.ndarray] = field(kw_only=True)

    def __getattr__(self, name: str):
        """Called for what is not set yet."""
        if name != "genotypes":
            raise AttributeError(name)
        self.__dict__["genotypes"] = self.load_genotypes()
        return self.__dict__["genotypes"]


def options_fingerprint(version: int, options: Mapping) -> str:
    """The fingerprint of a panel that its options determine; 0 and 0.0 are the same option."""
    plain = {k: float(v) if isinstance(v, int) else v for k, v in options.items()}
    text = json.dumps([version, plain], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def files_fingerprint(folder: Path, version: int, options: Mapping, files: list[Path]) -> str:
    """The fingerprint of a panel that these options make of the content of these files.

    A file is read only when its size, times or inode have changed since its digest was noted in
    `folder`, so that a large source is opened as fast as a small one. A copy that
    keeps size and time of change (cp -p, rsync -t, a restored backup) has another inode, or at
    least another time of its inode's change, which nobody can set.
    """
    contents = [_digest(folder / "digests", file) for file in files]
    return options_fingerprint(version, {**options, "files": contents})


def _digest(notes: Path, file: Path) -> str:
    path = file.resolve()
    note = notes / f"{hashlib.sha256(str(path).encode()).hexdigest()[:16]}.json"
    state = path.stat()
    facts = [state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino, state.st_dev]
    noted = read_json(note)
    if isinstance(noted, dict) and noted.get("facts") == facts and "sha256" in noted:
        return str(noted["sha256"])
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    # A file that was written just now may change again within the resolution of its times.
    if time.time_ns() - max(state.st_mtime_ns, state.st_ctime_ns) > SETTLED:
        write_json(note, {"facts": facts, "sha256": digest})
    return digest


def panel_file(folder: Path, name: str, fingerprint: str) -> Path:
    """Return the path at which a source's panel with this fingerprint is stored."""
    return folder / f"{name}-{fingerprint}-v{LAYOUT}.arrow"


def stored_panel(folder: Path, name: str, fingerprint: str, build: Callable[[], Panel]) -> Panel:
    """Return the panel stored in `folder` under this name and fingerprint; build it if absent.

    It is built again, with a warning, where the file turns out to be damaged: here, or when its
    genotypes are first asked for.
    """
    path = panel_file(folder, name, fingerprint)

    def store() -> None:
        panel = validate(build(), origin=f"data={name}")
        remove_abandoned_drafts(folder)
        write_atomically(path, lambda file: _write(panel, file))

    def rebuild() -> None:
        log.warning("%s is damaged; building it again.", path)
        store()

    if path.exists():
        try:
            return open_panel(path, rebuild)
        except DamagedPanelError:
            rebuild()
    else:
        store()
    return open_panel(path, rebuild)


def _write(panel: Panel, file) -> None:
    genotypes = np.ascontiguousarray(panel.genotypes)
    flat = pa.array(genotypes.reshape(-1))
    columns = {"strain": pa.array(panel.strains, pa.string())}
    columns["genotypes"] = pa.FixedSizeListArray.from_arrays(flat, panel.genotypes.shape[1])
    for p, name in enumerate(panel.phenotype_names):
        columns[f"phenotype:{name}"] = pa.array(panel.phenotypes[:, p], pa.float64())
        if panel.standard_errors is not None:
            columns[f"error:{name}"] = pa.array(panel.standard_errors[:, p], pa.float64())
    if panel.strain_table is not None:
        for name in panel.strain_table.column_names:
            columns[f"strain:{name}"] = panel.strain_table[name].combine_chunks()
    batch = pa.record_batch(columns)
    facts = {"aliases": panel.aliases, "noise_ceiling": panel.noise_ceiling, "truth": panel.truth}
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, panel.loci.schema) as writer:
        writer.write_table(panel.loci)
    checksum = _checksum(genotypes)
    checksums = {"genotypes": checksum, "rest": _checksum_of_rest(panel, checksum)}
    metadata = {
        "loci": sink.getvalue().to_pybytes(),
        "facts": json.dumps(facts),
        "checksums": json.dumps(checksums),
    }
    batch = batch.replace_schema_metadata(metadata)
    options = pa.ipc.IpcWriteOptions(allow_64bit=True)  # 100,000 x 41,594 calls exceed 2^31
    with pa.ipc.new_file(file, batch.schema, options=options) as writer:
        writer.write_batch(batch)


def open_panel(path: Path, rebuild: Callable[[], None] | None = None) -> Panel:
    """Open the panel stored at `path`, its genotypes mapped.

    Args:
        path: a stored panel.
        rebuild: stores it again; called where its genotypes turn out to be damaged later.

    Raises:
        DamagedPanelError: for a file that is no stored panel, or not as it was written; and,
            without `rebuild`, when genotypes are asked for that are not.
        OSError: for a file that cannot be read at all.
    """
    try:
        parts, genotypes, checksums = _read(path)
        expected = checksums["genotypes"]
        intact = _checksum_of_rest(Panel(genotypes, **parts), expected) == checksums["rest"]
    except Exception as error:  # Arrow and json have many, for as many kinds of damage
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DamagedPanelError(f"{path} is damaged: {error}") from None
    if not intact:
        raise DamagedPanelError(f"{path} is damaged: its checksum does not match its content")

    @functools.cache
    def load_genotypes() -> np.ndarray:
        if _checksum(genotypes) == expected:
            return genotypes
        if rebuild is None:
            raise DamagedPanelError(f"{path} is damaged: the checksum does not match its genotypes")
        rebuild()
        return open_panel(path).genotypes

    return StoredPanel(**parts, load_genotypes=load_genotypes)


def _read(path: Path) -> tuple[dict, np.ndarray, dict]:
    """Everything but the genotypes, by attribute of `Panel`; the genotypes; the checksums."""
    with pa.memory_map(str(path)) as source:
        batch = pa.ipc.open_file(source).get_batch(0)
    metadata = batch.schema.metadata
    loci = pa.ipc.open_stream(metadata[b"loci"]).read_all()
    for table in (batch, loci):  # else Arrow might look outside of a damaged one
        table.validate(full=True)
    facts = json.loads(metadata[b"facts"])
    genotypes = batch["genotypes"].flatten().to_numpy(zero_copy_only=True)
    phenotypes, with_error, facts_of_strains = (
        [n.removeprefix(kind) for n in batch.schema.names if n.startswith(kind)]
        for kind in ("phenotype:", "error:", "strain:")
    )
    values = [batch[f"phenotype:{name}"].to_numpy() for name in phenotypes]
    errors = [batch[f"error:{name}"].to_numpy() for name in with_error]
    strain_table = pa.table({n: batch[f"strain:{n}"] for n in facts_of_strains})
    parts = {
        "phenotypes": np.stack(values, axis=1) if values else np.empty((batch.num_rows, 0)),
        "standard_errors": np.stack(errors, axis=1) if errors else None,
        "strains": batch["strain"].to_pylist(),
        "phenotype_names": phenotypes,
        "strain_table": strain_table if facts_of_strains else None,
        "loci": loci,
        **{name: facts[name] for name in ("aliases", "noise_ceiling", "truth")},
    }
    return parts, genotypes.reshape(batch.num_rows, -1), json.loads(metadata[b"checksums"])


def _checksum(values: np.ndarray, checksum: int = 0) -> int:
    """CRC-32 of an array's bytes, continued from `checksum`: gigabytes in a second."""
    flat = values.reshape(-1).view(np.uint8)
    for start in range(0, len(flat), BLOCK):
        checksum = zlib.crc32(flat[start : start + BLOCK].data, checksum)
    return checksum


def _checksum_of_rest(panel: Panel, of_genotypes: int) -> int:
    """CRC-32 of all that a panel holds; the genotypes' size, type and checksum stand for them."""
    checksum = _checksum(np.ascontiguousarray(panel.phenotypes, np.float64))
    if panel.standard_errors is not None:
        checksum = _checksum(np.ascontiguousarray(panel.standard_errors, np.float64), checksum)
    return zlib.crc32(text_of_rest(panel, of_genotypes).encode(), checksum)


def text_of_rest(panel: Panel, of_genotypes: int) -> str:
    """Write what a panel holds beside its numbers, and what stands for the genotypes."""
    rest = [
        panel.strains, panel.phenotype_names, panel.aliases, panel.noise_ceiling, panel.truth,
        panel.loci.to_pydict(), panel.strain_table and panel.strain_table.to_pydict(),
        panel.genotypes.shape, panel.genotypes.dtype.str, of_genotypes,
    ]  # fmt: skip
    return json.dumps(rest, default=str)
