"""What holds an agent's processes together: each isolation on real processes."""

import os
import resource
import signal
import subprocess
import sys

import psutil
import pytest

from actorch.actors._brand import brand_of, new_brand
from actorch.actors._keeper import namespace
from actorch.actors._process_events import Ended, GroupOrder, Lost, Spawned, SpawnFailed
from cgroups import delegated, hierarchy, members
from processes import (
    Bench,
    gone,
    keeper_of,
    nobody_at,
    program,
    running_at,
    shims_of,
    signed_in,
    wait_for_sign_in,
    wait_until,
)


@pytest.fixture
def bench():
    bench = Bench()
    yield bench
    bench.close()


@pytest.fixture
def group():
    with delegated() as path:
        yield path


# The brand


def test_every_process_of_a_tree_carries_its_brand_whatever_it_makes_of_itself(bench, place):
    brand = new_brand()
    life = bench.start_program("daemon.py", place, "leader", brand=brand)
    pids = wait_for_sign_in(place, 2)
    assert {brand_of(pid) for pid in pids} == {brand}
    with open(f"/proc/{life.next(Spawned).pid}/limits", encoding="ascii") as file:
        assert f"{brand}" in file.read()
    bench.kill(life)
    life.end()


def test_a_brand_is_of_one_attempt_and_neither_of_its_shim_nor_of_the_app(bench, place):
    before = resource.getrlimit(resource.RLIMIT_RTTIME)
    first, second = new_brand(), new_brand()
    bench.start("true", brand=first).end()
    life = bench.start_program("stays.py", place, brand=second)
    spawned = life.next(Spawned)
    wait_for_sign_in(place)
    assert brand_of(spawned.pid) == second != first
    assert (brand_of(spawned.shim), brand_of(bench.keeper()), brand_of(os.getpid())) == (0, 0, 0)
    assert resource.getrlimit(resource.RLIMIT_RTTIME) == before
    bench.kill(life)
    life.end()
    life = bench.start_program("stays.py", place)
    assert brand_of(life.next(Spawned).pid) == 0
    bench.kill(life)
    life.end()


LIMITED = """
import resource, sys
sys.path[:0] = {path!r}
from actorch.actors import AgentSpec
from actorch.supervisors import ActorSystem
resource.setrlimit(resource.RLIMIT_RTTIME, (1 << 40, 1 << 40))
with ActorSystem() as system:
    result = system.run([AgentSpec("a", "exit 4", shell=True)]).wait(30)
    print(result["a"].exit.code)
"""


def test_where_no_such_limit_may_be_set_programs_run_without_a_brand():
    code = LIMITED.format(path=sys.path)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("4\n", "")


def test_the_pid_of_the_shim_is_told(bench, place):
    life = bench.start_program("stays.py", place)
    spawned = life.next(Spawned)
    assert psutil.Process(spawned.pid).ppid() == spawned.shim
    assert spawned.shim in shims_of(bench.keeper())
    bench.kill(life)
    life.end()


# session


def test_in_a_session_who_makes_one_of_its_own_lives_on_and_the_rest_is_ended(bench, place):
    life = bench.start_program("polite_leader.py", place, "setsid", session_only=True)
    leader, *_ = spawned_and_ready = [life.next(Spawned).pid, *wait_for_sign_in(place, 2)]
    (stranger,) = set(spawned_and_ready) - {leader}
    bench.kill(life)
    end = life.end()
    assert (end.signal, end.survivors, end.killed) == (signal.SIGKILL, (), 1)
    assert running_at(place) == [stranger]
    shim = psutil.Process(stranger).ppid()
    bench.host.close()
    assert not gone(stranger)
    os.kill(stranger, signal.SIGKILL)
    wait_until(lambda: gone(shim), "the end of the shim that was left with it")


def test_in_a_session_a_child_of_the_group_does_not_escape(bench, place):
    end = bench.start_program("leaves.py", place, 3, "stubborn.py", session_only=True).end()
    assert (end.code, end.leftovers, end.killed) == (3, 1, 1)
    assert nobody_at(place)


def test_in_a_session_who_hides_below_a_stranger_is_found(bench, place):
    """The daemon's child stays in the session that the daemon has left."""
    script = (
        "import os, sys; sys.path.insert(0, sys.argv[2]); import common\n"
        "common.ignore_polite_signals()\n"
        "if os.fork() == 0:\n"
        "    if os.fork() == 0:\n"
        "        common.sign_in(); common.stay()\n"
        "    os.setsid(); common.sign_in(); common.stay()\n"
        "common.sign_in(); common.stay()\n"
    )
    programs = os.path.dirname(program("common.py", "")[3])
    words = [program("x", "")[0], "-S", "-E", "-c", script, place, programs]
    life = bench.start(*words, session_only=True)
    pids = wait_for_sign_in(place, 3)
    leader = life.next(Spawned).pid
    (stranger,) = [pid for pid in pids if os.getsid(pid) != leader]
    bench.kill(life)
    assert life.end().survivors == ()
    assert running_at(place) == [stranger]
    os.kill(stranger, signal.SIGKILL)


def test_to_be_killed_with_the_app_is_the_session_only(place):
    bench = Bench()
    life = bench.start_program("polite_leader.py", place, "setsid", session_only=True)
    wait_for_sign_in(place, 2)
    leader = life.next(Spawned).pid
    bench.close()
    (stranger,) = running_at(place)
    assert stranger != leader
    os.kill(stranger, signal.SIGKILL)
    life.end(Lost)


# cgroup


def test_a_cgroup_holds_the_whole_tree_and_is_removed_with_it(bench, place, group):
    path = f"{group}/one"
    order = GroupOrder(hierarchy(), path)
    life = bench.start_program("daemon.py", place, "leader", group=order)
    pids = wait_for_sign_in(place, 2)
    assert sorted(members(path)) == sorted(pids)
    assert life.next(Spawned).shim not in members(group)
    bench.kill(life)
    end = life.end()
    assert (end.killed, end.survivors, end.starved) == (2, (), False)
    assert nobody_at(place)
    assert not os.path.exists(path)


def test_no_fork_hopper_outruns_a_cgroup(bench, place, group):
    order = GroupOrder(hierarchy(), f"{group}/hoppers")
    life = bench.start_program("hoppers.py", place, 3, group=order)
    wait_for_sign_in(place)
    bench.kill(life)
    assert life.end().survivors == ()
    assert nobody_at(place)
    assert members(group) == []


def test_the_cgroup_of_a_program_that_ends_by_itself_is_removed(bench, group):
    for number in range(3):
        order = GroupOrder(hierarchy(), f"{group}/{number}")
        assert bench.start("sh", "-c", "exit 3", group=order).end().code == 3
    assert [name for name in os.listdir(group) if os.path.isdir(f"{group}/{name}")] == []


@pytest.mark.parametrize(
    ("limits", "number"), [(("no.such=1",), 2), (("cgroup.freeze=nonsense",), 22)]
)
def test_a_limit_that_cannot_be_set_is_a_failure_to_start_and_leaves_nothing(
    bench, group, limits, number
):
    path = f"{group}/one"
    event = bench.start("true", group=GroupOrder(hierarchy(), path, limits)).end(SpawnFailed)
    assert event == SpawnFailed("cgroup", number, path)
    assert not os.path.exists(path)
    assert bench.start("true").end().code == 0
    assert members(group) == []


def test_a_limit_that_may_be_missing_is_left_out_where_it_is(bench, group):
    order = GroupOrder(hierarchy(), f"{group}/one", ("?no.such=1", "cgroup.max.depth=3"))
    assert bench.start("true", group=order).end().code == 0


def test_a_cgroup_that_cannot_be_made_is_told_with_its_path(bench):
    event = bench.start("true", group=GroupOrder("/", "/proc/no/such")).end(SpawnFailed)
    assert (event.stage, event.path) == ("cgroup", "/proc/no/such")


def test_a_missing_command_leaves_no_cgroup(bench, group):
    order = GroupOrder(hierarchy(), f"{group}/one")
    assert bench.start("/no/such", group=order).end(SpawnFailed).stage == "command"
    assert not os.path.exists(f"{group}/one")


# pidns


@pytest.fixture
def apart():
    """Options for a pid namespace; the test is skipped where there can be none."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(writer, bytes([namespace.probe()]))
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as file:
        problem = file.read()
    os.waitpid(pid, 0)
    if problem != b"\0":
        pytest.skip(f"no pid namespaces here: {os.strerror(problem[0])}")
    return {"apart": True}


def test_in_a_pid_namespace_an_agent_sees_only_its_own(bench, tmp_path, apart):
    with open(tmp_path / "out", "wb") as file:
        life = bench.start("sh", "-c", "echo $$; echo /proc/[0-9]*", stdout=file.fileno(), **apart)
    assert life.end().code == 0
    own, seen = (tmp_path / "out").read_text().splitlines()
    assert own == "2"
    assert seen == "/proc/1 /proc/2"


def test_pids_are_told_as_they_are_outside(bench, place, apart):
    life = bench.start_program("stays.py", place, **apart)
    spawned = life.next(Spawned)
    wait_for_sign_in(place)
    assert running_at(place) == [spawned.pid]
    assert psutil.Process(spawned.pid).ppid() == spawned.shim
    with open(f"/proc/{spawned.pid}/stat", "rb") as file:
        assert int(file.read().rpartition(b")")[2].split()[19]) == spawned.start_time
    bench.signal(life)
    assert life.end().signal == signal.SIGTERM


@pytest.mark.parametrize("tree", [("daemon.py", "leader"), ("hoppers.py", "3"), ("chain.py", "20")])
def test_the_kernel_ends_the_namespace_of_a_killed_shim(bench, place, apart, tree):
    life = bench.start_program(tree[0], place, tree[1], **apart)
    wait_for_sign_in(place)
    os.kill(life.next(Spawned).shim, signal.SIGKILL)
    assert life.end(Lost).survivors == ()
    assert nobody_at(place)


def test_all_killed_at_once_nothing_is_left_of_a_namespace(place, apart):
    bench = Bench()
    life = bench.start_program("daemon.py", place, "leader", **apart)
    wait_for_sign_in(place)
    keeper, shim = keeper_of(os.getpid()), life.next(Spawned).shim
    for pid in (keeper, shim):
        os.kill(pid, signal.SIGSTOP)
    for pid in (shim, keeper):
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not running_at(place), "the end of the namespace")
    life.end(Lost)
    bench.close()


def test_leftovers_in_a_namespace_are_ended_and_counted(bench, place, apart):
    end = bench.start_program("leaves.py", place, 3, "stubborn.py", "setsid", **apart).end()
    assert (end.code, end.leftovers, end.killed) == (3, 1, 1)
    assert nobody_at(place)


def test_an_agent_in_a_namespace_cannot_kill_its_shim(bench, place, apart):
    life = bench.start_program("kills.py", place, 9, "parent", **apart)
    life.next(Spawned)
    wait_for_sign_in(place, 2)
    bench.kill(life)
    assert life.end(Ended).signal == signal.SIGKILL


def test_shims_in_namespaces_are_used_again_but_not_for_others(bench, apart):
    def shim_of(**options):
        life = bench.start("true", **options)
        spawned = life.next(Spawned)
        life.end()
        return spawned.shim

    inside, outside = shim_of(**apart), shim_of()
    assert inside != outside
    assert (shim_of(**apart), shim_of()) == (inside, outside)


def test_what_is_kept_in_a_namespace_outlives_the_agent_with_its_shim(bench, place, apart):
    end = bench.start_program("leaves.py", place, 0, "stays.py", keep=True, **apart).end()
    assert end.leftovers == 1
    (pid,) = running_at(place)
    shim = psutil.Process(pid).ppid()
    bench.host.close()
    assert not gone(pid)
    assert len(signed_in(place)) == 1
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: gone(shim), "the end of the shim that was left with it")
