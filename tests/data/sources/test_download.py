"""Downloads from a server that breaks off, refuses, is slow or sends another file."""

import errno
import socket

import pytest

from g2p.core.errors import G2PError
from g2p.data.sources import download
from g2p.data.sources.download import from_record, locked
from tests.helpers.record_server import CONTENT, NAME, serving


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
    assert server.requested == [None]
    assert files_in(tmp_path / "new") == [NAME]


def test_a_broken_connection_is_resumed(server, tmp_path):
    server.breaks = 2
    assert from_record(server.record, NAME, tmp_path).read_bytes() == CONTENT
    assert server.requested == [None, "bytes=50000-", "bytes=75000-"]
    assert files_in(tmp_path) == [NAME]


def test_a_server_that_ignores_ranges(server, tmp_path):
    server.breaks, server.ranges = 1, False
    assert from_record(server.record, NAME, tmp_path).read_bytes() == CONTENT
    assert server.requested == [None, "bytes=50000-"]


def test_a_later_run_resumes_where_an_earlier_one_gave_up(server, tmp_path):
    server.breaks = 4
    with pytest.raises(G2PError, match="again to resume the download"):
        from_record(server.record, NAME, tmp_path)
    assert files_in(tmp_path) == [f"{NAME}.{server.md5[:8]}.part"]
    server.requested.clear()
    assert from_record(server.record, NAME, tmp_path).read_bytes() == CONTENT
    assert server.requested == ["bytes=93750-"]


def test_a_part_of_another_version_is_not_continued(server, tmp_path):
    (tmp_path / f"{NAME}.00000000.part").write_bytes(b"older")
    assert from_record(server.record, NAME, tmp_path).read_bytes() == CONTENT
    assert server.requested == [None]


def test_a_slow_server_is_waited_for(server, tmp_path):
    server.pause = 0.2
    assert from_record(server.record, NAME, tmp_path).read_bytes() == CONTENT
    assert server.requested == [None]


def test_a_server_that_stalls_is_tried_again(server, tmp_path, monkeypatch):
    server.pause = 0.4
    monkeypatch.setattr(download, "TIMEOUT", 0.1)
    with pytest.raises(G2PError, match="again to resume the download"):
        from_record(server.record, NAME, tmp_path)
    assert server.requested == [None, "bytes=50000-", "bytes=75000-", "bytes=87500-"]


@pytest.mark.parametrize("content", [CONTENT[::-1], CONTENT * 30, CONTENT[:-1] + b"x"])
def test_a_wrong_file_is_removed(server, tmp_path, content):
    server.content = content
    with pytest.raises(G2PError, match=f"not the file that the record.*is not md5:{server.md5}"):
        from_record(server.record, NAME, tmp_path)
    assert files_in(tmp_path) == []


@pytest.mark.parametrize("status", [404, 500, 503])
def test_a_server_that_refuses(server, tmp_path, status):
    server.status = status
    with pytest.raises(G2PError, match=f"files/{NAME} answered {status} .*by hand") as caught:
        from_record(server.record, NAME, tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert f"{server.address}/records/1" in str(caught.value)
    assert len(server.requested) == (1 if status == 404 else 4)
    assert files_in(tmp_path) == []


def test_a_record_that_recovers_and_one_that_does_not(server, tmp_path):
    server.statuses = [500, 429]
    assert from_record(server.record, NAME, tmp_path / "a").read_bytes() == CONTENT
    server.statuses = [404]
    with pytest.raises(G2PError, match="records/1 answered 404"):
        from_record(server.record, NAME, tmp_path / "b")


@pytest.mark.parametrize(
    ("listing", "message"),
    [
        (b"<html>", "did not answer with a record's list"),
        (b"[]", "did not answer with a record's list"),
        (b'{"files": [{"key": "some.zip"}]}', "did not answer with a record's list"),
        (b'{"files": []}', "has no some.zip; it has: nothing"),
    ],
)
def test_what_is_no_record(server, tmp_path, listing, message):
    server.listing = listing
    with pytest.raises(G2PError, match=f"{message}.*Check data.record.*by hand"):
        from_record(server.record, NAME, tmp_path)


def test_no_network(tmp_path, monkeypatch):
    monkeypatch.setattr(download, "PAUSES", (0,))
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # and does not listen
        record = f"http://127.0.0.1:{unused.getsockname()[1]}/api/records/1"
        with pytest.raises(G2PError, match="no connection") as caught:
            from_record(record, NAME, tmp_path)
    expected = (
        f"download {NAME} from {record.replace('/api', '')} by hand and put it into {tmp_path}"
    )
    assert expected in str(caught.value)


@pytest.mark.parametrize("error", [OSError(errno.ENOLCK, "No locks"), NotImplementedError("no")])
def test_a_lock_that_fails_leaves_no_folder(tmp_path, monkeypatch, error):
    def fail(handle, operation):
        raise error

    monkeypatch.setattr("fcntl.flock", fail)
    file = tmp_path / "data" / "bbq" / ".lock"
    with pytest.raises((OSError, G2PError)), locked(file):
        pass
    assert not list(tmp_path.iterdir())
    (tmp_path / "data").mkdir()  # the user's
    with pytest.raises((OSError, G2PError)), locked(file):
        pass
    assert [path.name for path in tmp_path.rglob("*")] == ["data"]
