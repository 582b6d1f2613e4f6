"""Downloads from a server that breaks off, refuses, is slow or lies; zips that are damaged."""

import contextlib
import errno
import hashlib
import json
import shutil
import socket
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from g2p.core.errors import UserError
from g2p.data.sources import download
from g2p.data.sources.download import from_record, locked
from g2p.data.sources.unpack import unpack

CONTENT = np.random.default_rng(0).bytes(100_000)
NAME = "some.zip"


class Server(ThreadingHTTPServer):
    """A record at /api/records/1 with one file. What it does to a request is set by attributes."""

    name = NAME
    described = CONTENT  # by the record
    content = CONTENT  # and what is sent
    breaks = 0  # how many answers break off half way
    ranges = True  # whether Range is heeded
    pause = 0.0  # seconds in the middle of a file
    status = 200  # of the file
    statuses = ()  # of the record, one after the other, before it is 200
    listing = None  # instead of the record's own

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked = []  # the Range of each request for the file
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.record = f"{self.address}/api/records/1"

    @property
    def md5(self):
        return hashlib.md5(self.described).hexdigest()


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def do_GET(self):
        server = self.server
        if self.path.startswith("/api/records"):
            status, *server.statuses = [*server.statuses, 200]
            file = {
                "key": server.name,
                "size": len(server.described),
                "checksum": f"md5:{server.md5}",
                "links": {"self": f"{server.address}/files/{server.name}"},
            }
            listing = server.listing
            self.answer(
                status, json.dumps({"files": [file]}).encode() if listing is None else listing
            )
        else:
            asked = self.headers.get("Range")
            server.asked.append(asked)
            start = int(asked[len("bytes=") : -1]) if asked and server.ranges else 0
            body = server.content[start:]
            status = 206 if start and server.status == 200 else server.status
            self.answer(status, body, f"bytes {start}-{len(server.content) - 1}/{len(body)}")

    def answer(self, status, body, content_range=None):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if status == 206:
            self.send_header("Content-Range", content_range)
        self.end_headers()
        half = len(body) // 2
        self.wfile.write(body[:half])
        self.wfile.flush()
        if content_range and self.server.breaks:
            self.server.breaks -= 1
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        if content_range:
            time.sleep(self.server.pause)
        with contextlib.suppress(OSError):  # the other side has stopped waiting
            self.wfile.write(body[half:])


@contextlib.contextmanager
def serving():
    with pytest.MonkeyPatch.context() as patch, Server() as server:
        patch.setenv("NO_PROXY", "127.0.0.1")
        patch.setattr(download, "PAUSES", (0, 0, 0))
        patch.setattr(download, "CHUNK", 250)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def server():
    with serving() as server:
        yield server


def files_in(folder):
    """What a download left behind, its lock aside."""
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


def test_a_file_is_downloaded_once(server, tmp_path):
    for _ in range(2):
        path = from_record(server.record, NAME, tmp_path / "new")
        assert path.read_bytes() == CONTENT
    assert server.asked == [None]
    assert files_in(tmp_path / "new") == [NAME]


def test_a_broken_connection_goes_on_where_it_stopped(server, tmp_path):
    server.breaks = 2
    assert from_record(server.record, NAME, tmp_path).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=50000-", "bytes=75000-"]
    assert files_in(tmp_path) == [NAME]


def test_a_server_that_ignores_ranges(server, tmp_path):
    server.breaks, server.ranges = 1, False
    assert from_record(server.record, NAME, tmp_path).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=50000-"]


def test_a_later_run_goes_on_where_an_earlier_one_gave_up(server, tmp_path):
    server.breaks = 4
    with pytest.raises(UserError, match="it goes on where it stopped"):
        from_record(server.record, NAME, tmp_path)
    assert files_in(tmp_path) == [f"{NAME}.{server.md5[:8]}.part"]
    server.asked.clear()
    assert from_record(server.record, NAME, tmp_path).read_bytes() == CONTENT
    assert server.asked == ["bytes=93750-"]


def test_a_part_of_another_version_is_not_continued(server, tmp_path):
    (tmp_path / f"{NAME}.00000000.part").write_bytes(b"older")
    assert from_record(server.record, NAME, tmp_path).read_bytes() == CONTENT
    assert server.asked == [None]


def test_a_slow_server_is_waited_for(server, tmp_path):
    server.pause = 0.2
    assert from_record(server.record, NAME, tmp_path).read_bytes() == CONTENT
    assert server.asked == [None]


def test_a_server_that_stalls_is_asked_again(server, tmp_path, monkeypatch):
    server.pause = 0.4
    monkeypatch.setattr(download, "TIMEOUT", 0.1)
    with pytest.raises(UserError, match="it goes on where it stopped"):
        from_record(server.record, NAME, tmp_path)
    assert server.asked == [None, "bytes=50000-", "bytes=75000-", "bytes=87500-"]


@pytest.mark.parametrize("content", [CONTENT[::-1], CONTENT * 30, CONTENT[:-1] + b"x"])
def test_a_wrong_file_is_removed(server, tmp_path, content):
    server.content = content
    with pytest.raises(UserError, match=f"not the file that the record.*is not md5:{server.md5}"):
        from_record(server.record, NAME, tmp_path)
    assert files_in(tmp_path) == []


@pytest.mark.parametrize("status", [404, 500, 503])
def test_a_server_that_refuses(server, tmp_path, status):
    server.status = status
    with pytest.raises(UserError, match=f"files/{NAME} answered {status} .*by hand") as caught:
        from_record(server.record, NAME, tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert f"{server.address}/records/1" in str(caught.value)
    assert len(server.asked) == (1 if status == 404 else 4)
    assert files_in(tmp_path) == []


def test_a_record_that_recovers_and_one_that_does_not(server, tmp_path):
    server.statuses = [500, 429]
    assert from_record(server.record, NAME, tmp_path / "a").read_bytes() == CONTENT
    server.statuses = [404]
    with pytest.raises(UserError, match="records/1 answered 404"):
        from_record(server.record, NAME, tmp_path / "b")


@pytest.mark.parametrize(
    ("listing", "said"),
    [
        (b"<html>", "did not answer as a record"),
        (b"[]", "did not answer as a record"),
        (b'{"files": [{"key": "some.zip"}]}', "did not answer as a record"),
        (b'{"files": []}', "has no some.zip; it has: nothing"),
    ],
)
def test_what_is_no_record(server, tmp_path, listing, said):
    server.listing = listing
    with pytest.raises(UserError, match=f"{said}.*Check data.record.*by hand"):
        from_record(server.record, NAME, tmp_path)


def test_no_network(tmp_path, monkeypatch):
    monkeypatch.setattr(download, "PAUSES", (0,))
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # and does not listen
        record = f"http://127.0.0.1:{unused.getsockname()[1]}/api/records/1"
        with pytest.raises(UserError, match="there is no connection") as caught:
            from_record(record, NAME, tmp_path)
    said = f"download {NAME} from {record.replace('/api', '')} by hand and put it into {tmp_path}"
    assert said in str(caught.value)


def zipped(path, **entries):
    """A zip of these entries, `__` in a name standing for a slash."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name.replace("__", "/"), content)
    return path


def as_long_as_it_says(stream) -> int:
    """For files that begin with their size, as `17:`; any other may have any size of its own."""
    number, mark, _ = stream.read().partition(b":")
    return int(number) if mark else len(number)


def test_a_zip_is_unpacked_from_any_folder_within(tmp_path):
    archive = zipped(tmp_path / "a.zip", data__one=b"1" * 1000, two=b"2", other__three=b"3")
    paths = unpack(archive, ["one", "two"], tmp_path / "out", as_long_as_it_says)
    assert [path.read_bytes() for path in paths] == [b"1" * 1000, b"2"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["one", "two"]


@pytest.mark.parametrize("keep", [0, 30, 500, -1])
def test_a_truncated_zip(tmp_path, keep):
    archive = zipped(tmp_path / "a.zip", one=CONTENT[:1000])
    archive.write_bytes(archive.read_bytes()[:keep])
    with pytest.raises(UserError, match="a.zip is cut short or damaged.*run the same command"):
        unpack(archive, ["one"], tmp_path / "out", as_long_as_it_says)
    assert not list(tmp_path.glob("out/*"))


def test_a_zip_with_a_changed_byte_is_noticed_and_never_a_traceback(tmp_path):
    whole = zipped(tmp_path / "a.zip", one=CONTENT[:200]).read_bytes()
    for at in range(0, len(whole), 2):
        changed = bytearray(whole)
        changed[at] ^= 0xFF
        (tmp_path / "b.zip").write_bytes(changed)
        try:
            (path,) = unpack(tmp_path / "b.zip", ["one"], tmp_path / "out", as_long_as_it_says)
        except UserError:
            continue
        assert path.read_bytes() == CONTENT[:200]  # a date, say


@pytest.mark.parametrize("entry", ["../one", "/one", "a/../../one", "C:\\one", "..\\one", "\\one"])
def test_an_entry_that_leaves_its_folder_is_refused(tmp_path, entry):
    archive = zipped(tmp_path / "a.zip", **{"two": b"2", entry: b"1"})
    with pytest.raises(UserError, match="leads out of its folder; nothing was unpacked"):
        unpack(archive, ["two"], tmp_path / "in" / "out", as_long_as_it_says)
    assert [path.name for path in tmp_path.rglob("*")] == ["a.zip"]


@pytest.mark.parametrize("entries", [{"two": b""}, {"a__one": b"", "b__one": b""}])
def test_a_zip_without_the_file_or_with_two(tmp_path, entries):
    archive = zipped(tmp_path / "a.zip", **entries)
    with pytest.raises(UserError, match="a.zip holds one [02] times, expected once"):
        unpack(archive, ["one"], tmp_path, as_long_as_it_says)


def test_nothing_is_unpacked_that_is_larger_than_its_beginning_says(tmp_path):
    """A bomb: 30 MB of zeros behind a small file take 30 KB in a zip."""
    archive = zipped(tmp_path / "a.zip", one=b"1", two=b"9:" + bytes(30_000_000))
    with pytest.raises(UserError, match="two would be unpacked to 30,000,002 bytes, .* has 9;"):
        unpack(archive, ["one", "two"], tmp_path / "out", as_long_as_it_says)
    assert not (tmp_path / "out").exists()


@settings(deadline=None, max_examples=25)
@given(told=st.integers(10, 200), more=st.integers(1, 100_000))
def test_an_entry_that_lies_about_its_size_stops_there(tmp_path_factory, told, more):
    """Its checksum, which is of all that is packed, then tells."""
    folder = tmp_path_factory.mktemp("zip")
    whole = b"%03d:" % told + bytes(told - 4 + more)
    content = zipped(folder / "a.zip", one=whole).read_bytes()
    real, lie = (size.to_bytes(4, "little") for size in (len(whole), told))
    (folder / "a.zip").write_bytes(content.replace(real, lie))
    with pytest.raises(UserError, match="a.zip is cut short or damaged"):
        unpack(folder / "a.zip", ["one"], folder / "out", as_long_as_it_says)
    assert not list(folder.glob("out/*"))


def test_a_zip_that_the_disk_has_no_room_for(tmp_path, monkeypatch):
    archive = zipped(tmp_path / "a.zip", one=b"1" * 1000)
    usage = shutil.disk_usage(tmp_path)._replace(free=999)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(UserError, match="unpacked to 1,000 bytes, and .* has room for 999"):
        unpack(archive, ["one"], tmp_path / "out", as_long_as_it_says)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("error", [OSError(errno.ENOLCK, "No locks"), NotImplementedError("no")])
def test_a_lock_that_fails_leaves_no_folder(tmp_path, monkeypatch, error):
    def fail(handle, operation):
        raise error

    monkeypatch.setattr("fcntl.flock", fail)
    file = tmp_path / "data" / "bbq" / ".lock"
    with pytest.raises((OSError, UserError)), locked(file):
        pass
    assert not list(tmp_path.iterdir())
    (tmp_path / "data").mkdir()  # the user's
    with pytest.raises((OSError, UserError)), locked(file):
        pass
    assert [path.name for path in tmp_path.rglob("*")] == ["data"]
