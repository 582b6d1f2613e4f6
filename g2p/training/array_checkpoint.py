"""Checkpoints of closed forms: arrays and plain values, without torch, which takes two seconds.

A zip with `content.json`, in which an array is {"__array__": i}, and `i.npy` for each. Reading it
executes nothing, and verifies the zip's checksum of each record.
"""

import io
import json
from pathlib import Path
from typing import Any
from zipfile import ZipFile, ZipInfo

import numpy as np

from g2p.core.atomic_files import write_atomically

CONTENT, ARRAY = "content.json", "__array__"
RUN = "run"  # the key of a checkpoint that has its run's signature


def save_arrays(checkpoint: dict, *paths: Path) -> None:
    """Write a checkpoint of nested mappings and lists to each path, with its run's signature.

    Raises:
        TypeError: for a value that would not be the same when it is read.
    """
    arrays: list[np.ndarray] = []

    def plain(value: Any) -> Any:
        if isinstance(value, np.ndarray) and value.dtype.kind in "biufc" and value.dtype.isnative:
            arrays.append(value)
            return {ARRAY: len(arrays) - 1}
        if isinstance(value, dict) and {*map(type, value)} <= {str} and value.keys() != {ARRAY}:
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, list):
            return [plain(item) for item in value]
        if value is None or isinstance(value, str | int | float):
            return value
        raise TypeError(f"a checkpoint has no {type(value).__name__} of this kind")

    content = plain({**checkpoint, RUN: run_of(paths[0])})
    buffer = io.BytesIO()
    with ZipFile(buffer, "w") as archive:
        archive.writestr(ZipInfo(CONTENT), json.dumps(content))  # without the time of day
        for number, array in enumerate(arrays):
            with archive.open(ZipInfo(f"{number}.npy"), "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)
    for path in paths:
        write_atomically(path, lambda file: file.write(buffer.getbuffer()))


def read_arrays(archive: ZipFile) -> dict:
    """Return the checkpoint that `save_arrays` wrote into a zip.

    Raises:
        Exception: of many types, where the zip is damaged or holds something else.
    """

    def with_arrays(value: dict) -> Any:
        if value.keys() != {ARRAY}:
            return value
        record = archive.read(f"{value[ARRAY]}.npy")  # whole, so that its checksum is verified
        return np.lib.format.read_array(io.BytesIO(record), allow_pickle=False)

    return json.loads(archive.read(CONTENT), object_hook=with_arrays)


def run_of(path: Path) -> str:
    """Return the signature of the run in whose directory a checkpoint is."""
    folder = path.parent.parent  # of checkpoints/best.ckpt, or of members/0/best.ckpt
    return folder.parent.name if folder.name == "members" else folder.name
