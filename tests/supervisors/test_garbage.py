"""Garbage: what is left when everything above an agent was killed at once, and old runs."""

import os
import re
import signal
import subprocess
import sys
import threading

import pytest

from actorch.actors._identity import start_time
from actorch.supervisors import ActorSystem, collect_garbage
from cgroups import delegated
from crashes import app, crash, tree
from fleets import CEILING, shell
from history import ME, attempt, record, rows, run
from processes import gone, kill_all_at, nobody_at, running_at, wait_for_sign_in, wait_until


@pytest.fixture
def place(place):
    """What is still there at the end is killed."""
    yield place
    kill_all_at(place)


@pytest.fixture
def stranger():
    """A process that has nothing to do with actorch."""
    process = subprocess.Popen(["sleep", "600"], env={})
    yield process
    process.kill()
    process.wait()


# What crashed runs left


def test_what_is_left_of_a_crash_is_listed_ended_and_marked(state, place, stranger):
    pids = crash(
        state,
        place,
        6,
        tree("daemon", place, "daemon.py", "leader"),
        tree("hoppers", place, "hoppers.py", "3"),
        tree("session", place, "polite_leader.py", "setsid"),
        tree("stopped", place, "stopped.py"),
    )
    listed = collect_garbage(state, dry_run=True)
    assert {one.pid for one in listed.leftovers} >= set(pids)
    assert {one.told_by for one in listed.leftovers} == {"brand"}
    assert all(str(place) in one.command for one in listed.leftovers if one.pid in pids)
    assert len(listed.interrupted) == 1
    assert all(not gone(pid) for pid in pids)
    assert rows(state, "SELECT state FROM runs") == [("running",)]
    done = collect_garbage(state)
    assert nobody_at(place)
    assert done.killed >= len(pids)
    assert (done.survivors, done.interrupted) == ((), listed.interrupted)
    assert rows(state, "SELECT state, collected > 0 FROM runs") == [("interrupted", 1)]
    assert set(rows(state, "SELECT state FROM attempts")) == {("interrupted",)}
    assert set(rows(state, "SELECT state FROM agents")) == {("interrupted",)}
    assert collect_garbage(state).empty
    assert stranger.poll() is None


@pytest.mark.slow
def test_the_next_run_tells_of_what_is_left_until_it_is_collected(state, place):
    crash(state, place, 1, tree("a", place, "stubborn.py"))
    heard = []

    def next_run():
        with ActorSystem(state_dir=state) as system:
            system.events.leftovers_found.connect(
                lambda _sender, event: heard.append(event), weak=False
            )
            system.run([shell("b", "true")]).wait(CEILING)

    next_run()
    next_run()
    assert [(event.processes, len(event.runs)) for event in heard] == [(1, 1), (1, 1)]
    collect_garbage(state)
    next_run()
    assert len(heard) == 2


def test_a_crash_that_left_nothing_is_never_heard_of(state, place):
    with app(state, tree("a", place, "stays.py")) as process:
        wait_for_sign_in(place)
        process.kill()
        process.wait()
        wait_until(lambda: not running_at(place), "the end of the tree")
    heard = threading.Event()
    with ActorSystem(state_dir=state) as system:
        system.events.leftovers_found.connect(lambda *_a, **_k: heard.set(), weak=False)
        system.run([shell("b", "true")]).wait(CEILING)
    assert not heard.is_set()
    states = rows(state, "SELECT state, collected > 0 FROM runs ORDER BY started")
    assert states == [("interrupted", 1), ("ok", None)]


@pytest.mark.slow
@pytest.mark.parametrize("elsewhere", [False, True])
def test_an_actorch_that_an_agent_ran_is_collected_with_its_own_runs(
    state, place, elsewhere, tmp_path
):
    inner_state = str(tmp_path / "inner") if elsewhere else state
    inner = [sys.executable, "-m", "actorch.cli", "run", "-q", "--state-dir", inner_state, "--"]
    name, words, options = tree("inner", place, "polite_leader.py", "setsid")
    crash(state, place, 2, (name, [*inner, *words], options))
    collect_garbage(state)
    assert nobody_at(place)
    assert not rows(state, "SELECT * FROM runs WHERE state = 'running'")


def test_a_run_that_goes_on_is_not_touched(state, place):
    with app(state, tree("a", place, "stays.py")):
        (pid,) = wait_for_sign_in(place)
        found = collect_garbage(state, older_than=0.0, max_size=1)
        assert found.empty
        assert not gone(pid)
    wait_until(lambda: gone(pid))


def test_what_an_agent_may_leave_is_not_collected(state, place):
    kept = tree("kept", place, "leaves.py", "0", "stays.py", keep_descendants=True)
    session = tree("session", place, "polite_leader.py", "setsid", isolation="session")
    with app(state, kept, session):
        pids = wait_for_sign_in(place, 3)
        query = "SELECT count(*) FROM agents WHERE state = 'succeeded'"
        wait_until(lambda: rows(state, query) == [(1,)], "the end of the agent that keeps")
    leader = rows(state, "SELECT pid FROM attempts WHERE agent = 'session'")[0][0]
    wait_until(lambda: gone(leader))
    collect_garbage(state)
    assert sorted(running_at(place)) == sorted(set(pids) - {leader})


@pytest.mark.parametrize("start", [1, None, 0])
def test_a_pid_alone_ends_nobody(state, stranger, start):
    """As if the leader's number were another process's by now."""
    record(state, run("r"), attempt("r", pid=stranger.pid, start_time=start, brand=None))
    found = collect_garbage(state)
    assert (found.leftovers, found.killed) == ((), 0)
    assert stranger.poll() is None


def test_a_pid_with_its_start_time_tells_a_leader(state, stranger):
    start = start_time(stranger.pid)
    record(state, run("r"), attempt("r", pid=stranger.pid, start_time=start))
    (one,) = collect_garbage(state).leftovers
    assert (one.pid, one.told_by) == (stranger.pid, "start time")
    assert stranger.wait(CEILING) == -signal.SIGTERM


RECYCLED = """
import os, subprocess, sys
sys.path[:0] = {path!r}
from actorch.actors._identity import start_time
sys.path.append({tests!r})
from history import attempt, record, run
from actorch.supervisors import collect_garbage
with open("/proc/sys/kernel/pid_max", "w") as file:
    file.write("320")
while True:  # the lowest 300 are used only once
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    if pid >= 300:
        break
first = subprocess.Popen(["sleep", "600"], env={{}})
number, start = first.pid, start_time(first.pid)
record({state!r}, run("r"), attempt("r", pid=number, start_time=start))
first.kill()
first.wait()
while True:
    other = subprocess.Popen(["sleep", "600"], env={{}})
    if other.pid == number:
        break
    other.kill()
    other.wait()
found = collect_garbage({state!r})
print(found.killed, other.poll(), start_time(number) > start)
other.kill()
other.wait()
"""


def test_a_number_that_was_recycled_is_another_process(state):
    release = tuple(int(number) for number in re.findall(r"\d+", os.uname().release)[:2])
    if sys.platform != "linux" or release < (6, 14):
        pytest.skip("needs Linux 6.14: before, pid_max was the whole machine's")
    unshare = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs the right to make a pid namespace")
    support = os.path.join(os.path.dirname(os.path.dirname(__file__)), "support")
    code = RECYCLED.format(path=sys.path, tests=support, state=state)
    done = subprocess.run(
        [*unshare, sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("0 None True\n", "")


def test_variables_tell_a_process_that_has_no_brand(state):
    words = {"ACTORCH_RUN_ID": "r", "ACTORCH_AGENT": "a", "ACTORCH_ATTEMPT": "1"}
    ours = subprocess.Popen(["sleep", "600"], env=words)
    others = [
        subprocess.Popen(["sleep", "600"], env={**words, name: "other"}) for name in sorted(words)
    ]
    record(state, run("r"), attempt("r"))
    try:
        (one,) = collect_garbage(state).leftovers
        assert (one.pid, one.told_by) == (ours.pid, "environment")
        assert ours.wait(CEILING) == -signal.SIGTERM
        assert [other.poll() for other in others] == [None] * 3
    finally:
        for process in [ours, *others]:
            process.kill()
            process.wait()


def test_who_asks_is_not_ended_for_it_nor_are_those_above(state, monkeypatch):
    start = start_time(os.getpid())
    record(state, run("r"), attempt("r", pid=os.getpid(), start_time=start))
    assert collect_garbage(state).leftovers == ()


def test_the_owner_of_another_pid_namespace_counts_as_alive_until_the_next_boot(state):
    elsewhere = {"pid_namespace": ME.pid_namespace + 1, "owner_pid": 2**22}
    record(state, run("here", "running"), run("there", "running", **elsewhere))
    record(state, run("before", "running", boot_id="another", **elsewhere))
    assert collect_garbage(state, older_than=None).unseen == ("there",)
    found = dict(rows(state, "SELECT id, state FROM runs"))
    assert found == {"here": "interrupted", "there": "running", "before": "interrupted"}


@pytest.mark.slow
def test_a_cgroup_that_a_crash_left_is_emptied_and_removed(state, place, monkeypatch):
    with delegated() as group:
        monkeypatch.setenv("ACTORCH_CGROUP", group)
        crash(state, place, 1, tree("a", place, "hoppers.py", "3", isolation="cgroup"))
        (found,) = rows(state, "SELECT isolation, cgroup FROM attempts")
        assert found[0] == "cgroup"
        assert os.path.isdir(found[1])
        assert collect_garbage(state).survivors == ()
        assert nobody_at(place)
        assert not os.path.exists(os.path.dirname(found[1]))


WITHOUT_CAP_KILL = """
import ctypes, os, sys
assert ctypes.CDLL(None).prctl(24, 5, 0, 0, 0) == 0
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="changing the user takes root")
def test_who_cannot_be_ended_is_named_and_tried_again_the_next_time(state, place):
    (pid,) = [
        pid
        for pid in crash(state, place, 2, tree("a", place, "other_user.py"))
        if pid != rows(state, "SELECT pid FROM attempts")[0][0]
    ]
    command = [sys.executable, "-S", "-c", WITHOUT_CAP_KILL, sys.executable]
    gc = ["-m", "actorch.cli", "gc", "-y", "--state-dir", state]
    done = subprocess.run([*command, *gc], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1, done
    assert f"still there: {pid} (not permitted)\n" in done.stdout
    assert running_at(place) == [pid]
    assert rows(state, "SELECT collected FROM runs") == [(None,)]
    assert collect_garbage(state).survivors == ()
    assert nobody_at(place)
