"""What the end of a process means."""

import errno
import signal

import pytest

from actorch.actors._exit import (
    Exit,
    ExitClass,
    classify_exit,
    classify_spawn_failure,
    signal_name,
)


@pytest.mark.parametrize(
    ("end", "codes", "expected"),
    [
        (Exit(code=0), (0,), ExitClass.SUCCESS),
        (Exit(code=3), (0, 3), ExitClass.SUCCESS),
        (Exit(code=0), (3,), ExitClass.EXIT),
        (Exit(code=1), (0,), ExitClass.EXIT),
        (Exit(code=75), (0,), ExitClass.TRANSIENT),
        (Exit(code=75), (75,), ExitClass.SUCCESS),
        (Exit(signal=9), (0,), ExitClass.SIGNAL),
        (Exit(code=137), (0,), ExitClass.EXIT),
    ],
)
def test_code_and_signal_decide_the_class(end, codes, expected):
    assert classify_exit(end, codes) is expected


@pytest.mark.parametrize("name", ["EAGAIN", "ENOMEM", "EMFILE", "ENFILE", "ETXTBSY"])
def test_a_lack_of_something_passes_by_itself(name):
    assert classify_spawn_failure(getattr(errno, name)) is ExitClass.TRANSIENT


@pytest.mark.parametrize("name", ["ENOENT", "EACCES", "E2BIG", "ENOEXEC", "ENOTDIR"])
def test_a_wrong_command_stays_wrong(name):
    assert classify_spawn_failure(getattr(errno, name)) is ExitClass.PERMANENT


def test_the_repr_says_how_it_ended():
    assert repr(Exit(code=3)) == "exit code 3"
    assert repr(Exit(signal=signal.SIGTERM)) == "ended by SIGTERM"
    assert signal_name(99) == "signal 99"
