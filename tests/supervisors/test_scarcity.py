"""Not enough of something to start agents: said, tried again, nothing leaked, none half started."""

import contextlib
import errno
import json
import os
import resource
import select
import subprocess
import sys

import psutil
import pytest

from actorch.actors import AgentSpec, AgentState
from actorch.actors._process import ProcessHost
from fleets import CEILING, at_once, shell
from processes import (
    keeper_of,
    nobody_at,
    program,
    shims_of,
    wait_for_sign_in,
    wait_until,
)

SCARCE = f"""
import fcntl, json, os, sys, threading
sys.path[:0] = {sys.path!r}
from actorch.actors import AgentSpec, Backoff, RetryPolicy
from actorch.supervisors import ActorSystem

backoff = Backoff(initial=0.05, factor=1.0, cap=0.05, jitter="none")
retry = RetryPolicy(max_attempts=1000, backoff=backoff)
state, ran = sys.argv[1:]
held = lambda: len(os.listdir("/proc/self/fd"))
code = '''
import fcntl, os, sys
os.write(os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND), b"x")
fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_SH)
'''

def lacking(system):
    return any(row.state.value in ("backoff", "failed") for row in system.snapshot().agents)

with ActorSystem(state_dir=state) as system, open(ran, "w") as gate:
    assert system.run([AgentSpec("first", ["true"])]).wait(30).verdict.value == "ok"
    before = held()
    fcntl.flock(gate, fcntl.LOCK_EX)  # nobody ends before somebody could not start
    command = [sys.executable, "-S", "-E", "-c", code, ran]
    agents = [AgentSpec(f"a{{n}}", command, retry=retry) for n in range(60)]
    run = system.run(agents, max_concurrent=60, on_impossible="continue")
    while not lacking(system):
        threading.Event().wait(0.01)
    fcntl.flock(gate, fcntl.LOCK_UN)
    result = run.wait(50)
    again = system.run([AgentSpec("last", ["true"])]).wait(30)
    after = held()
print(json.dumps({{
    "successes": len(result.successes),
    "errors": [a.error for agent in result.agents for a in agent.attempts if a.error],
    "again": again.verdict.value,
    "more descriptors": after - before,
    "history": result.history,
}}))
"""


def scarce(state, tmp_path, *before, **options):
    """Sixty agents at once in an app that lacks something: what it tells, how often they ran."""
    words = [*before, sys.executable, "-c", SCARCE, state, str(tmp_path / "ran")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=55, check=False, **options)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return json.loads(done.stdout), (tmp_path / "ran").read_text().count("x")


def test_with_64_descriptors_agents_wait_for_their_turn_and_each_runs_once(state, tmp_path):
    found, ran = scarce(state, tmp_path, "sh", "-c", 'ulimit -n 64; exec "$@"', "sh")
    assert (found["successes"], found["again"], found["history"]) == (60, "ok", None)
    assert all("Too many open files" in error for error in found["errors"])
    assert found["errors"]
    assert found["more descriptors"] <= 20  # idle shims
    assert ran == 60


@pytest.fixture
def few_processes():
    """A way to put processes where there may be only so many."""
    parent = "/sys/fs/cgroup/pids"
    group = os.path.join(parent, f"actorch-{os.getpid()}")
    try:
        os.mkdir(group)
    except OSError:
        pytest.skip("no cgroup of version 1 for the number of processes can be made here")

    def join(most):
        with open(os.path.join(group, "pids.max"), "w") as file:
            file.write(str(most))
        return ["sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "sh"]

    join.group = group
    yield join
    for pid in members(group):
        move(pid, parent)
    wait_until(lambda: not members(group), "the end of all")
    os.rmdir(group)


def move(pid, group):
    with contextlib.suppress(ProcessLookupError), open(f"{group}/cgroup.procs", "w") as file:
        file.write(str(pid))


def members(group):
    with open(os.path.join(group, "cgroup.procs")) as file:
        return file.read().split()


def test_with_few_processes_agents_wait_for_their_turn_and_none_is_half_started(
    state, tmp_path, few_processes
):
    found, ran = scarce(state, tmp_path, *few_processes(40))
    assert found["again"] == "ok"
    assert any("Resource temporarily unavailable" in error for error in found["errors"])
    assert ran == found["successes"] == 60
    assert members(few_processes.group) == []


def test_a_shim_that_could_not_be_forked_is_that_whenever_its_order_is_given(
    system, monkeypatch, few_processes
):
    system.run([shell("first", "true")]).wait(CEILING)
    whole = ProcessHost._fork_shim

    def slowly(host, apart):
        shim = whole(host, apart)
        select.select([shim.channel.fileno()], [], [], CEILING)  # until the keeper has given up
        return shim

    monkeypatch.setattr(ProcessHost, "_fork_shim", slowly)
    few_processes(1)
    move(keeper_of(os.getpid()), few_processes.group)
    fleet = [shell("lives", "exec sleep 600"), shell("a", "true", retry=at_once(2))]
    run = system.run(fleet, on_impossible="continue")
    wait_until(lambda: run.results().failures, "the failure")
    run.kill()
    agent = run.wait(CEILING)["a"]
    assert (agent.error.stage, agent.error.errno) == ("keeper", errno.EAGAIN)
    assert len(agent.attempts) == 2


def test_a_tree_that_has_used_up_all_processes_is_ended_all_the_same(
    system, tmp_path, few_processes
):
    place = tmp_path / "place"
    place.mkdir()
    words = [*few_processes(50), *program("crowd.py", place, 45)]
    run = system.run([AgentSpec("crowd", words)])
    wait_for_sign_in(place, 46)
    run.kill()
    assert run.wait(CEILING)["crowd"].exit.killed == 46
    assert nobody_at(place)


@contextlib.contextmanager
def little_memory(pid):
    """No page more than it has; its children inherit that."""
    before = resource.prlimit(pid, resource.RLIMIT_AS)
    size = psutil.Process(pid).memory_info().vms
    resource.prlimit(pid, resource.RLIMIT_AS, (size, before[1]))
    try:
        yield
    finally:
        for one in (pid, *shims_of(pid)):
            resource.prlimit(one, resource.RLIMIT_AS, before)


def test_without_memory_for_its_process_an_agent_is_tried_again(system, tmp_path):
    system.run([shell("first", "true")]).wait(CEILING)
    (shim,) = shims_of(keeper_of(os.getpid()))
    with little_memory(shim):
        spec = shell("a", f"echo x >> {tmp_path}/ran", retry=at_once(2))
        agent = system.run([spec]).wait(CEILING)["a"]
        assert [attempt.state for attempt in agent.attempts] == [AgentState.FAILED] * 2
        assert agent.error.errno == errno.ENOMEM
    assert not (tmp_path / "ran").exists()
    assert system.run([shell("last", "true")]).wait(CEILING)["last"].ok


def test_without_memory_for_its_keeper_a_run_ends_and_nothing_is_left(system, tmp_path):
    system.run([shell("first", "true")]).wait(CEILING)
    keeper = keeper_of(os.getpid())
    with little_memory(keeper):
        fleet = [shell(f"a{n}", f"echo x >> {tmp_path}/ran", retry=at_once(5)) for n in range(20)]
        result = system.run(fleet, max_concurrent=20, on_impossible="continue").wait(CEILING)
    ran = (tmp_path / "ran").read_text().count("x") if (tmp_path / "ran").exists() else 0
    assert ran == len(result.successes)
    assert system.run([shell("last", "true")]).wait(CEILING)["last"].ok


def test_without_a_place_for_its_output_an_agent_is_tried_again_and_not_half_started(
    system, tmp_path
):
    run = system.run(
        [
            shell("first", f"> {tmp_path}/up; until test -e {tmp_path}/go; do :; done"),
            shell("late", f"> {tmp_path}/ran", retry=at_once(2, retry_on="any")),
        ],
        max_concurrent=1,
        on_impossible="continue",
    )
    wait_until(lambda: (tmp_path / "up").exists())
    os.rename(run.directory, f"{run.directory}-elsewhere")
    (tmp_path / "go").touch()
    late = run.wait(CEILING)["late"]
    assert (late.state, late.error.stage) == (AgentState.FAILED, "files")
    assert not (tmp_path / "ran").exists()


BOMB = f"""
import os, sys
sys.path[:0] = {sys.path!r}
from actorch.actors import AgentSpec
from actorch.supervisors import ActorSystem

state, place = sys.argv[1:]
code = '''
import os, signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
while True:
    try:
        if os.fork() == 0:
            signal.pause()
    except BlockingIOError:
        os.open(sys.argv[1] + ".full", os.O_CREAT)
        signal.pause()
'''
with ActorSystem(state_dir=state) as system:
    run = system.run([AgentSpec("bomb", [sys.executable, "-S", "-c", code, place])])
    while not os.path.exists(place + ".full"):
        os.sched_yield()
    run.kill()
    print(run.wait(30)["bomb"].exit.killed)
"""


def test_a_fork_bomb_is_ended_without_a_process_to_spare(state, tmp_path, few_processes):
    place = str(tmp_path / "place")
    words = [*few_processes(60), sys.executable, "-c", BOMB, state, place]
    done = subprocess.run(words, capture_output=True, text=True, timeout=55, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) > 40
    assert nobody_at(place)
