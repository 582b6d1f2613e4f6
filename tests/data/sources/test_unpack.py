"""Zips that are whole, cut short, damaged, hostile or too large for the disk."""

import shutil
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from g2p.core.errors import G2PError
from g2p.data.sources.unpack import unpack
from tests.helpers.record_server import CONTENT


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
    with pytest.raises(G2PError, match="a.zip is cut short or damaged.*run the same command"):
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
        except G2PError:
            continue
        assert path.read_bytes() == CONTENT[:200]  # a date, say


@pytest.mark.parametrize("entry", ["../one", "/one", "a/../../one", "C:\\one", "..\\one", "\\one"])
def test_an_entry_that_leaves_its_folder_is_refused(tmp_path, entry):
    archive = zipped(tmp_path / "a.zip", **{"two": b"2", entry: b"1"})
    with pytest.raises(G2PError, match="leads out of its folder; nothing was unpacked"):
        unpack(archive, ["two"], tmp_path / "in" / "out", as_long_as_it_says)
    assert [path.name for path in tmp_path.rglob("*")] == ["a.zip"]


@pytest.mark.parametrize("entries", [{"two": b""}, {"a__one": b"", "b__one": b""}])
def test_a_zip_without_the_file_or_with_two(tmp_path, entries):
    archive = zipped(tmp_path / "a.zip", **entries)
    with pytest.raises(G2PError, match="a.zip holds one [02] times, expected once"):
        unpack(archive, ["one"], tmp_path, as_long_as_it_says)


def test_nothing_is_unpacked_that_is_larger_than_its_beginning_says(tmp_path):
    """A bomb: 30 MB of zeros behind a small file take 30 KB in a zip."""
    archive = zipped(tmp_path / "a.zip", one=b"1", two=b"9:" + bytes(30_000_000))
    with pytest.raises(
        G2PError, match="two would be unpacked to 30,000,002 bytes.* header says 9;"
    ):
        unpack(archive, ["one", "two"], tmp_path / "out", as_long_as_it_says)
    assert not (tmp_path / "out").exists()


@settings(deadline=None, max_examples=25)
@given(size=st.integers(10, 200), more=st.integers(1, 100_000))
def test_an_entry_that_lies_about_its_size_stops_there(tmp_path_factory, size, more):
    """Its checksum, which is of all that is packed, then tells."""
    folder = tmp_path_factory.mktemp("zip")
    whole = b"%03d:" % size + bytes(size - 4 + more)
    content = zipped(folder / "a.zip", one=whole).read_bytes()
    real, lie = (number.to_bytes(4, "little") for number in (len(whole), size))
    (folder / "a.zip").write_bytes(content.replace(real, lie))
    with pytest.raises(G2PError, match="a.zip is cut short or damaged"):
        unpack(folder / "a.zip", ["one"], folder / "out", as_long_as_it_says)
    assert not list(folder.glob("out/*"))


def test_a_zip_that_the_disk_has_no_room_for(tmp_path, monkeypatch):
    archive = zipped(tmp_path / "a.zip", one=b"1" * 1000)
    usage = shutil.disk_usage(tmp_path)._replace(free=999)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(G2PError, match="unpacked to 1,000 bytes, but .* has room for 999"):
        unpack(archive, ["one"], tmp_path / "out", as_long_as_it_says)
    assert not (tmp_path / "out").exists()
