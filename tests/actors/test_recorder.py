"""Nothing is told before it is on disk, and nothing waits for ever."""

import pykka
import pytest

from actorch.actors._recorder import Recorder


class FakeJournal:
    def __init__(self):
        self.messages = []
        self.dead = False

    def tell(self, message):
        if self.dead:
            raise pykka.ActorDeadError("gone")
        self.messages.append(message)


def at_once(flush):
    flush()


@pytest.fixture
def journal():
    return FakeJournal()


@pytest.fixture
def recorder(journal):
    recorder = Recorder(at_once)
    recorder.attach(journal)
    return recorder


def test_what_waits_is_told_once_its_number_is_committed_and_in_order(recorder):
    told = []
    for word in "abc":
        recorder.write(then=lambda word=word: told.append(word))
    assert told == []
    recorder.committed(2)
    assert told == ["a", "b"]
    recorder.committed(3)
    assert told == ["a", "b", "c"]


def test_without_a_journal_nothing_waits():
    told = []
    Recorder(at_once).write(then=lambda: told.append(1))
    assert told == [1]


def test_a_journal_that_dies_keeps_nobody_waiting(recorder, journal):
    told = []
    recorder.write(then=lambda: told.append(1))
    recorder.detach()
    assert told == [1]
    recorder.write(then=lambda: told.append(2))
    assert told == [1, 2]
    assert len(journal.messages) == 1


def test_a_journal_found_dead_at_writing_keeps_nobody_waiting(recorder, journal):
    told = []
    recorder.write(then=lambda: told.append(1))
    journal.dead = True
    recorder.write(then=lambda: told.append(2))
    assert told == [1, 2]


def test_what_raises_when_it_is_told_keeps_nobody_else_waiting(recorder, caplog):
    told = []
    recorder.write(then=lambda: 1 // 0)
    recorder.write(then=lambda: told.append(2))
    recorder.committed(2)
    assert told == [2]
    assert "ZeroDivisionError" in caplog.text
