"""Genotypes in a VCF, plain or compressed, or a BCF.

A locus is a record with one alternative allele, and not REF again: REF is allele_0, ALT is
allele_1. GT gives calls: no, one or two copies of ALT are -1, 0, 1, and of a haploid strain no or
one are -1, 1; a genotype with an unknown allele is missing. DS, the expected copies of ALT in
[0, 2], gives float32 values, DS - 1. A locus called "." is named chromosome:position:REF:ALT.
"""

import contextlib
import logging
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pyarrow as pa
from cyvcf2 import VCF, Variant

from g2p.config.constraints import OnlyIf
from g2p.core.errors import DataError
from g2p.core.phrases import listed, plural
from g2p.data.name_checks import refuse_control_characters, refuse_repeated
from g2p.data.panel import NO_CALL, Panel
from g2p.data.panel_store import files_fingerprint, stored_panel
from g2p.data.sources.phenotypes import A_TABLE, join_strains, read_phenotypes, table_options
from g2p.data.sources.tabular import source_file

log = logging.getLogger(__name__)

# Increase when the same files would be read into another panel.
VERSION = 2

NO_ALT = {"*", "<*>", "<NON_REF>"}  # placeholders, not alleles of any strain
UNKNOWN, PAST_END = -1, -2  # alleles in cyvcf2: '.', and past the last of a haploid

# The empty block that ends every file in blocks of gzip (SAM specification, section 4.1.2).
LAST_BLOCK = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


def read(
    *,
    folder: Path,
    optional_facts: list,
    path: Path,
    phenotypes: Path | None,
    field: Literal["GT", "DS"],
    strains: Annotated[Literal["same", "shared"], OnlyIf("phenotypes")],
    facts: Annotated[list, OnlyIf("phenotypes")],
) -> tuple[Panel, str]:
    """Return the panel and its fingerprint, from the store in `folder`, or read from the files.

    Args:
        folder: of the store.
        optional_facts: further facts, where that table has such columns.
        path: the VCF, VCF.gz or BCF.
        phenotypes: a table (`g2p.data.sources.phenotypes`); None for a panel to be predicted.
        field: GT for calls, DS for expected dosages.
        strains: `same` requires the same strains in genotypes and phenotypes; `shared` uses those
            in both.
        facts: columns of that table that are facts of a strain, not phenotypes.

    Raises:
        DataError: naming file and record, for a file that is absent, cut short or malformed, a
            record without the field, a ploidy above two, a dosage out of range.
    """
    file = source_file("data.path", path, "a .vcf, .vcf.gz or .bcf")
    table = phenotypes and source_file("data.phenotypes", phenotypes, A_TABLE)
    options = {"field": field, **table_options(table, facts, optional_facts, strains)}
    fingerprint = files_fingerprint(folder, VERSION, options, [file, *filter(None, [table])])

    def build() -> Panel:
        genotyped, loci, genotypes = read_genotypes(file, field)
        phenotyped = table and read_phenotypes(table, facts, optional_facts)
        return join_strains(file, genotyped, loci, genotypes, phenotyped, strains)

    return stored_panel(folder, "vcf", fingerprint, build), fingerprint


def read_genotypes(file: Path, field: str) -> tuple[list[str], pa.Table, np.ndarray]:
    """Read strain names, locus table and genotypes (N, L): int8 of GT, float32 of DS."""
    _refuse_cut_short(file)
    values_of = {"GT": _calls, "DS": _dosages}[field]
    values, loci, numbers = [], [], []
    number, several, without, same = 0, 0, 0, 0
    with _captured_stderr() as htslib_errors:

        def attempt(step: Callable):
            try:
                return step()
            except Exception as error:  # cyvcf2 has no class of errors
                reason = htslib_errors() or error
                raise DataError(
                    f"{file} cannot be read as VCF or BCF after record {number}: {reason}."
                    " Copy or download it again; bcftools view shows what can be read."
                ) from None

        vcf = attempt(lambda: VCF(str(file)))
        if not vcf.samples:
            raise DataError(f"{file} has no genotypes: its header names no strain.")
        while (record := attempt(lambda: next(vcf, None))) is not None:
            number += 1
            if len(record.ALT) > 1:
                several += 1
            elif set(record.ALT) <= NO_ALT:
                without += 1
            elif record.ALT[0].upper() == record.REF.upper():
                same += 1
            else:
                location = f"{file}, record {number} ({record.CHROM}:{record.POS})"
                if field not in record.FORMAT:
                    raise DataError(
                        f"{location} has no {field}; it has "
                        f"{listed(record.FORMAT) or 'no genotypes'}."
                        " Set data.field to the field, GT or DS, that all records have."
                    )
                values.append(values_of(record, vcf.samples, location))
                loci.append((record.ID, record.CHROM, record.POS, record.REF, record.ALT[0]))
                numbers.append(number)
    skipped = (
        f"{plural(several, 'record')} with several alternative alleles, {without} without any and "
        f"{same} whose ALT is their REF"
    )
    if not values:
        raise DataError(f"{file} has no usable locus: skipped {skipped}.")
    if several or without or same:
        log.warning("%s: skipped %s.", file, skipped)
    ids = [name or f"{c}:{bp}:{ref}:{alt}" for name, c, bp, ref, alt in loci]
    refuse_control_characters(vcf.samples, count(1), f"{file}, strain", "the name")
    for texts in (ids, [record[1] for record in loci]):
        refuse_control_characters(texts, numbers, f"{file}, record", "the text")
    remedy = "bcftools annotate --set-id '%CHROM:%POS:%REF:%ALT' names loci by position."
    refuse_repeated(ids, numbers, f"{file}, records", "the locus", remedy)
    columns = zip(*loci, strict=True)
    table = dict(
        zip(("id", "chromosome", "position", "allele_0", "allele_1"), columns, strict=True)
    )
    return list(vcf.samples), pa.table(table | {"id": ids}), np.stack(values, axis=1)


def _calls(record: Variant, strains: list[str], location: str) -> np.ndarray:
    alleles = record.genotype.array()[:, :-1]  # the last column says whether they are phased
    if alleles.shape[1] > 2:
        many = strains[int(np.argmax((alleles != PAST_END).sum(axis=1)))]
        raise DataError(
            f"{location}: {many} has {alleles.shape[1]} alleles; GT must be of haploid or diploid "
            "strains. data.field=DS reads expected dosages between 0 and 2."
        )
    if alleles.max() > 1:
        row = int(np.argmax(alleles.max(axis=1)))
        raise DataError(
            f"{location}: {strains[row]} has allele {alleles.max()}, but there is one alternative."
        )
    copies, n_called = (alleles == 1).sum(axis=1), (alleles >= 0).sum(axis=1)
    calls = np.where(n_called == 2, copies - 1, 2 * copies - 1).astype(np.int8)
    calls[(alleles == UNKNOWN).any(axis=1)] = NO_CALL
    return calls


def _dosages(record: Variant, strains: list[str], location: str) -> np.ndarray:
    values = record.format("DS")
    if values.dtype != np.float32 or values.shape != (len(strains), 1):
        raise DataError(
            f"{location}: DS must be one number for each strain, declared in the header as "
            "Number=1,Type=Float."
        )
    values = values[:, 0]  # NaN where missing
    if (outside := (values < 0) | (values > 2)).any():
        row = int(np.argmax(outside))
        raise DataError(f"{location}: {strains[row]} has DS {values[row]:g}, outside [0, 2].")
    return values - 1


def _refuse_cut_short(file: Path) -> None:
    """Raise where a file lacks its end in a way that htslib only warns of, or does not detect."""
    size = file.stat().st_size
    if not size:
        raise DataError(f"{file} is empty.")
    with file.open("rb") as stream:
        start = stream.read(18)
        stream.seek(-min(size, len(LAST_BLOCK)), os.SEEK_END)
        end = stream.read()
    in_blocks = start.startswith(b"\x1f\x8b") and start[12:14] == b"BC"
    if (in_blocks and end != LAST_BLOCK) or (start.startswith(b"#") and not end.endswith(b"\n")):
        raise DataError(
            f"{file} is cut short: its last {'block' if in_blocks else 'line'} is not complete. "
            "Copy or download it again."
        )


@contextlib.contextmanager
def _captured_stderr() -> Iterator[Callable[[], str]]:
    """Capture stderr: htslib reports its errors there, and cyvcf2 does not.

    Yields a function that returns the errors reported so far.
    """
    with tempfile.TemporaryFile() as capture:

        def reported_errors() -> str:
            capture.seek(0)
            text = capture.read().decode(errors="replace")
            return "; ".join(re.findall(r"^\[E::\w+\] (.*?)\.?$", text, re.MULTILINE))

        stderr = os.dup(2)
        os.dup2(capture.fileno(), 2)
        try:
            yield reported_errors
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
