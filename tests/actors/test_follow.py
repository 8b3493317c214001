"""Growth of files is announced: soon, not too often, and without a standing watch."""

import os
import queue

import pytest

from actorch.actors import Dispatcher, _follow
from actorch.actors._follow import Follower
from fleets import CEILING


class Followed:
    """A follower on the loop of a dispatcher, and what it has announced."""

    def __init__(self, dispatcher):
        self.dispatcher = dispatcher
        self.told = queue.SimpleQueue()
        made = queue.SimpleQueue()
        dispatcher.call_soon(lambda: made.put(Follower(dispatcher, self.told.put)))
        self.follower = made.get(timeout=CEILING)

    def do(self, method, *args):
        done = queue.SimpleQueue()
        self.dispatcher.call_soon(lambda: done.put(getattr(self.follower, method)(*args)))
        return done.get(timeout=CEILING)

    def next(self):
        return self.told.get(timeout=CEILING)


@pytest.fixture
def loop():
    with Dispatcher("follow") as dispatcher:
        yield dispatcher


@pytest.fixture(params=["inotify", "polling", "probe"])
def followed(request, loop, monkeypatch):
    if request.param == "polling":
        monkeypatch.setattr(_follow, "_inotify", lambda: None)
    if request.param == "probe":
        monkeypatch.setattr(_follow, "tells_of", lambda _directory: False)
    one = Followed(loop)
    yield one
    one.do("close")
    one.do("close")


def append(path, text="x"):
    with open(path, "a", encoding="ascii") as file:
        file.write(text)


def test_each_growth_is_announced_however_long_the_silence_before(followed, tmp_path):
    path = str(tmp_path / "a.out")
    followed.do("follow", path)
    for _ in range(3):
        append(path)
        assert followed.next() == {path}
    os.truncate(path, 0)
    assert followed.next() == {path}


def test_a_file_that_is_written_anew_to_the_same_size_is_still_followed(followed, tmp_path):
    path = str(tmp_path / "a.out")
    append(path)
    followed.do("follow", path)
    assert followed.next() == {path}
    for _ in range(3):
        while not silent(followed):
            pass
        with open(path, "r+", encoding="ascii") as file:
            file.write("y")
        followed.do("__repr__")
    append(path)
    assert followed.next() == {path}


def silent(followed):
    text = followed.do("__repr__")
    return "polling" in text or " 0 of them busy" in text


def test_of_many_files_those_that_grow_are_named(followed, tmp_path):
    paths = [str(tmp_path / f"{number}.out") for number in range(20)]
    for path in paths:
        append(path)
        followed.do("follow", path)
    seen = set()
    while seen != set(paths):
        seen |= followed.next()
    append(paths[7])
    append(str(tmp_path / "stranger"))
    assert followed.next() == {paths[7]}


def test_what_is_followed_no_more_is_not_announced(followed, tmp_path):
    first, second = str(tmp_path / "first"), str(tmp_path / "second")
    for path in (first, second):
        append(path)
        followed.do("follow", path)
    assert followed.next() == {first, second}
    followed.do("unfollow", first)
    followed.do("unfollow", "unknown")
    append(first)
    append(second)
    assert followed.next() == {second}


def test_a_file_that_is_removed_hinders_nobody(followed, tmp_path):
    first, second = str(tmp_path / "first"), str(tmp_path / "second")
    for path in (first, second):
        append(path)
        followed.do("follow", path)
    assert followed.next() == {first, second}
    os.unlink(first)
    append(second)
    while second not in followed.next():
        pass


def test_silent_files_wake_nobody_up(loop, tmp_path):
    one = Followed(loop)
    path = str(tmp_path / "a.out")
    append(path)
    one.do("follow", path)
    assert one.next() == {path}
    assert loop.settle(CEILING)
    while loop.next_due is not None:  # the looks until it is told to be silent
        one.do("__repr__")
    append(path)
    assert one.next() == {path}
    one.do("close")


def test_a_flood_is_announced_as_often_as_a_trickle_and_is_not_watched(loop, tmp_path):
    one = Followed(loop)
    path = str(tmp_path / "a.out")
    append(path)
    one.do("follow", path)
    assert one.next() == {path}
    written = 1
    for _ in range(5):
        while one.told.empty():
            append(path)
            written += 1
        assert one.next() == {path}
    assert written > 50
    one.do("close")


def test_where_no_more_watches_are_to_be_had_sizes_are_compared(loop, tmp_path, monkeypatch):
    one = Followed(loop)
    path = str(tmp_path / "a.out")

    def refuse(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_follow.Inotify, "watch", refuse)
    monkeypatch.setattr(_follow, "tells_of", lambda _directory: True)
    append(path)
    one.do("follow", path)
    assert one.next() == {path}
    append(path)
    assert one.next() == {path}
    while "polling" not in one.do("__repr__"):
        pass
    append(path)
    assert one.next() == {path}
    one.do("close")
