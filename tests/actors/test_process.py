"""The process layer, on real processes: what is told, and what is left (nothing)."""

import errno
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading

import psutil
import pytest

from actorch.actors._brand import new_brand
from actorch.actors._errors import DispatcherClosedError
from actorch.actors._process_events import Ended, Lost, Spawned, SpawnFailed
from processes import (
    CEILING,
    PROGRAMS,
    Bench,
    gone,
    nobody_at,
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


def census(bench, place, *words, **options):
    """What a fresh process finds itself with."""
    out = place / "census.json"
    with open(out, "wb") as file:
        life = bench.start_program("census.py", place, *words, stdout=file.fileno(), **options)
    assert life.end().code == 0
    return json.loads(out.read_text())


def unhex(text):
    return bytes.fromhex(text)


# How it ends


def test_an_exit_code_is_told(bench):
    end = bench.start("sh", "-c", "exit 7").end()
    assert (end.code, end.signal, end.leftovers, end.killed, end.survivors) == (7, None, 0, 0, ())


def test_a_signal_is_told_apart_from_an_exit_code(bench):
    end = bench.start("sh", "-c", "kill -SEGV $$").end()
    assert (end.code, end.signal) == (None, signal.SIGSEGV)


def test_spawned_tells_the_pid_and_a_start_time_that_proc_confirms(bench, place):
    life = bench.start_program("stays.py", place)
    spawned = life.next(Spawned)
    assert wait_for_sign_in(place) == [spawned.pid]
    with open(f"/proc/{spawned.pid}/stat", "rb") as file:
        assert int(file.read().rpartition(b")")[2].split()[19]) == spawned.start_time
    assert (life.process.pid, life.process.start_time) == (spawned.pid, spawned.start_time)
    bench.kill(life)
    assert life.end().signal == signal.SIGKILL


def test_time_and_memory_of_the_whole_tree_are_told(bench):
    burn = "b = b'x' * 60_000_000; x = sum(range(4_000_000))"
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-S', '-c', {burn!r}])"
    end = bench.start(sys.executable, "-S", "-c", script).end()
    assert end.user_time > 0.02
    assert end.system_time >= 0
    assert end.max_rss > 60_000_000


def test_repr_is_a_status_line(bench, place):
    life = bench.start_program("stays.py", place)
    pid = life.next(Spawned).pid
    assert repr(life.process) == f"<Process running, pid {pid}>"
    bench.kill(life)
    life.end()
    assert repr(life.process) == f"<Process ended by signal 9, pid {pid}>"
    other = bench.start("/no/such/program")
    other.end(SpawnFailed)
    assert repr(other.process) == "<Process not started: command: No such file or directory>"
    assert repr(bench.host) == "<ProcessHost 0 running, 1 idle shims>"


# How it fails to start


@pytest.mark.parametrize(
    ("name", "stage", "number"),
    [
        ("missing", "command", 2),
        ("plain", "command", 13),
        ("directory", "command", 13),
        ("interpreterless", "interpreter", 2),
        ("lineless", "exec", 8),
    ],
)
def test_each_way_not_to_start_names_its_stage(bench, tmp_path, name, stage, number):
    (tmp_path / "plain").write_text("#!/bin/sh\n")
    (tmp_path / "directory").mkdir()
    for script, text in (("interpreterless", "#!/no/such\n"), ("lineless", "echo hi\n")):
        (tmp_path / script).write_text(text)
        (tmp_path / script).chmod(0o755)
    path = str(tmp_path / name)
    assert bench.start(path).end(SpawnFailed) == SpawnFailed(stage, number, path)
    assert bench.start("true").end().code == 0


def test_a_missing_working_directory_is_told_apart_from_a_missing_command(bench, tmp_path):
    event = bench.start("true", cwd=tmp_path / "gone").end(SpawnFailed)
    assert event == SpawnFailed("cwd", 2, str(tmp_path / "gone"))


def test_a_file_as_working_directory_is_refused_with_that_reason(bench, tmp_path):
    (tmp_path / "file").touch()
    assert bench.start("true", cwd=tmp_path / "file").end(SpawnFailed).errno == 20


def test_a_program_that_is_being_written_is_busy(bench, tmp_path):
    copy = tmp_path / "copy"
    shutil.copy(shutil.which("true"), copy)
    with open(copy, "ab"):
        assert bench.start(copy).end(SpawnFailed) == SpawnFailed("exec", 26, str(copy))
    assert bench.start(copy).end().code == 0


@pytest.mark.parametrize("size", [200_000, 7_000_000, 20_000_000])
def test_what_is_too_long_for_the_kernel_is_refused_with_that_reason(bench, size):
    assert bench.start("true", "x" * size).end(SpawnFailed).errno == 7


@pytest.mark.parametrize("word", ["a\0b", "\ud800"])
def test_what_no_argument_can_hold_is_refused(bench, word):
    assert bench.start("true", word).end(SpawnFailed) == SpawnFailed("exec", 22, "'true'")


def test_a_python_that_is_not_there_is_the_keepers_failure():
    bench = Bench(python="/no/such/python")
    try:
        assert bench.start("true").end(SpawnFailed) == SpawnFailed("keeper", 2, "/no/such/python")
    finally:
        bench.close()


def test_a_python_that_is_none_is_the_keepers_failure():
    bench = Bench(python=shutil.which("true"))
    try:
        assert bench.start("true").end(SpawnFailed).stage == "keeper"
        assert bench.start("true").end(SpawnFailed).stage == "keeper"
    finally:
        bench.close()


def test_out_of_descriptors_is_told_and_passes(bench):
    assert bench.start("true").end().code == 0
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    occupied = len(os.listdir("/proc/self/fd")) + 20
    resource.setrlimit(resource.RLIMIT_NOFILE, (occupied, hard))
    taken = []
    try:
        while True:
            try:
                taken.append(os.open(os.devnull, os.O_RDONLY))
            except OSError:
                break
        lives = [bench.start("sleep", "600") for _ in range(2)]
        events = [life.next(Spawned, SpawnFailed) for life in lives]
    finally:
        for fd in taken:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert isinstance(events[0], Spawned)
    assert (events[1].stage, events[1].errno) == ("keeper", 24)
    bench.kill(lives[0])
    lives[0].end()
    assert bench.start("true").end().code == 0


# What it starts with


def test_a_fresh_process_ignores_and_blocks_no_signal(bench, tmp_path):
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    try:
        with open(tmp_path / "status", "wb") as file:
            assert bench.start("cat", "/proc/self/status", stdout=file.fileno()).end().code == 0
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    words = dict(line.split(":") for line in (tmp_path / "status").read_text().splitlines())
    ours = sum(1 << number - 1 for number in signal.valid_signals())  # libc keeps two for itself
    assert int(words["SigIgn"], 16) & ours == 0
    assert int(words["SigBlk"], 16) == 0


def test_a_fresh_process_has_a_session_of_its_own_and_three_files(bench, place):
    found = census(bench, place)
    assert found["session"] == found["group"] == found["pid"]
    assert found["terminal"] is False
    assert found["files"] == [0, 1, 2]
    assert found["parent"] in shims_of(bench.keeper())


def test_descriptors_that_the_app_lets_children_inherit_reach_neither_keeper_nor_agent(place):
    fd = os.open(os.devnull, os.O_RDONLY)
    os.set_inheritable(fd, True)
    bench = Bench()
    try:
        assert census(bench, place)["files"] == [0, 1, 2]
        links = os.listdir(f"/proc/{bench.keeper()}/fd")
        targets = [os.readlink(f"/proc/{bench.keeper()}/fd/{name}") for name in links]
        assert targets.count("/dev/null") == 3
    finally:
        os.close(fd)
        bench.close()


def test_words_reach_it_byte_by_byte(bench, place):
    words = ["", "a b", "\n", "é", "\udcff\udc80", "=", "-x"]
    name, value = "N\udcfe", "\udcff v=w\n"
    found = census(bench, place, *words, env={name: value, "EMPTY": "", "PATH": os.environ["PATH"]})
    assert [unhex(word) for word in found["argv"]] == [os.fsencode(str(place))] + [
        os.fsencode(word) for word in words
    ]
    environment = {unhex(k): unhex(v) for k, v in found["environment"].items()}
    assert environment[os.fsencode(name)] == os.fsencode(value)
    assert environment[b"EMPTY"] == b""
    assert set(environment) - {b"LC_CTYPE"} == {os.fsencode(name), b"EMPTY", b"PATH"}


def test_a_large_environment_arrives_whole(bench, place):
    env = {f"V{number}": f"{number}:" + "x" * 100_000 for number in range(15)}
    found = census(bench, place, env=env)["environment"]
    assert {unhex(k).decode(): unhex(v).decode() for k, v in found.items()}.items() >= env.items()


def test_an_empty_environment_is_one(bench, place):
    assert set(census(bench, place, env={})["environment"]) <= {b"LC_CTYPE".hex()}


def test_it_works_where_it_is_told_to_and_no_shim_stays_there(bench, place):
    assert census(bench, place, cwd=place)["cwd"] == str(place)
    assert {os.readlink(f"/proc/{pid}/cwd") for pid in shims_of(bench.keeper())} == {"/"}
    assert os.readlink(f"/proc/{bench.keeper()}/cwd") == "/"


def test_a_command_is_looked_for_in_the_agents_own_path(bench, tmp_path):
    for folder, code in (("first", 3), ("second", 4)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "tool").write_text(f"#!/bin/sh\nexit {code}\n")
    (tmp_path / "second" / "tool").chmod(0o755)
    search = f"/no/such:{tmp_path}/first:second"
    assert bench.start("tool", env={"PATH": search}, cwd=tmp_path).end().code == 4
    (tmp_path / "first" / "tool").chmod(0o755)
    assert bench.start("tool", env={"PATH": search}, cwd=tmp_path).end().code == 3
    assert bench.start("./second/tool", env={}, cwd=tmp_path).end().code == 4
    assert bench.start("tool", env={"PATH": "/no"}, cwd=tmp_path).end(SpawnFailed).errno == 2


def test_descriptors_may_be_closed_as_soon_as_spawn_returned(bench, tmp_path):
    for number in range(20):
        with open(tmp_path / str(number), "wb") as file:
            life = bench.start("echo", number, stdout=file.fileno(), stderr=file.fileno())
        assert life.end().code == 0
        assert (tmp_path / str(number)).read_text() == f"{number}\n"


def test_a_shim_holds_no_file_of_an_agent(bench, place, tmp_path):
    with open(tmp_path / "out", "wb") as file:
        life = bench.start_program("stays.py", place, stdout=file.fileno())
    wait_for_sign_in(place)
    shim = psutil.Process(life.process.pid).ppid()
    held = [os.readlink(f"/proc/{shim}/fd/{name}") for name in os.listdir(f"/proc/{shim}/fd")]
    assert str(tmp_path / "out") not in held
    bench.kill(life)
    life.end()


# Stopping it

TREES = {
    "leader": ("stays.py", (), 1),
    "child in the group": ("polite_leader.py", (), 2),
    "child in a group": ("polite_leader.py", ("setpgid",), 2),
    "child in a session": ("polite_leader.py", ("setsid",), 2),
    "daemon": ("daemon.py", ("leader",), 2),
    "stubborn leader": ("stubborn.py", (), 1),
    "chain": ("chain.py", (50,), 50),
    "crowd": ("crowd.py", (200,), 201),
    "stopped": ("stopped.py", (), 1),
}


@pytest.mark.parametrize("tree", TREES)
def test_kill_ends_the_whole_tree(bench, place, tree):
    name, words, count = TREES[tree]
    life = bench.start_program(name, place, *words)
    wait_for_sign_in(place, count)
    bench.kill(life)
    end = life.end()
    assert nobody_at(place)
    assert (end.code, end.signal, end.survivors) == (None, signal.SIGKILL, ())
    assert end.killed == count


@pytest.mark.parametrize("tree", ["child in the group", "child in a session", "daemon"])
def test_a_polite_stop_is_not_over_before_the_whole_tree_is(bench, place, tree):
    name, words, count = TREES[tree]
    life = bench.start_program(name, place, *words)
    wait_for_sign_in(place, count)
    leader = life.next(Spawned).pid
    bench.signal(life)
    wait_until(lambda: gone(leader), "the leader's end")
    assert len(running_at(place)) == 1
    assert len(life.events) == 1
    bench.kill(life)
    end = life.next(Ended)
    assert nobody_at(place)
    assert (end.code, end.signal, end.leftovers, end.killed) == (None, signal.SIGTERM, 1, 1)


def test_a_stopped_process_is_told_to_go_on_so_that_it_can_obey(bench, place):
    life = bench.start_program("stopped.py", place)
    wait_for_sign_in(place)
    pid = life.next(Spawned).pid
    wait_until(lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED)
    bench.signal(life)
    assert life.end().code == 5


def test_who_is_outside_of_the_group_gets_the_signal_when_the_leader_is_gone(bench, place):
    life = bench.start_program("polite_leader.py", place, "setsid", "stays.py")
    wait_for_sign_in(place, 2)
    bench.signal(life)
    end = life.end()
    assert (end.signal, end.leftovers, end.killed) == (signal.SIGTERM, 1, 0)
    assert nobody_at(place)


def test_no_fork_hopper_is_fast_enough(bench, place):
    life = bench.start_program("hoppers.py", place, 3)
    wait_for_sign_in(place)
    bench.kill(life)
    end = life.end()
    assert (end.signal, end.survivors) == (signal.SIGKILL, ())
    assert nobody_at(place)


def test_signals_that_come_too_late_hit_nobody(bench, place):
    life = bench.start("true")
    life.end()
    other = bench.start_program("stays.py", place)
    wait_for_sign_in(place)
    bench.signal(life)
    bench.kill(life)
    bench.on_loop(other.process.signal, signal.SIGWINCH)
    bench.kill(other)
    assert other.end().signal == signal.SIGKILL
    assert len(life.events) == 2


def test_kill_right_after_spawn_and_twice_is_one_end(bench, place):
    def spawn_and_kill():
        life.process.signal(signal.SIGTERM)
        life.process.kill()
        life.process.kill()

    for _ in range(20):
        life = bench.start_program("stubborn.py", place)
        bench.on_loop(spawn_and_kill)
        assert life.end().code is None
        assert [type(event) for event in life.events] == [Spawned, Ended]
    assert nobody_at(place)


# What it leaves behind


@pytest.mark.parametrize(
    ("program_left", "how", "killed"),
    [("stays.py", (), 0), ("stubborn.py", (), 1), ("stubborn.py", ("setsid",), 1)],
)
def test_leftovers_are_ended_and_counted(bench, place, program_left, how, killed):
    end = bench.start_program("leaves.py", place, 3, program_left, *how).end()
    assert nobody_at(place)
    assert (end.code, end.leftovers, end.killed) == (3, 1, killed)


@pytest.mark.slow
def test_a_daemon_that_hides_is_ended(bench, place):
    end = bench.start_program("daemon.py", place).end()
    assert (end.code, end.leftovers, end.killed) == (0, 1, 1)
    assert nobody_at(place)


def test_leftovers_that_are_to_be_kept_outlive_the_agent_and_the_app(bench, place):
    life = bench.start_program("leaves.py", place, 3, "stays.py", keep=True)
    end = life.end()
    (pid,) = signed_in(place)
    assert (end.code, end.leftovers, end.killed) == (3, 1, 0)
    shim = psutil.Process(pid).ppid()
    bench.host.close()
    assert not gone(pid)
    assert not gone(shim)
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: gone(shim), "the end of the shim that was left with it")


def test_to_be_kept_saves_nobody_from_a_stop(bench, place):
    life = bench.start_program("polite_leader.py", place, "setsid", keep=True)
    wait_for_sign_in(place, 2)
    life.next(Spawned)
    bench.signal(life)
    wait_until(lambda: len(running_at(place)) == 1)
    bench.kill(life)
    assert life.end().killed == 1


def test_an_agent_that_keeps_nothing_leaves_its_shim_to_the_next(bench):
    assert bench.start("true", keep=True).end().leftovers == 0
    assert repr(bench.host) == "<ProcessHost 0 running, 1 idle shims>"


# Who is killed by whom


def test_a_killed_shim_is_told_once_its_orphans_are_gone(bench, place):
    life = bench.start_program("polite_leader.py", place, "setsid")
    wait_for_sign_in(place, 2)
    spawned = life.next(Spawned)
    other = bench.start_program("stays.py", place)
    wait_for_sign_in(place, 3)
    os.kill(psutil.Process(spawned.pid).ppid(), signal.SIGKILL)
    assert life.end(Lost) == Lost("its shim was killed", 2, ())
    assert running_at(place) == [other.next(Spawned).pid]
    bench.kill(other)
    other.end()
    assert bench.start("true").end().code == 0


@pytest.mark.slow
@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP, signal.SIGINT])
def test_an_agent_may_signal_its_shim_and_nothing_is_left(bench, place, signum):
    life = bench.start_program("kills.py", place, int(signum), "parent")
    life.next(Spawned)
    wait_for_sign_in(place, 2)
    if signum in (signal.SIGSTOP, signal.SIGINT):
        bench.kill(life)
        life.end(Ended)
    else:
        life.end(Lost)
    assert nobody_at(place)


def test_an_agent_may_kill_its_own_group(bench, place):
    end = bench.start_program("kills.py", place, 9, "group").end()
    assert (end.signal, end.leftovers, end.killed) == (9, 1, 1)
    assert nobody_at(place)


def test_a_killed_keeper_takes_all_trees_with_it_and_is_replaced(bench, place):
    lives = [bench.start_program("polite_leader.py", place, "setsid") for _ in range(3)]
    wait_for_sign_in(place, 6)
    bench.start("true").end()
    before = bench.keeper()
    shims = shims_of(before)
    os.kill(before, signal.SIGKILL)
    for life in lives:
        assert life.end(Lost).reason == "its keeper was killed"
    assert nobody_at(place)
    wait_until(lambda: all(gone(shim) for shim in shims), "the end of all shims")
    assert bench.start("true").end().code == 0
    assert bench.keeper() != before


def test_an_agent_that_ended_well_before_its_keeper_was_killed_is_no_loss(bench, place):
    life = bench.start_program("leaves.py", place, 4, "stubborn.py")
    wait_for_sign_in(place)
    leader = life.next(Spawned).pid
    wait_until(lambda: gone(leader))
    os.kill(bench.keeper(), signal.SIGKILL)
    assert life.end().code == 4


def test_keeper_and_shim_killed_at_once_leave_no_group_behind(bench, place):
    life = bench.start_program("polite_leader.py", place, "setsid")
    wait_for_sign_in(place, 2)
    shim = psutil.Process(life.next(Spawned).pid).ppid()
    keeper = bench.keeper()
    os.kill(keeper, signal.SIGSTOP)
    os.kill(shim, signal.SIGKILL)
    os.kill(keeper, signal.SIGKILL)
    assert "and its keeper" in life.end(Lost).reason
    assert nobody_at(place)


@pytest.mark.parametrize(
    ("name", "words"), [("daemon.py", ("leader",)), ("hoppers.py", (3,)), ("chain.py", (20,))]
)
def test_keeper_and_shim_killed_at_once_leave_nobody_with_the_brand(bench, place, name, words):
    life = bench.start_program(name, place, *words, brand=new_brand())
    wait_for_sign_in(place)
    keeper, shim = bench.keeper(), life.next(Spawned).shim
    os.kill(keeper, signal.SIGSTOP)
    os.kill(shim, signal.SIGKILL)
    os.kill(keeper, signal.SIGKILL)
    assert life.end(Lost).survivors == ()
    assert nobody_at(place)


def test_a_keeper_that_is_told_to_end_ends_everything_in_order(bench, place):
    life = bench.start_program("stays.py", place)
    wait_for_sign_in(place)
    os.kill(bench.keeper(), signal.SIGTERM)
    life.end(Lost)
    assert nobody_at(place)
    event = SpawnFailed("keeper", errno.EAGAIN, sys.executable)
    while event == SpawnFailed("keeper", errno.EAGAIN, sys.executable):  # from the one that ends
        event = bench.start("true").next()
    assert isinstance(event, Spawned)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["stays", "forks"])
def test_an_app_that_is_killed_takes_all_trees_with_it(place, way):
    command = [sys.executable, os.path.join(PROGRAMS, "app.py"), place, way, "daemon.py", "leader"]
    app = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    wait_for_sign_in(place, 2)
    forked = []
    if way == "forks":
        wait_until(lambda: any(one.startswith("forked") for one in os.listdir(place)))
        forked = [int(one[7:]) for one in os.listdir(place) if one.startswith("forked")]
    app.kill()
    app.wait()
    try:
        wait_until(lambda: set(running_at(place)) <= set(forked), "the end of its trees")
    finally:
        for pid in forked:
            os.kill(pid, signal.SIGKILL)


@pytest.mark.slow
def test_an_app_that_just_ends_takes_all_trees_with_it(place):
    command = [sys.executable, os.path.join(PROGRAMS, "app.py"), place, "raises", "stubborn.py"]
    app = subprocess.run(command, capture_output=True, text=True, timeout=CEILING, check=False)
    assert app.stderr == "as asked\n"
    wait_until(lambda: not running_at(place), "the end of its trees")


# In an app that does as it likes


@pytest.mark.parametrize("way", ["ignores-sigchld", "reaps-all"])
def test_the_exit_code_is_right_whatever_the_app_does_with_its_children(place, way):
    command = [sys.executable, os.path.join(PROGRAMS, "app.py"), place, way, "leaves.py", "7"]
    app = subprocess.run(
        [*command, "stays.py"], capture_output=True, text=True, timeout=CEILING, check=False
    )
    assert (app.stdout, app.stderr, app.returncode) == ("7\n", "", 0)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_of_the_app_neither_holds_nor_ends_anything(bench, place):
    life = bench.start_program("stays.py", place)
    wait_for_sign_in(place)
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        problem = b"nothing was raised"
        try:
            sockets = [name for name in os.listdir("/proc/self/fd") if _is_socket(name)]
            bench.host.close()
            life.process.kill()
            bench.host.spawn(None, None)
        except DispatcherClosedError:
            problem = repr(sockets).encode()
        finally:
            os.write(theirs, problem)
            os._exit(0)
    os.close(theirs)
    with open(ours, "rb") as file:
        assert file.read() == b"[]"
    os.waitpid(pid, 0)
    assert len(running_at(place)) == 1
    bench.kill(life)
    assert life.end().signal == signal.SIGKILL


def _is_socket(name):
    try:
        return os.readlink(f"/proc/self/fd/{name}").startswith("socket:")
    except OSError:
        return False


def test_the_end_of_the_thread_that_spawned_ends_nobody(place):
    bench = Bench()
    life = bench.start_program("stays.py", place)
    wait_for_sign_in(place)
    bench.dispatcher.close()
    assert len(running_at(place)) == 1
    bench.host.close()
    os.close(bench.null)
    assert nobody_at(place)
    assert isinstance(life.end(Lost), Lost)


def test_what_a_receiver_raises_harms_nobody(bench, caplog):
    def bad(_event):
        raise ValueError("no")

    order_of = bench.host.spawn
    bench.host.spawn = lambda order, _life: order_of(order, bad)
    bench.start("true")
    del bench.host.spawn
    assert bench.start("true").end().code == 0
    wait_until(lambda: len(caplog.records) == 2)


# Shims are used again


def test_ten_shims_serve_a_hundred_agents_ten_at_once(bench):
    lives = [bench.start("true") for _ in range(10)]
    shims = set()
    for _ in range(90):
        assert lives.pop(0).end().code == 0
        lives.append(bench.start("true"))
        shims |= set(shims_of(bench.keeper()))
    for life in lives:
        life.end()
    shims |= set(shims_of(bench.keeper()))
    assert len(shims) == 10


def test_idle_shims_beyond_the_sixteenth_are_sent_home(bench):
    lives = [bench.start("true") for _ in range(60)]
    for life in lives:
        life.end()
    wait_until(lambda: len(shims_of(bench.keeper())) == 16)
    assert repr(bench.host) == "<ProcessHost 0 running, 16 idle shims>"


def test_prewarmed_shims_wait_for_the_first_agents(bench):
    bench.on_loop(bench.host.prewarm, 3)
    wait_until(lambda: len(shims_of(bench.keeper())) == 3)
    shims = set(shims_of(bench.keeper()))
    bench.start("true").end()
    assert set(shims_of(bench.keeper())) == shims


def test_a_shim_that_is_killed_while_idle_is_replaced(bench):
    bench.start("true").end()
    (shim,) = shims_of(bench.keeper())
    os.kill(shim, signal.SIGKILL)
    wait_until(lambda: gone(shim))
    for _ in range(3):
        assert bench.start("true").end().code == 0


def test_hundreds_that_start_at_once_all_start(bench):
    assert bench.start("true").end().code == 0
    keeper = bench.keeper()
    os.kill(keeper, signal.SIGSTOP)
    lives = [bench.start("true") for _ in range(400)]
    os.kill(keeper, signal.SIGCONT)
    assert [life.end().code for life in lives] == [0] * 400


def test_a_host_that_is_closed_while_hundreds_start_leaves_none(place):
    bench = Bench()
    lives = [bench.start_program("stays.py", place) for _ in range(400)]
    bench.close()
    assert nobody_at(place)
    for life in lives:
        life.end(Lost)


# Closing


def test_close_ends_everything_and_tells(place):
    bench = Bench()
    lives = [bench.start_program(name, place) for name in ("stays.py", "stubborn.py")]
    wait_for_sign_in(place, 2)
    keeper = bench.keeper()
    bench.close()
    assert nobody_at(place)
    assert gone(keeper)
    assert not psutil.pid_exists(keeper)
    assert [life.end(Lost).reason for life in lives] == ["the host was closed"] * 2
    bench.host.close()
    with pytest.raises(DispatcherClosedError):
        bench.host.spawn(None, None)


@pytest.mark.slow
def test_close_works_on_the_loop_itself(place):
    bench = Bench()
    life = bench.start_program("polite_leader.py", place, "setsid")
    wait_for_sign_in(place, 2)
    bench.on_loop(bench.host.close)
    assert nobody_at(place)
    life.end(Lost)
    bench.close()


def test_processes_are_ended_even_if_the_loop_is_stuck(place):
    bench, held, release = Bench(), threading.Event(), threading.Event()
    for name in ("stays.py", "stubborn.py"):
        bench.start_program(name, place)
    bench.start_program("polite_leader.py", place, "setsid")
    wait_for_sign_in(place, 4)
    keeper = bench.keeper()
    bench.dispatcher.call_soon(lambda: (held.set(), release.wait(2 * CEILING)))
    try:
        assert held.wait(CEILING)
        bench.dispatcher.fence()
        bench.host.sever()
        assert nobody_at(place)
        assert not psutil.pid_exists(keeper)
    finally:
        release.set()
    bench.host.sever()
    bench.close()


def test_close_of_what_never_began_is_nothing():
    bench = Bench()
    bench.close()


def test_close_does_not_wait_for_what_is_to_be_kept(bench, place):
    bench.start_program("leaves.py", place, 0, "stubborn.py", keep=True).end()
    bench.host.close()
    (pid,) = running_at(place)
    os.kill(pid, signal.SIGKILL)


def test_two_hosts_in_one_app_know_nothing_of_each_other(bench, place):
    other = Bench()
    mine = bench.start_program("stays.py", place)
    theirs = other.start_program("stays.py", place)
    wait_for_sign_in(place, 2)
    other.close()
    theirs.end(Lost)
    assert running_at(place) == [mine.next(Spawned).pid]
    bench.kill(mine)
    mine.end()


# What it costs


def test_many_agents_leave_counts_and_memory_flat(bench):
    def round_of(count):
        for life in [bench.start("true") for _ in range(count)]:
            life.end()

    def belongings():
        (keeper,) = (psutil.Process(bench.keeper()),)
        family = [keeper, *keeper.children()]
        return [one.num_fds() for one in family], sum(one.memory_info().rss for one in family)

    round_of(10)
    fds, before = belongings()
    for _ in range(20):
        round_of(10)
    fds_after, after = belongings()
    assert fds_after == fds
    assert after < before * 1.05


def test_a_shim_takes_little_memory_of_its_own(bench, place):
    lives = [bench.start_program("stays.py", place) for _ in range(10)]
    wait_for_sign_in(place, 10)
    sizes = []
    for pid in shims_of(bench.keeper()):
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            fields = dict(line.split()[:2] for line in file if line.startswith("Private"))
        sizes.append(int(fields["Private_Dirty:"]) + int(fields["Private_Clean:"]))
    assert max(sizes) <= 1024
    for life in lives:
        bench.kill(life)
    for life in lives:
        life.end()


def switches(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("voluntary"))


def test_keeper_and_shims_sleep_while_their_agents_do(bench, place):
    lives = [bench.start_program("stays.py", place) for _ in range(5)]
    wait_for_sign_in(place, 5)
    family = [bench.keeper(), *shims_of(bench.keeper())]
    wait_until(lambda: all(psutil.Process(pid).status() == "sleeping" for pid in family))
    before = [switches(pid) for pid in family]
    threading.Event().wait(1.0)
    assert [switches(pid) for pid in family] == before
    for life in lives:
        bench.kill(life)
    for life in lives:
        life.end()
