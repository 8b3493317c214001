"""The kernel's word of what happens in directories."""

import sys

import pytest

from actorch.actors._inotify import APPEARED, GONE, MODIFIED, ONCE, Inotify, tells_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")


@pytest.fixture
def inotify():
    one = Inotify()
    yield one
    one.close()


def told(inotify):
    return [notice.path for notice in inotify.read()]


def test_what_happens_is_told_by_its_path(inotify, tmp_path):
    inotify.watch(str(tmp_path), MODIFIED | APPEARED | GONE)
    inotify.watch(str(tmp_path), MODIFIED)  # changes nothing
    file = tmp_path / "ünï"
    file.touch()
    file.write_text("grown")
    file.unlink()
    assert told(inotify) == [str(file)] * 3
    assert told(inotify) == []


def test_once_is_once_until_it_is_asked_for_again(inotify, tmp_path):
    for _ in range(2):
        inotify.watch(str(tmp_path), APPEARED | GONE | ONCE)
        (tmp_path / "first").touch()
        (tmp_path / "second").touch()
        (tmp_path / "first").unlink()
        assert told(inotify) == [str(tmp_path / "first")]
        (tmp_path / "second").unlink()
    assert told(inotify) == []


def test_a_directory_is_told_of_no_more_once_that_is_asked_for(inotify, tmp_path):
    inotify.watch(str(tmp_path), APPEARED)
    inotify.unwatch(str(tmp_path))
    inotify.unwatch("/nowhere")
    (tmp_path / "file").touch()
    assert told(inotify) == []


def test_a_file_is_told_of_by_its_own_path(inotify, tmp_path):
    file = tmp_path / "file"
    file.touch()
    inotify.watch(str(file), MODIFIED | ONCE)
    file.write_text("grown")
    file.write_text("and again")
    assert told(inotify) == [str(file)]


def test_a_file_system_that_tells_of_writes_is_known_by_trying(tmp_path, monkeypatch):
    assert tells_of(str(tmp_path))
    assert list(tmp_path.iterdir()) == []
    assert tells_of(str(tmp_path / "none"))  # nothing can be written, so nothing is missed
    monkeypatch.setattr(Inotify, "read", lambda _self: [])
    assert not tells_of(str(tmp_path))


def test_a_directory_that_is_not_there_cannot_be_watched(inotify, tmp_path):
    with pytest.raises(FileNotFoundError, match="cannot be watched"):
        inotify.watch(str(tmp_path / "none"), MODIFIED)
