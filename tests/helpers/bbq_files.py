"""The BBQ panel's environments, and its source read from a small folder."""

from g2p.data.sources.bbq import read

NAMES = [
    "23C", "25C", "27C", "30C", "33C", "35C", "37C", "cu", "suloc", "ynb", "eth", "gu", "li",
    "mann", "mol", "raff", "sds", "4NQO",
]  # fmt: skip
N_LOCI = 4


def read_from(folder, source, files=None, record="http://127.0.0.1:9/", precision="float32"):
    return read(
        folder=folder / "cache",
        files=files or folder / "files",
        source=source,
        record=record,
        precision=precision,
    )


def nothing_stored(folder):
    return not list((folder / "cache").rglob("*.arrow"))
