"""The published genotype files of the BBQ panel (Dryad, doi 10.5061/dryad.1rn8pk0vd), as a stream.

Tab-separated, one strain a row: an identifier (an integer), then for each locus the probability of
one allele; a header is skipped; plain or gzipped. Such a file has gigabytes: a block of its
lines is parsed at a time, as one long column of numbers, while the next is being unpacked.
"""

import gzip
import os
import re
import zlib
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from io import BufferedIOBase
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.csv

from g2p.core.atomic_files import read_json, write_json
from g2p.core.errors import DataError
from g2p.data.sources.delimited_text import NUMBER
from g2p.data.sources.download import progress

BLOCK = 1 << 24  # bytes of text worked on at once; memory is some ten times that
LONGEST_LINE = 1 << 25
IDENTIFIER = re.compile(r"([+-]?\d{1,18})(\.0*)?")
TAB, NEWLINE = b"\t", b"\n"


def convert(
    files: list[Path], keys: list[str], scratch: Path, dtype: np.dtype
) -> tuple[list[str], np.ndarray]:
    """Return strain names, and genotypes 2p - 1 (N, L) as a map of a file in the folder `scratch`.

    A note beside that file lists the text files in it: after a kill, or once a bad file was
    replaced, the files before it are not converted again.

    Args:
        files: the text files, in order.
        keys: for each a name of its content.
        scratch: for the caller to remove, when the genotypes are stored elsewhere.
        dtype: float16 or float32.

    Raises:
        DataError: naming file, line and cell, for a file that is cut short, ragged, not numeric,
            holds values outside [0, 1] or repeats a strain.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    note, output = scratch / "converted.json", scratch / "genotypes"
    output.touch()
    done = _converted_files(note, output, keys, dtype)
    write_json(note, done)  # what is not done will be overwritten
    with output.open("r+b") as out:
        for file, key in list(zip(files, keys, strict=True))[len(done) :]:
            out.seek(out.truncate(_n_bytes(done, dtype)))
            seen = {s: f for f, d in zip(files, done, strict=False) for s in d["strains"]}
            n_loci = done[0]["loci"] if done else None
            strains, n_loci = _append(file, out, dtype, seen, n_loci)
            out.flush()
            os.fsync(out.fileno())
            done.append({"key": key, "dtype": dtype.name, "loci": n_loci, "strains": strains})
            write_json(note, done)
    strains = [strain for facts in done for strain in facts["strains"]]
    return strains, np.memmap(output, dtype, mode="r", shape=(len(strains), done[0]["loci"]))


def _converted_files(note: Path, output: Path, keys: list[str], dtype: np.dtype) -> list[dict]:
    """Return the note's entries of the leading files that `output` already contains."""
    facts, same = read_json(note), 0
    if not isinstance(facts, list):
        return []
    while same < min(len(facts), len(keys)) and _describes(facts[same], keys[same], dtype):
        same += 1
    whole = output.stat().st_size >= _n_bytes(facts[:same], dtype)
    return facts[:same] if whole else []


def _describes(facts: Any, key: str, dtype: np.dtype) -> bool:
    """Whether an entry of a note is well-formed and describes the file with this key."""
    return (
        isinstance(facts, dict)
        and facts.keys() == {"key", "dtype", "loci", "strains"}
        and (facts["key"], facts["dtype"]) == (key, dtype.name)
        and isinstance(facts["loci"], int)
        and facts["loci"] > 0
        and isinstance(facts["strains"], list)
        and all(isinstance(strain, str) for strain in facts["strains"])
    )


def _n_bytes(done: list[dict], dtype: np.dtype) -> int:
    return sum(len(facts["strains"]) * facts["loci"] for facts in done) * dtype.itemsize


def _append(
    file: Path, out: BinaryIO, dtype: np.dtype, seen: dict[str, Path], n_loci: int | None
) -> tuple[list[str], int]:
    """Append the genotypes of one text file to `out`; return its strains and number of loci."""
    seen, strains = dict(seen), []
    with closing(_line_blocks(file)) as blocks:
        for line, text in blocks:
            if line == 1 and not identifier(_first_line(text).split(TAB)[0].decode("latin-1")):
                line, text = 2, text[len(_first_line(text)) + 1 :]  # a header
                if not text:
                    continue
            if n_loci is None:
                n_loci = _first_line(text).count(TAB)
            if n_loci == 0:
                start = _first_line(text).decode(errors="replace")[:40]
                raise DataError(
                    f"{file}, line {line}: expected tab-separated cells, found {start!r}."
                )
            names, values = _parse(file, line, text, n_loci + 1)
            for number, strain in enumerate(names, start=line):
                if strain in seen:
                    raise DataError(
                        f"{file}, line {number}: strain {strain} is already in {seen[strain]}. "
                        "Keep one of the two rows."
                    )
                seen[strain] = file
            strains += names
            out.write((2 * values - 1).astype(dtype).data)  # in float32, as published
    if not strains or n_loci is None:
        raise DataError(f"{file} contains no strain. Download it again.")
    return strains, n_loci


def _parse(file: Path, line: int, text: bytes, width: int) -> tuple[list[str], np.ndarray]:
    """Parse identifiers and probabilities (rows, width - 1) of whole lines, the first `line`.

    Parsed as one column of numbers: Arrow takes eight times as long over 41,595 short columns.
    """
    letters = np.frombuffer(text, np.uint8)
    ends = np.flatnonzero((letters == ord(TAB)) | (letters == ord(NEWLINE)))
    breaks = np.flatnonzero(letters[ends] == ord(NEWLINE))
    cells = np.diff(breaks, prepend=-1)
    if (cells != width).any():
        row = int(np.argmax(cells != width))
        raise DataError(
            f"{file}, line {line + row}: {cells[row]} cells, expected {width} (an identifier and "
            f"{width - 1} loci) as in the first row of the first file. Download it again."
        )
    starts = np.concatenate([[0], ends[width - 1 : -1 : width] + 1])
    names = []
    for number, (start, end) in enumerate(zip(starts, ends[::width], strict=True), start=line):
        cell = text[start:end].decode(errors="replace")
        if not (name := identifier(cell)):
            raise DataError(
                f"{file}, line {number}, column 1: {cell[:40]!r} is not an identifier (an integer)."
            )
        names.append(name)
    try:
        numbers = pyarrow.csv.read_csv(
            pa.BufferReader(text.replace(TAB, NEWLINE)),
            read_options=pyarrow.csv.ReadOptions(column_names=["number"]),
            parse_options=pyarrow.csv.ParseOptions(quote_char=False, ignore_empty_lines=False),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types={"number": pa.float32()}, null_values=[]
            ),
        )
        values = numbers["number"].to_numpy().reshape(len(names), width)[:, 1:]
    except pa.ArrowInvalid:
        values = None
    # A nan fails this comparison too.
    if values is None or not (values.min() >= 0 and values.max() <= 1):
        raise _bad_cell(file, line, text)
    return names, values


def _bad_cell(file: Path, line: int, text: bytes) -> DataError:
    """Return the error about the first cell of these lines that is not a probability."""
    for number, row in enumerate(text.decode(errors="replace").split("\n"), start=line):
        for column, cell in enumerate(row.split("\t")[1:], start=2):
            is_number = NUMBER.fullmatch(cell)
            if not is_number or not 0 <= float(cell) <= 1:
                problem = "outside [0, 1]" if is_number else "not a number"
                return DataError(
                    f"{file}, line {number}, column {column}: {cell[:40]!r} is {problem}; expected "
                    "the probability of an allele. Download the file again."
                )
    return DataError(f"{file}: a cell from line {line} on is not a plain number.")


def _first_line(text: bytes) -> bytes:
    return text[: text.find(NEWLINE)]


def _line_blocks(file: Path) -> Generator[tuple[int, bytes], None, None]:
    """Yield whole lines, some `BLOCK` bytes at a time, after the number of the first of them.

    Line ends are plain newlines, the last one included; empty lines at the end are left out.
    """
    line, rest = 1, b""
    with (
        open_plain_or_gzip(file) as (stream, packed),
        progress(f"reading {file.name}", file.stat().st_size) as show,
        ThreadPoolExecutor(1) as unpacker,
    ):
        ahead = unpacker.submit(stream.read, BLOCK)
        while fresh := ahead.result():
            show(packed.tell())
            ahead = unpacker.submit(stream.read, BLOCK)
            text = rest + fresh
            cut = text.rstrip(b"\r\n").rfind(NEWLINE) + 1
            text, rest = text[:cut].replace(b"\r\n", NEWLINE), text[cut:]
            if len(rest) > LONGEST_LINE:
                raise DataError(
                    f"{file}: line {line} does not end; this is not a table of genotypes."
                )
            if text:
                yield line, text
                line += text.count(NEWLINE)
    if rest.strip():
        yield line, rest.rstrip(b"\r\n").replace(b"\r\n", NEWLINE) + NEWLINE


@contextmanager
def open_plain_or_gzip(file: Path) -> Iterator[tuple[BufferedIOBase, BufferedIOBase]]:
    """Open a file, plain or gzipped; yield the stream of its text, and the file on disk."""
    try:
        with file.open("rb") as packed:
            if file.suffix != ".gz":
                yield packed, packed
                return
            with gzip.GzipFile(fileobj=packed) as stream:
                yield stream, packed
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{file} is cut short or damaged ({error}). Download it again.") from None


def identifier(cell: str) -> str | None:
    """Return the integer in a cell as text, or None: 7, 07 and 7.0 are one strain."""
    match = IDENTIFIER.fullmatch(cell)
    return str(int(match[1])) if match else None
