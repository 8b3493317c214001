"""An app stays as it is: importing actorch and running agents changes nothing global in it."""

import json
import os
import sqlite3
import subprocess
import sys
import threading

import pytest

from actorch.supervisors import ActorSystem
from apps import told_by
from fleets import CEILING, shell, wait_for_file
from processes import PROGRAMS, nobody_at

pytestmark = pytest.mark.skipif(
    not os.path.exists("/proc/self/status"), reason="reads what the kernel says in /proc"
)

GLOBALS = (
    "signal handlers",
    "signals by the kernel",
    "signal mask",
    "wakeup descriptor",
    "timers",
    "flags",
    "scheduling",
    "out of memory",
    "session",
    "working directory",
    "umask",
    "environment",
    "locale",
    "logging",
    "limits",
    "warnings",
    "event loop policy",
    "interpreter",
)
BELONGINGS = ("threads", "tasks", "descriptors", "children")


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What the program finds in itself before, while and after it runs agents."""
    state = str(tmp_path_factory.mktemp("host") / "state")
    program = os.path.join(PROGRAMS, "host.py")
    done = subprocess.run(
        [sys.executable, program, state],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=CEILING,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


@pytest.mark.parametrize("what", GLOBALS)
def test_nothing_global_is_changed_by_an_import_a_run_or_a_close(found, what):
    for moment in ("import", "run", "close"):
        assert (moment, found[moment][what]) == (moment, found["before"][what])


@pytest.mark.parametrize("what", BELONGINGS)
def test_nothing_is_kept_by_an_import_or_after_a_close(found, what):
    for moment in ("import", "close"):
        new = [one for one in found[moment][what] if one not in found["before"][what]]
        assert (moment, new) == (moment, [])


def test_everything_that_is_counted_is_compared(found):
    assert set(found["before"]) == {*GLOBALS, *BELONGINGS}


def test_agents_outlive_the_thread_that_started_them(system, tmp_path):
    runs = []
    script = f"touch {tmp_path}/up; until test -e {tmp_path}/go; do sleep 0.01; done; exit 3"
    thread = threading.Thread(target=lambda: runs.append(system.run([shell("a", script)])))
    thread.start()
    thread.join()
    wait_for_file(tmp_path / "up")
    (tmp_path / "go").touch()
    assert runs[0].wait(CEILING)["a"].exit.code == 3


def test_agents_outlive_the_kernel_thread_that_made_the_system(place):
    code = """
runs = []
def start():
    runs.append(new_system())
    runs.append(runs[0].run([program("stays.py")]))
    signed_in(1)
thread = threading.Thread(target=start)
thread.start()
thread.join()
wait_for(lambda: not os.path.exists(f"/proc/self/task/{thread.native_id}"))
threading.Event().wait(0.2)  # what would be killed with that thread is killed by now
over = runs[1].done()
runs[1].stop()
print(json.dumps([over, runs[1].wait(30).verdict.value]))
runs[0].close()
"""
    assert told_by(place, code) == [False, "cancelled"]


def test_systems_in_one_process_do_not_disturb_each_other(tmp_path):
    systems = [ActorSystem(name=f"s{n}", state_dir=str(tmp_path / str(n))) for n in range(5)]
    try:
        script = f"touch {tmp_path}/up; exec sleep 600"
        lasting = systems[0].run([shell("lasting", script)])
        wait_for_file(tmp_path / "up")
        runs = [system.run([shell("a", f"exit {n}")]) for n, system in enumerate(systems)]
        assert [run.wait(CEILING)["a"].exit.code for run in runs] == [0, 1, 2, 3, 4]
        for system in systems[1:]:
            system.close()
        assert not lasting.done()
        assert systems[0].run([shell("b", "exit 9")]).wait(CEILING)["b"].exit.code == 9
    finally:
        for system in systems:
            system.close()
    assert lasting.wait(0).verdict.value == "cancelled"


def test_systems_that_share_a_state_directory_share_one_history(tmp_path):
    state = str(tmp_path / "state")
    with ActorSystem(state_dir=state) as one, ActorSystem(state_dir=state) as two:
        runs = [system.run([shell("a", "true")]) for system in (one, two) for _ in range(5)]
        assert all(run.wait(CEILING).history is None for run in runs)
    history = sqlite3.connect(f"{state}/history.db")
    rows = history.execute("SELECT id, state FROM runs").fetchall()
    history.close()
    assert sorted(rows) == sorted((run.id, "ok") for run in runs)


def test_threads_may_use_one_system_at_once(system):
    codes = []

    def use(number):
        for _ in range(3):
            result = system.run([shell("a", f"exit {number}")]).wait(CEILING)
            codes.append((number, result["a"].exit.code))

    threads = [threading.Thread(target=use, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [(number, number) for number in range(8) for _ in range(3)]


def test_closing_one_system_ends_only_its_own_trees(place, tmp_path):
    code = """
with new_system("one") as one:
    lasting = one.run([program("polite_leader.py", "setsid")])
    signed_in(2)
    with new_system("two") as two:
        other = two.run([program("polite_leader.py", "setsid")])
        signed_in(4)
        other.kill()
    after = sum(os.path.exists(f"/proc/{name}") for name in os.listdir(place) if name.isdigit())
    over = lasting.done()
    lasting.kill()
print(json.dumps([after, over, other.wait(0).verdict.value]))
"""
    assert told_by(place, code) == [2, False, "cancelled"]
    assert nobody_at(place)
