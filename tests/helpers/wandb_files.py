"""A study that logs offline, and its `.wandb` files, read back record by record."""

import json
import struct
import time
from pathlib import Path

# Two models on two phenotypes, one to three layers, one epoch; and one of its runs by train.py.
STUDY = ("study=layers", "size=smoke", "trainer.max_epochs=1")
NAME = "layers-smoke"
BEFORE = (
    "data.strains=300", "data.loci=24", "trainer.accelerator=cpu", "trainer.max_epochs=1",
    "model=rijal_attention", "optim=adam", "model.num_layers=1", "phenotype=cu",
)  # fmt: skip

BLOCK = 32 * 1024


def records(path: Path):
    """The records of an offline `.wandb` file: LevelDB's log framing around protobuf messages.

    W&B's process may be writing it: a record whose end is not there yet is none.
    """
    from wandb.proto.wandb_internal_pb2 import Record

    data = path.read_bytes()
    assert data[:4] == b":W&B"
    at, parts = 7, []
    while at + 7 <= len(data):
        left = BLOCK - at % BLOCK
        if left < 7:  # a block's tail too short for a header is padding
            at += left
            continue
        _, length, kind = struct.unpack("<IHB", data[at : at + 7])
        if kind == 0 or at + 7 + length > len(data):
            break
        parts.append(data[at + 7 : at + 7 + length])
        at += 7 + length
        if kind in (1, 4):  # a whole record, or the last part of one
            record = Record()
            record.ParseFromString(b"".join(parts))
            parts = []
            yield record


def content(path: Path) -> dict:
    """What was logged: run, config, history rows, summary, files, artifacts, exit code."""
    found = {"history": [], "summary": {}, "config": {}, "files": [], "artifacts": [], "run": None,
             "exit_code": None}  # fmt: skip

    def key(item) -> str:
        return item.key or "/".join(item.nested_key)

    for record in records(path):
        kind = record.WhichOneof("record_type")
        if kind == "run":
            found["run"] = record.run
            found["config"] |= {u.key: json.loads(u.value_json) for u in record.run.config.update}
        elif kind == "history":
            row = {key(item): json.loads(item.value_json) for item in record.history.item}
            found["history"].append(row)
        elif kind == "summary":
            found["summary"] |= {key(u): json.loads(u.value_json) for u in record.summary.update}
        elif kind == "exit":
            found["exit_code"] = record.exit.exit_code
        elif kind == "files":
            found["files"] += [f.path for f in record.files.files]
        elif kind == "artifact":
            found["artifacts"].append(record.artifact)
        elif kind == "request" and record.request.HasField("log_artifact"):
            found["artifacts"].append(record.request.log_artifact.artifact)
    return found


def logged(folder: Path, patience: float = 30) -> list[dict]:
    """The content of each offline run below `folder`, in order of start, once all have ended.

    W&B's own process writes them, and may still do so when a run is finished for ours.
    """
    until = time.monotonic() + patience
    while True:
        found = [content(file) for file in offline_files(folder)]
        if all(c["exit_code"] is not None for c in found) or time.monotonic() > until:
            # Names of folders tell the second alone.
            return sorted(found, key=lambda content: content["run"].start_time.ToNanoseconds())
        time.sleep(0.1)


def offline_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("wandb/offline-run-*/run-*.wandb"))
