"""A panel on disk: one Arrow file, built once, memory-mapped ever after.

The file is one record batch with a row for each strain (its name, its genotypes as a list of fixed
length, a column for each phenotype and for each other fact), so that genotypes are one contiguous
block that is mapped, not read. What is not a row (locus table, aliases, truth) travels in the
schema's metadata.

The name carries the fingerprint of source, options and content, so a changed source is another
file; and a file appears whole or not at all, so two processes may build the same one at once.
"""

import hashlib
import json
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from g2p.data.panel import Panel, validate
from g2p.files import read_json, write_atomically, write_json

log = logging.getLogger(__name__)

SETTLED = 2_000_000_000  # nanoseconds

# Part of every store's name: raise it when the layout below changes.
LAYOUT = 2


def options_fingerprint(version: int, options: Mapping) -> str:
    """The fingerprint of a panel that its options determine; 0 and 0.0 are the same option."""
    plain = {k: float(v) if isinstance(v, int) else v for k, v in options.items()}
    text = json.dumps([version, plain], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def files_fingerprint(folder: Path, version: int, options: Mapping, files: list[Path]) -> str:
    """The fingerprint of a panel that these options make of the content of these files.

    A file is read only when its size or its time has changed since `folder` saw it last, so that
    a large source is opened as fast as a small one.
    """
    contents = [_digest(folder / "digests", file) for file in files]
    return options_fingerprint(version, {**options, "files": contents})


def _digest(seen: Path, file: Path) -> str:
    path = file.resolve()
    note = seen / f"{hashlib.sha256(str(path).encode()).hexdigest()[:16]}.json"
    facts = [path.stat().st_size, path.stat().st_mtime_ns]
    known = read_json(note)
    if known is not None and known["facts"] == facts:
        return known["sha256"]
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    # A file that was written just now may change again within the resolution of its time.
    if time.time_ns() - facts[1] > SETTLED:
        write_json(note, {"facts": facts, "sha256": digest})
    return digest


def panel_file(folder: Path, name: str, fingerprint: str) -> Path:
    """Where a source's panel with this fingerprint is stored."""
    return folder / f"{name}-{fingerprint}-v{LAYOUT}.arrow"


def stored_panel(folder: Path, name: str, fingerprint: str, build: Callable[[], Panel]) -> Panel:
    """The panel stored in `folder` under this name and fingerprint, built and stored if absent."""
    path = panel_file(folder, name, fingerprint)
    if path.exists():
        try:
            return open_panel(path)
        except pa.ArrowInvalid:
            log.warning("%s is damaged; building it again.", path)
    panel = validate(build(), origin=f"data={name}")
    write_atomically(path, lambda file: _write(panel, file))
    return open_panel(path)


def _write(panel: Panel, file) -> None:
    n_strains, n_loci = panel.genotypes.shape
    flat = pa.array(np.ascontiguousarray(panel.genotypes).reshape(-1))
    columns = {"strain": pa.array(panel.strains, pa.string())}
    columns["genotypes"] = pa.FixedSizeListArray.from_arrays(flat, n_loci)
    for p, name in enumerate(panel.phenotype_names):
        columns[f"phenotype:{name}"] = pa.array(panel.phenotypes[:, p], pa.float64())
    if panel.strain_table is not None:
        for name in panel.strain_table.column_names:
            columns[f"strain:{name}"] = panel.strain_table[name].combine_chunks()
    batch = pa.record_batch(columns)
    facts = {"aliases": panel.aliases, "noise_ceiling": panel.noise_ceiling, "truth": panel.truth}
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, panel.loci.schema) as writer:
        writer.write_table(panel.loci)
    metadata = {"loci": sink.getvalue().to_pybytes(), "facts": json.dumps(facts)}
    batch = batch.replace_schema_metadata(metadata)
    options = pa.ipc.IpcWriteOptions(allow_64bit=True)  # 100,000 x 41,594 calls exceed 2^31
    with pa.ipc.new_file(file, batch.schema, options=options) as writer:
        writer.write_batch(batch)


def open_panel(path: Path) -> Panel:
    """The panel stored at `path`, its genotypes mapped. Raises pa.ArrowInvalid for another file."""
    with pa.memory_map(str(path)) as source:
        batch = pa.ipc.open_file(source).get_batch(0)
    metadata = batch.schema.metadata
    facts = json.loads(metadata[b"facts"])
    genotypes = batch["genotypes"].flatten().to_numpy(zero_copy_only=True)
    phenotypes, known = (
        [n.removeprefix(kind) for n in batch.schema.names if n.startswith(kind)]
        for kind in ("phenotype:", "strain:")
    )
    values = [batch[f"phenotype:{name}"].to_numpy() for name in phenotypes]
    return Panel(
        genotypes=genotypes.reshape(batch.num_rows, -1),
        phenotypes=np.stack(values, axis=1) if values else np.empty((batch.num_rows, 0)),
        strains=batch["strain"].to_pylist(),
        phenotype_names=phenotypes,
        strain_table=pa.table({n: batch[f"strain:{n}"] for n in known}) if known else None,
        loci=pa.ipc.open_stream(metadata[b"loci"]).read_all(),
        **facts,
    )
