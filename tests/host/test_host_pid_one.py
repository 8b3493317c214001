"""An app that is pid 1, as in a container without an init: nothing is left, not even a zombie."""

import json
import shutil
import subprocess

import pytest

from apps import run_app
from processes import nobody_at

UNSHARE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]

PROCESSES = """
def processes():
    found = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as file:
                found[int(name)] = file.read().rpartition(")")[2].split()[0]
        except OSError:
            continue
    return {pid: state for pid, state in found.items() if pid != 1}

def parent(pid):
    with open(f"/proc/{pid}/stat") as file:
        return int(file.read().rpartition(")")[2].split()[1])

assert os.getpid() == 1
"""


@pytest.fixture(scope="module", autouse=True)
def _namespaces():
    if shutil.which("unshare") is None:
        pytest.skip("there is no unshare")
    if subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode:
        pytest.skip("a pid namespace is not allowed here")


def told_by_pid_one(place, code):
    done = run_app(place, PROCESSES + code, before=UNSHARE)
    assert (done.returncode, done.stderr) == (0, ""), done
    return json.loads(done.stdout)


def test_exit_codes_are_right_and_nothing_is_left_once_the_system_is_closed(place):
    code = """
with new_system() as system:
    fleet = [
        sh("code", "exit 7"),
        sh("signal", "kill -SEGV $$"),
        program("daemon.py"),
        program("leaves.py", "3", "stubborn.py", "setsid"),
    ]
    result = system.run(fleet, on_impossible="continue").wait(30)
ends = [(agent.exit.code, agent.exit.signal, agent.exit.leftovers) for agent in result.agents]
print(json.dumps([ends, processes()]))
"""
    ends = [[7, None, 0], [None, 11, 0], [0, None, 1], [3, None, 1]]
    assert told_by_pid_one(place, code) == [ends, {}]


def test_while_the_system_is_open_there_is_no_zombie_and_no_orphan(place):
    code = """
with new_system() as system:
    for _ in range(3):
        fleet = [program("daemon.py"), sh("orphans", "(sleep 600 & sleep 600 &) & true")]
        system.run(fleet, on_impossible="continue").wait(30)
    states = processes()
    (keeper,) = (pid for pid in states if parent(pid) == 1)
    below = {parent(pid) for pid in states if pid != keeper}
print(json.dumps(["Z" in states.values(), below == {keeper}]))
"""
    assert told_by_pid_one(place, code) == [False, True]


def test_a_killed_shim_leaves_no_zombie(place):
    code = """
with new_system() as system:
    run = system.run([program("polite_leader.py", "setsid")])
    signed_in(2)
    leader = min(int(name) for name in os.listdir(place) if name.isdigit())
    os.kill(parent(leader), signal.SIGKILL)
    error = run.wait(30)["polite_leader.py"].error.kind
print(json.dumps([error, processes()]))
"""
    assert told_by_pid_one(place, code) == ["wait_failed", {}]


def test_a_killed_keeper_leaves_nothing_running(place):
    code = """
with new_system() as system:
    run = system.run([program("polite_leader.py", "setsid", "stays.py")])
    signed_in(2)
    (keeper,) = (pid for pid in processes() if parent(pid) == 1)
    os.kill(keeper, signal.SIGKILL)
    run.wait(30)
    after = system.run([sh("after", "exit 5")]).wait(30)["after"].exit.code
wait_for(lambda: set(processes().values()) <= {"Z"})
print(json.dumps([after, processes()]))
"""
    after, left = told_by_pid_one(place, code)
    assert after == 5
    assert set(left.values()) <= {"Z"}  # the shims had no other parent than the app


def test_an_app_that_ends_as_pid_one_takes_everything_with_it(place):
    code = """
system = new_system()
system.run([program("polite_leader.py", "setsid")])
signed_in(2)
sys.exit(3)
"""
    done = run_app(place, PROCESSES + code, before=UNSHARE)
    assert (done.returncode, done.stderr) == (3, "")
    assert nobody_at(place)


def test_an_agent_that_kills_everybody_ends_with_them_and_the_app_goes_on(place):
    code = """
fleet = [program("stays.py"), sh("killer", f"until test -e {place}/go; do :; done; kill -9 -1")]
with new_system() as system:
    run = system.run(fleet, on_impossible="continue")
    signed_in(1)
    open(os.path.join(place, "go"), "w").close()
    states = sorted(agent.state.value for agent in run.wait(30).agents)
    after = system.run([sh("after", "exit 5")]).wait(30)["after"].exit.code
left = set(processes().values()) - {"Z"}
print(json.dumps([states, after, list(left)]))
"""
    states, after, left = told_by_pid_one(place, code)
    assert (states, after, left) == (["lost", "lost"], 5, [])
