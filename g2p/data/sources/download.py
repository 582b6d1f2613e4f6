"""Files from the web, alone or of a record: resumed when a connection breaks, and checked.

A record is an address that answers as Zenodo does, with JSON that lists its files:
`{"files": [{"key": name, "checksum": "md5:...", "size": bytes, "links": {"self": address}}]}`.
The received bytes of a file are in `<name>.<checksum>.part` beside it, so a broken download
resumes, in this run or a later one; the file itself appears whole or not at all.
"""

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

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
from g2p.core.errors import DataError
from g2p.core.phrases import listed

log = logging.getLogger(__name__)

PAUSES = (0.5, 1, 2)  # seconds before trying again
TIMEOUT = (10, 60)  # seconds to connect, and between two pieces of an answer
CHUNK = 1 << 16  # bytes written at once; a broken connection loses no more
Result = TypeVar("Result")


def from_record(record: str, name: str, folder: Path) -> Path:
    """Return `folder / name`, downloaded from `record` unless it exists.

    Raises:
        DataError: when there is no network, or the server refuses or sends another file than the
            record describes; the message says what to download by hand. A wrong file is removed.
    """
    target = folder / name
    by_hand = (
        f"Or download {name} from {record.replace('/api/', '/')} by hand and put it into {folder}."
    )

    def find() -> tuple[str, int, str]:
        return _entry(_with_retries(lambda: _listing(record)), name, record, by_hand)

    return _download(target, find, by_hand, "the record describes")


def from_address(address: str, target: Path, sha256: str) -> Path:
    """Return `target`, downloaded from `address` unless it exists.

    Raises:
        DataError: as `from_record`; a file of another checksum is not the published one.
    """
    by_hand = f"Or download {address} by hand and put it into {target.parent}."

    def find() -> tuple[str, int, str]:
        return address, _with_retries(lambda: _size(address)), f"sha256:{sha256.lower()}"

    return _download(target, find, by_hand, "was published")


def _download(
    target: Path, find: Callable[[], tuple[str, int, str]], by_hand: str, expected: str
) -> Path:
    """Return `target`, downloaded unless it exists.

    Args:
        target: path of the file.
        find: returns its address, its size in bytes and its checksum, `algorithm:digits`.
        by_hand: what a user may do instead, for messages.
        expected: completes "is not the file that ...".
    """
    name = target.name
    with locked(target.parent / f".{name}.lock"):
        if target.exists():  # another process has downloaded it while this one waited
            return target
        try:
            address, size, checksum = find()
            algorithm, _, digits = checksum.partition(":")
            part = target.parent / f"{name}.{digits[:8]}.part"
            with progress(f"downloading {name}", size) as show:
                _with_retries(lambda: _resume(address, part, size, show))
        except requests.RequestException as error:
            raise DataError(
                f"{name} could not be downloaded: {_reason(error)}. Run the same command again "
                f"to resume the download. {by_hand}"
            ) from None
        with part.open("rb") as file:
            received = hashlib.file_digest(file, algorithm).hexdigest()
        if received != digits:
            part.unlink()
            raise DataError(
                f"{name} from {address} is not the file that {expected}: its "
                f"checksum is not {checksum}. It is removed. Run the same command again. {by_hand}"
            )
        part.replace(target)
    return target


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold the lock `file`. Its folder is created, and removed again if locking fails."""
    created = [folder for folder in file.parents if not folder.exists()]
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(file)
    try:
        lock.acquire()
    except BaseException as error:
        with suppress(OSError):  # another process may use one of them by now
            if created:
                file.unlink(missing_ok=True)
            for folder in created:
                folder.rmdir()
        if isinstance(error, NotImplementedError):
            raise DataError(
                f"{file.parent} is on a disk that does not support file locks ({error})."
            ) from None
        raise
    try:
        yield
    finally:
        lock.release()


def _listing(record: str) -> bytes:
    with requests.get(record, timeout=TIMEOUT) as answer:
        answer.raise_for_status()
        return answer.content


def _size(address: str) -> int:
    """Return the size in bytes of a file on the web."""
    headers = {"Accept-Encoding": "identity"}
    with requests.get(address, headers=headers, stream=True, timeout=TIMEOUT) as answer:
        answer.raise_for_status()
        if not answer.headers.get("Content-Length", "").isdecimal():
            raise requests.RequestException(f"{address} did not answer with the size of a file")
        return int(answer.headers["Content-Length"])


def _entry(listing: bytes, name: str, record: str, by_hand: str) -> tuple[str, int, str]:
    """Return address, size in bytes and checksum, `md5:...`, of one file of the record."""
    try:
        entries = {
            file["key"]: (str(file["links"]["self"]), int(file["size"]), file["checksum"].lower())
            for file in json.loads(listing)["files"]
        }
    except (ValueError, TypeError, KeyError, AttributeError):
        raise DataError(
            f"{record} did not answer with a record's list of files. Check data.record. {by_hand}"
        ) from None
    if name not in entries:
        raise DataError(
            f"{record} has no {name}; it has: {listed(entries) or 'nothing'}. Check data.record. "
            f"{by_hand}"
        )
    address, size, checksum = entries[name]
    return address, size, f"md5:{checksum.removeprefix('md5:')}"


def _resume(address: str, part: Path, size: int, show: Callable[[int], None]) -> None:
    """Append to `part` the bytes that are missing of `size`."""
    received = part.stat().st_size if part.exists() else 0
    if received >= size:
        return
    headers = {"Accept-Encoding": "identity"} | (
        {"Range": f"bytes={received}-"} if received else {}
    )
    with requests.get(address, headers=headers, stream=True, timeout=TIMEOUT) as answer:
        answer.raise_for_status()
        if answer.status_code != 206:  # a server that ignores Range sends everything
            received = 0
        with part.open("ab" if received else "wb") as file:
            for piece in answer.iter_content(CHUNK):
                file.write(piece)
                received += len(piece)
                show(received)
                if received > size:  # another file; its checksum is refused
                    return
    if received < size:
        raise requests.ConnectionError


def _with_retries(action: Callable[[], Result]) -> Result:
    """Return the result of `action`; retry a few times while its error may be temporary."""
    for pause in PAUSES:
        try:
            return action()
        except requests.RequestException as error:
            if not _is_temporary(error):
                raise
        time.sleep(pause)
    return action()


def _is_temporary(error: requests.RequestException) -> bool:
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return error.response.status_code >= 500 or error.response.status_code == 429
    temporary = (
        requests.ConnectionError,
        requests.Timeout,
        requests.exceptions.ChunkedEncodingError,
    )
    return isinstance(error, temporary)


def _reason(error: requests.RequestException) -> str:
    if isinstance(error, requests.HTTPError) and error.response is not None:
        answer = error.response
        return f"{answer.url} answered {answer.status_code} ({answer.reason})"
    if isinstance(error, requests.Timeout) and error.request is not None:
        return f"{error.request.url} did not answer in time"
    if _is_temporary(error):
        where = f" to {error.request.url}" if error.request is not None else ""
        return f"no connection{where}, or it broke"
    return str(error)


@contextmanager
def progress(text: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar over `total` bytes on standard error; yield the function that moves it."""
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
