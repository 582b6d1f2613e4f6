"""Files from a record on the web: resumed when a connection breaks, and checked.

A record is an address that answers as Zenodo does, with JSON that lists its files:
`{"files": [{"key": name, "checksum": "md5:...", "size": bytes, "links": {"self": address}}]}`.
What has arrived of a file lies beside it as `<name>.<checksum>.part`, so a broken download goes on
where it stopped, in this run or a later one; the file itself appears whole or not at all.
"""

import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import pooch
import requests
from filelock import FileLock
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from g2p.core.console import Console, TextColumn
from g2p.core.errors import UserError, listed

log = logging.getLogger(__name__)

PAUSES = (0.5, 1, 2)  # seconds before trying again
TIMEOUT = (10, 60)  # seconds to connect, and between two pieces of an answer
CHUNK = 1 << 16  # bytes written at once; a broken connection loses no more
Result = TypeVar("Result")


def from_record(record: str, name: str, folder: Path) -> Path:
    """`folder / name`, downloaded from `record` unless it is there.

    Raises:
        UserError: when there is no network, or the server refuses or sends another file than the
            record describes; it says what to download by hand. A wrong file is removed.
    """
    target = folder / name
    by_hand = (
        f"Or download {name} from {record.replace('/api/', '/')} by hand and put it into {folder}."
    )
    with locked(folder / f".{name}.lock"):
        if target.exists():  # another process has downloaded it while this one waited
            return target
        try:
            listing = _persistently(lambda: _listing(record))
            address, size, md5 = _entry(listing, name, record, by_hand)
            part = folder / f"{name}.{md5[:8]}.part"
            with progress(f"downloading {name}", size) as show:
                _persistently(lambda: _resume(address, part, size, show))
        except requests.RequestException as error:
            raise UserError(
                f"{name} could not be downloaded: {_reason(error)}. Run the same command again, "
                f"and it goes on where it stopped. {by_hand}"
            ) from None
        if pooch.file_hash(str(part), alg="md5") != md5:
            part.unlink()
            raise UserError(
                f"{name} from {address} is not the file that the record describes: its "
                f"checksum is not md5:{md5}. It was removed. Run the same command again. {by_hand}"
            )
        part.replace(target)
    return target


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold the lock `file`. Its folder is made, and removed again where no lock can be had."""
    made = [folder for folder in file.parents if not folder.exists()]
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(file)
    try:
        lock.acquire()
    except BaseException as error:
        with suppress(OSError):  # or somebody else uses one of them by now
            if made:
                file.unlink(missing_ok=True)
            for folder in made:
                folder.rmdir()
        if isinstance(error, NotImplementedError):
            raise UserError(f"{file.parent} is on a disk without file locks ({error}).") from None
        raise
    try:
        yield
    finally:
        lock.release()


def _listing(record: str) -> bytes:
    with requests.get(record, timeout=TIMEOUT) as answer:
        answer.raise_for_status()
        return answer.content


def _entry(listing: bytes, name: str, record: str, by_hand: str) -> tuple[str, int, str]:
    """What the record says of one file: address, size in bytes, md5 checksum."""
    try:
        entries = {
            file["key"]: (str(file["links"]["self"]), int(file["size"]), file["checksum"].lower())
            for file in json.loads(listing)["files"]
        }
    except (ValueError, TypeError, KeyError, AttributeError):
        raise UserError(
            f"{record} did not answer as a record does, with a list of files. Check data.record. "
            f"{by_hand}"
        ) from None
    if name not in entries:
        raise UserError(
            f"{record} has no {name}; it has: {listed(entries) or 'nothing'}. Check data.record. "
            f"{by_hand}"
        )
    address, size, checksum = entries[name]
    return address, size, checksum.removeprefix("md5:")


def _resume(address: str, part: Path, size: int, show: Callable[[int], None]) -> None:
    """Append to `part` what it lacks of `size` bytes."""
    have = part.stat().st_size if part.exists() else 0
    if have >= size:
        return
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with requests.get(address, headers=headers, stream=True, timeout=TIMEOUT) as answer:
        answer.raise_for_status()
        if answer.status_code != 206:  # a server that ignores Range sends everything
            have = 0
        with part.open("ab" if have else "wb") as file:
            for piece in answer.iter_content(CHUNK):
                file.write(piece)
                have += len(piece)
                show(have)
                if have > size:  # another file; the checksum will tell
                    return
    if have < size:
        raise requests.ConnectionError


def _persistently(action: Callable[[], Result]) -> Result:
    """What `action` returns, tried a few times while its failure may pass."""
    for pause in PAUSES:
        try:
            return action()
        except requests.RequestException as error:
            if not _may_pass(error):
                raise
        time.sleep(pause)
    return action()


def _may_pass(error: requests.RequestException) -> bool:
    if isinstance(error, requests.HTTPError):
        return error.response.status_code >= 500 or error.response.status_code == 429
    passing = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
    return isinstance(error, passing)


def _reason(error: requests.RequestException) -> str:
    if isinstance(error, requests.HTTPError):
        answer = error.response
        return f"{answer.url} answered {answer.status_code} ({answer.reason})"
    if isinstance(error, requests.Timeout):
        return f"{error.request.url} did not answer in time"
    if _may_pass(error):
        where = f" to {error.request.url}" if error.request is not None else ""
        return f"there is no connection{where}, or it broke"
    return str(error)


@contextmanager
def progress(text: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar over `total` bytes on standard error, moved by calling with the bytes done so far."""
    log.info("%s (%.1f MB)", text, total / 1e6)
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    with bar:
        task = bar.add_task(text, total=total)
        yield lambda done: bar.update(task, completed=done)
