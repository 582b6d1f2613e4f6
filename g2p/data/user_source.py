"""A data source of a user's own: a function that returns a `Panel`, named my_pkg.sources.read_mine.

It is called for each command, and what it returns is stored under a fingerprint of its content and
of the function's code. A source of large files may take `folder`, store its panel there by itself
and return it with a fingerprint, as those in `g2p.data.sources` do.
"""

import hashlib
import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from g2p.config.code_digest import user_digest
from g2p.config.components import construct
from g2p.config.load_component import load_component
from g2p.config.user_components import interface
from g2p.core.errors import CodeError
from g2p.core.phrases import listed
from g2p.data.panel import BLOCK, Panel, missing_genotypes, validate
from g2p.data.panel_store import stored_panel, text_of_rest

log = logging.getLogger(__name__)

COLUMNS = {
    "id": (pa.types.is_string, "text"),
    "chromosome": (pa.types.is_string, "text"),
    "position": (pa.types.is_integer, "whole numbers"),
}
GENOTYPES = ("int8", "float16", "float32")


def read_user_panel(name: str, options: Mapping[str, Any], folder: Path) -> tuple[Panel, str]:
    """Call the function `name` with its options; return its panel and the panel's fingerprint.

    Args:
        name: of the function, by module and name.
        options: its arguments.
        folder: where panels are stored; passed to a function that takes `folder`.

    Raises:
        CodeError: where it does not return a panel, naming what is wrong with it.
        DataError: where the parts of the panel do not fit together.
    """
    if "folder" in interface(name).facts:
        options = {**options, "folder": folder}
    returned = construct(load_component(name), **options)
    panel, fingerprint = returned if isinstance(returned, tuple) else (returned, None)
    if problem := _problem(panel):
        raise CodeError(f"{name} returns {problem}. It must return a g2p.Panel.")
    if fingerprint is not None and not isinstance(fingerprint, str):
        raise CodeError(f"{name} returns a fingerprint that is no text ({fingerprint!r}).")
    if fingerprint is not None:
        build = partial(_checked, panel, name)  # of a large panel, once
    else:
        checked = _checked(panel, name)
        fingerprint, build = _content_fingerprint(checked), lambda: checked
    digest = user_digest(name)
    fingerprint = hashlib.sha256(f"{name} {digest} {fingerprint}".encode()).hexdigest()[:16]
    return stored_panel(folder, name, fingerprint, build), fingerprint


def _checked(panel: Panel, name: str) -> Panel:
    """Return a panel whose parts fit together; warn where none of its genotypes is below 0.

    Raises:
        DataError: where they do not, as for genotypes outside [-1, 1].
    """
    validate(panel, f"data={name}")
    blocks = (panel.genotypes[i : i + BLOCK] for i in range(0, len(panel.genotypes), BLOCK))
    if all((block[~missing_genotypes(block)] >= 0).all() for block in blocks):
        log.warning(
            "data=%s: no genotype is below 0. g2p codes one allele -1 and the other 1, and 0 is "
            "heterozygous: return 2 * g - 1 of genotypes that are 0 and 1, g - 1 of counts from 0 "
            "to 2.",
            name,
        )
    return panel


def _problem(panel: object) -> str | None:
    """Return what a function returns instead of a panel, or None."""
    if not isinstance(panel, Panel):
        return f"a value of type {type(panel).__name__}"
    numbers = {"genotypes": GENOTYPES, "phenotypes": ("float64",), "standard_errors": ("float64",)}
    for part, kinds in numbers.items():
        values = getattr(panel, part)
        shape = np.shape(values)
        if values is None and part == "standard_errors":
            continue
        kind = getattr(values, "dtype", type(values).__name__)
        if not isinstance(values, np.ndarray) or values.ndim != 2 or str(kind) not in kinds:
            return (
                f"{part} of type {kind} and shape {shape}; they must be an array of "
                f"two axes and type {' or '.join(kinds)}"
            )
    for part in ("strains", "phenotype_names"):
        names = getattr(panel, part)
        if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
            return f"{part} that are not a list of texts"
    if not isinstance(panel.loci, pa.Table):
        return f"loci of type {type(panel.loci).__name__}; they must be a pyarrow.Table"
    for column, (fits, kind) in COLUMNS.items():
        if column not in panel.loci.column_names:
            return f"loci without a column {column}; they must have {listed(COLUMNS)}"
        if not fits(panel.loci[column].type) or panel.loci[column].null_count:
            return f"loci whose column {column} does not hold {kind} alone"
    return None


def _content_fingerprint(panel: Panel) -> str:
    """Return the fingerprint of all that a panel holds."""
    digest = hashlib.sha256(np.ascontiguousarray(panel.genotypes).data)
    digest.update(np.ascontiguousarray(panel.phenotypes, np.float64).data)
    if panel.standard_errors is not None:
        digest.update(np.ascontiguousarray(panel.standard_errors, np.float64).data)
    digest.update(text_of_rest(panel, 0).encode())
    return digest.hexdigest()[:16]
