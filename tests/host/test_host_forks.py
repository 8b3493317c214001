"""An app that forks while agents run: neither side disturbs the other."""

import os

import pytest

from apps import run_app, told_by
from processes import running_at, wait_until

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

REAP = "os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])"


@pytest.mark.parametrize("way", ["os._exit(5)", "sys.exit(5)", "raise SystemExit(5)"])
def test_a_child_that_exits_at_once_ends_no_agent(place, way):
    code = f"""
with new_system() as system:
    run = system.run([program("stays.py")])
    signed_in(1)
    pid = os.fork()
    if pid == 0:
        {way}
    code = {REAP}
    other = system.run([sh("after", "exit 4")]).wait(30)["after"].exit.code
    over = run.done()
    run.stop()
print(json.dumps([code, other, over, run.wait(0).verdict.value]))
"""
    assert told_by(place, code) == [5, 4, False, "cancelled"]


def test_a_child_that_leaves_the_with_block_ends_no_agent(place):
    code = f"""
with new_system() as system:
    run = system.run([program("stays.py")])
    signed_in(1)
    pid = os.fork()
if pid == 0:
    sys.exit(6)
print(json.dumps([{REAP}, run.wait(0).verdict.value]))
"""
    assert told_by(place, code) == [6, "cancelled"]


def test_a_child_that_lives_on_keeps_neither_a_system_open_nor_an_agent_alive(place):
    code = f"""
system = new_system()
run = system.run([program("polite_leader.py", "setsid")])
signed_in(2)
pid = os.fork()
if pid == 0:
    signal.pause()
run.kill()
verdict = run.wait(30).verdict.value
system.close()
left = [name for name in os.listdir(place) if name.isdigit() and os.path.exists(f"/proc/{{name}}")]
ended = os.waitpid(pid, os.WNOHANG)
os.kill(pid, signal.SIGKILL)
print(json.dumps([verdict, left, ended, {REAP}]))
"""
    assert told_by(place, code) == ["cancelled", [], [0, 0], -9]


def test_a_child_may_have_a_system_of_its_own(place):
    code = f"""
with new_system("one") as system:
    run = system.run([sh("parent", f"touch {{place}}/up; until test -e {{place}}/go; do :; done")])
    wait_for(lambda: os.path.exists(os.path.join(place, "up")))
    pid = os.fork()
    if pid == 0:
        with new_system("two") as own:
            agents = [sh("child", "exit 3"), program("leaves.py", "4", "stubborn.py", "setsid")]
            result = own.run(agents, on_impossible="continue").wait(30)
        codes = [agent.exit.code for agent in result.agents]
        os._exit(int(codes != [3, 4] or result["leaves.py"].exit.killed != 1))
    code = {REAP}
    open(os.path.join(place, "go"), "w").close()
    print(json.dumps([code, run.wait(30).verdict.value]))
"""
    assert told_by(place, code) == [0, "ok"]


def test_a_child_may_use_a_system_made_before_any_agent_ran_no_more(place):
    code = f"""
from actorch.actors import DispatcherClosedError
with new_system() as system:
    pid = os.fork()
    if pid == 0:
        try:
            system.run([sh("a", "true")])
        except DispatcherClosedError:
            os._exit(7)
        os._exit(0)
    print(json.dumps([{REAP}, system.run([sh("a", "true")]).wait(30).verdict.value]))
"""
    assert told_by(place, code) == [7, "ok"]


def test_children_forked_while_hundreds_start_and_end_keep_nothing_of_them(place):
    code = """
system = new_system()
system.run([sh("first", "true")]).wait(30)
fleet = [sh(f"a{n}", "exit 2", success_codes=[2]) for n in range(200)]
run = system.run([*fleet, program("stays.py")], max_concurrent=50)
pids = []
while len(run.results().successes) < 200 and len(pids) < 100:
    pids.append(os.fork())
    if pids[-1] == 0:
        signal.pause()
wait_for(lambda: len(run.results().successes) == 200)
signed_in(1)
successes = len(run.results().successes)
run.kill()
verdict = run.wait(30).verdict.value
system.close()
for pid in pids:
    os.kill(pid, signal.SIGKILL)
codes = {os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids}
print(json.dumps([successes, verdict, bool(pids), list(codes)]))
"""
    assert told_by(place, code) == [200, "cancelled", True, [-9]]


def test_a_pool_of_forked_workers_and_agents_get_along(place):
    code = """
import multiprocessing
def square(number):
    return number * number
with new_system() as system:
    script = f"until test -e {place}/go; do sleep 0.01; done; exit 3"
    run = system.run([program("stays.py"), *(sh(f"a{n}", script) for n in range(5))],
                     on_impossible="continue")
    signed_in(1)
    with multiprocessing.get_context("fork").Pool(3) as pool:
        squares = pool.map(square, range(10))
        meanwhile = system.run([sh("b", "exit 4")]).wait(30)["b"].exit.code
        squares += pool.map(square, range(2))
    open(os.path.join(place, "go"), "w").close()
    codes = lambda: [agent.exit.code for agent in run.results().agents]
    wait_for(lambda: len(codes()) == 5)
    over = run.done()
    run.stop()
    print(json.dumps([squares, meanwhile, codes(), over, run.wait(30).verdict.value]))
"""
    squares = [number * number for number in range(10)] + [0, 1]
    expected = [squares, 4, [3] * 5, False, "cancelled"]
    assert told_by(place, code) == expected


def test_forked_workers_may_each_run_agents(place):
    code = """
import multiprocessing
def work(number):
    with new_system(f"s{number}") as own:
        return own.run([sh("w", f"exit {number}")]).wait(30)["w"].exit.code
with new_system() as system:
    run = system.run([program("stays.py")])
    signed_in(1)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        codes = pool.map(work, range(6))
    run.stop()
    print(json.dumps([codes, run.wait(30).verdict.value]))
"""
    assert told_by(place, code) == [list(range(6)), "cancelled"]


@pytest.mark.slow
def test_an_app_that_ends_while_its_child_lives_on_takes_its_trees_with_it(place):
    code = """
system = new_system()
system.run([program("polite_leader.py", "setsid")])
signed_in(2)
pid = os.fork()
if pid == 0:
    os.closerange(0, 3)
    signal.pause()
print(pid, flush=True)
os._exit(0)
"""
    done = run_app(place, code)
    assert done.stderr == ""
    try:
        wait_until(lambda: not running_at(place), "the end of its trees")
    finally:
        os.kill(int(done.stdout), 9)


def test_a_child_forked_while_the_keeper_starts_does_not_delay_the_close(place):
    code = f"""
from actorch.actors import _keeper_link

start, starting, forked = _keeper_link._start, threading.Event(), threading.Event()

def slowly(*words):
    starting.set()
    forked.wait(0.3)  # or until then, if a fork has to wait for us
    return start(*words)

_keeper_link._start = slowly
system = new_system()
run = system.run([sh("a", "true")])
starting.wait()
pid = os.fork()
if pid == 0:
    signal.pause()
forked.set()
run.wait(30)
closing = threading.Thread(target=system.close)
closing.start()
closing.join(3)
late = closing.is_alive()
os.kill(pid, signal.SIGKILL)
print(json.dumps([{REAP}, late]))
"""
    assert told_by(place, code) == [-9, False]
