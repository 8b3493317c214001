"""A new attempt never runs beside the tree of the old one, however that tree ended."""

import os
import signal
import sys

import pytest

from actorch.actors import AgentSpec, AgentState, StopPlan, StopStep
from fleets import CEILING, at_once
from processes import nobody_at, running_at, wait_until

FIRST = """
import fcntl, os, signal, sys
place, attempt, way = sys.argv[1], os.environ["ACTORCH_ATTEMPT"], sys.argv[2]
lock = os.open(f"{place}.lock", os.O_RDWR | os.O_CREAT)
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    sys.exit(66)
if attempt != "1":
    sys.exit(0)
ours, theirs = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.write(theirs, b"x")  # from here on it holds the lock, and ends for SIGKILL alone
    while True:
        signal.pause()
os.read(ours, 1)
os.wait()
os.symlink(str(os.getpid()), f"{place}.up")
if way == "exits":
    sys.exit(75)
elif way == "kills its shim":
    os.kill(os.getppid(), signal.SIGKILL)
elif way == "kills its keeper":
    with open(f"/proc/{os.getppid()}/stat") as file:
        os.kill(int(file.read().rpartition(")")[2].split()[1]), signal.SIGKILL)
elif way == "kills its group":
    os.killpg(0, signal.SIGKILL)
signal.pause()
"""
"""The first attempt leaves a daemon that holds a lock; the second takes it, or exits with 66."""

WAYS = {
    "exits": AgentState.FAILED,
    "kills its group": AgentState.FAILED,
    "kills its shim": AgentState.LOST,
    "kills its keeper": AgentState.LOST,
    "is too slow": AgentState.TIMED_OUT,
    "is too quiet": AgentState.TIMED_OUT,
}


def spec_of(place, way):
    limits = {"is too slow": {"timeout": 1.0}, "is too quiet": {"idle_timeout": 1.0}}
    return AgentSpec(
        "a",
        [sys.executable, "-S", "-E", "-c", FIRST, str(place), way],
        retry=at_once(2, retry_on="any"),
        stop=StopPlan((StopStep(signal.SIGTERM, 0.2),)),
        **limits.get(way, {}),
    )


@pytest.mark.parametrize("way", WAYS)
def test_the_second_attempt_finds_nothing_of_the_first(system, place, way):
    agent = system.run([spec_of(place, way)]).wait(CEILING)["a"]
    assert os.path.islink(f"{place}.up")  # the lock was held
    assert [attempt.state for attempt in agent.attempts] == [WAYS[way], AgentState.SUCCEEDED]
    assert nobody_at(place)


@pytest.fixture
def place(tmp_path):
    """Whatever has it in its argv is killed in the end."""
    path = tmp_path / "place"
    yield path
    for pid in running_at(path):
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not running_at(path), "the end of all that ran")


@pytest.mark.slow
@pytest.mark.parametrize("whom", ["shim", "keeper", "both"])
def test_not_even_when_what_watches_over_the_first_is_killed_from_outside(system, place, whom):
    run = system.run([spec_of(place, "stays")])
    wait_until(lambda: os.path.islink(f"{place}.up"), "the first attempt's start")
    shim = parent(int(os.path.basename(os.readlink(f"{place}.up"))))
    keeper = parent(shim)
    if whom == "both":
        os.kill(keeper, signal.SIGSTOP)  # so that it does not see the shim's end
    for name, pid in (("shim", shim), ("keeper", keeper)):
        if whom in (name, "both"):
            os.kill(pid, signal.SIGKILL)
    agent = run.wait(CEILING)["a"]
    assert agent.attempts[0].state is AgentState.LOST
    assert agent.state is AgentState.SUCCEEDED or agent.attempts[0].survivors
    assert agent.state is AgentState.LOST or running_at(place) == []


def parent(pid):
    with open(f"/proc/{pid}/stat", "rb") as file:
        return int(file.read().rpartition(b")")[2].split()[1])
