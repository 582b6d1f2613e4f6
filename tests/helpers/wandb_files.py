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
    """Yield the records of an offline `.wandb` file: protobuf messages in LevelDB's log framing.

    W&B's process may still write the file: an incomplete record at its end is left out.
    """
    from wandb.proto.wandb_internal_pb2 import Record

    data = path.read_bytes()
    assert data[:4] == b":W&B"
    offset, parts = 7, []
    while offset + 7 <= len(data):
        remaining = BLOCK - offset % BLOCK
        if remaining < 7:  # a block's tail too short for a header is padding
            offset += remaining
            continue
        _, length, kind = struct.unpack("<IHB", data[offset : offset + 7])
        if kind == 0 or offset + 7 + length > len(data):
            break
        parts.append(data[offset + 7 : offset + 7 + length])
        offset += 7 + length
        if kind in (1, 4):  # a whole record, or the last part of one
            record = Record()
            record.ParseFromString(b"".join(parts))
            parts = []
            yield record


def content(path: Path) -> dict:
    """Return what was logged: run, config, history rows, summary, files, artifacts, exit code."""
    logged_content = {
        "history": [], "summary": {}, "config": {}, "files": [], "artifacts": [], "run": None,
        "exit_code": None,
    }  # fmt: skip

    def key(item) -> str:
        return item.key or "/".join(item.nested_key)

    for record in records(path):
        kind = record.WhichOneof("record_type")
        if kind == "run":
            logged_content["run"] = record.run
            logged_content["config"] |= {
                u.key: json.loads(u.value_json) for u in record.run.config.update
            }
        elif kind == "history":
            row = {key(item): json.loads(item.value_json) for item in record.history.item}
            logged_content["history"].append(row)
        elif kind == "summary":
            logged_content["summary"] |= {
                key(u): json.loads(u.value_json) for u in record.summary.update
            }
        elif kind == "exit":
            logged_content["exit_code"] = record.exit.exit_code
        elif kind == "files":
            logged_content["files"] += [f.path for f in record.files.files]
        elif kind == "artifact":
            logged_content["artifacts"].append(record.artifact)
        elif kind == "request" and record.request.HasField("log_artifact"):
            logged_content["artifacts"].append(record.request.log_artifact.artifact)
    return logged_content


def logged(folder: Path, timeout: float = 30) -> list[dict]:
    """Return the content of each offline run in `folder`, in order of start, once all have ended.

    W&B's own process writes them, and may still do so when our process has finished a run.
    """
    deadline = time.monotonic() + timeout
    while True:
        runs = [content(file) for file in offline_files(folder)]
        if all(c["exit_code"] is not None for c in runs) or time.monotonic() > deadline:
            # The names of folders have only the second.
            return sorted(runs, key=lambda content: content["run"].start_time.ToNanoseconds())
        time.sleep(0.1)


def offline_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("wandb/offline-run-*/run-*.wandb"))
