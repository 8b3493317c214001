"""An app that ends while agents run, in whatever way: at once, as meant, with nothing left."""

import contextlib
import sqlite3

import pytest

from apps import app, run_app, told_by
from processes import CEILING, nobody_at, running_at, wait_until

PROMPT = 5.0
"""Seconds that an exit may take on a busy machine. Alone it takes a few hundredths."""

BEGIN = """
system = new_system()
run = system.run([program("polite_leader.py", "setsid", "stays.py")])
signed_in(2)
print("up", flush=True)
"""

TRACEBACK = "Traceback (most recent call last):"

WAYS = {
    "main returns": ("", 0, ""),
    "sys.exit": ("sys.exit(3)", 3, ""),
    "sys.exit with words": ("sys.exit('done')", 1, "done\n"),
    "an unhandled exception": ("raise ValueError('as asked')", 1, "ValueError: as asked\n"),
    "os._exit": ("os._exit(4)", 4, ""),
    "SIGTERM": ("os.kill(os.getpid(), signal.SIGTERM)", -15, ""),
    "SIGINT": ("os.kill(os.getpid(), signal.SIGINT); signal.pause()", -2, "KeyboardInterrupt\n"),
    "abort": ("os.abort()", -6, ""),
    "exec": ("os.execv('/bin/sh', ['sh', '-c', 'exit 5'])", 5, ""),
    "an exception in another thread": (
        "thread = threading.Thread(target=int, args=('x',))\nthread.start()\nthread.join()",
        0,
        "ValueError: invalid literal for int() with base 10: 'x'\n",
    ),
    "a daemon thread waits": ("threading.Thread(target=run.wait, daemon=True).start()", 0, ""),
    "a daemon thread looks on": (
        "def look():\n    while True:\n        system.snapshot()\n"
        "threading.Thread(target=look, daemon=True).start()",
        0,
        "",
    ),
    "the handles are forgotten": ("del system, run", 0, ""),
}


def last_words(place, way):
    """Exit code and stderr of an app that ends so, once it was told to go on."""
    with app(place, BEGIN + "sys.stdin.readline()\n" + way) as process:
        assert process.stdout.readline() == "up\n"
        _out, err = process.communicate("go\n", timeout=PROMPT)
        return process.returncode, err


@pytest.mark.parametrize("name", WAYS)
def test_an_exit_with_running_agents_is_prompt_as_meant_and_leaves_nothing(place, name):
    lines, code, words = WAYS[name]
    returned, err = last_words(place, lines)
    assert (returned, err[-len(words) :] if words else err) == (code, words)
    assert err.count(TRACEBACK) == ("Error" in words or "Interrupt" in words)
    wait_until(lambda: not running_at(place), "the end of its trees")


POLITE = """
with new_system() as system:
    run = system.run([program("stays.py")])
    signed_in(1)
    {way}
"""


@pytest.mark.parametrize(
    ("way", "code", "words"),
    [
        ("pass", 0, ""),
        ("sys.exit(3)", 3, ""),
        ("raise ValueError('as asked')", 1, "ValueError: as asked\n"),
    ],
)
def test_leaving_a_with_block_ends_all_before_the_app_goes_on(place, way, code, words):
    done = run_app(place, POLITE.format(way=way))
    assert nobody_at(place)
    assert (done.returncode, done.stderr[-len(words) :] if words else done.stderr) == (code, words)
    assert done.stderr.count(TRACEBACK) == bool(words)


ASYNC = """
import asyncio
async def main():
    run = system.run([program("stays.py")])
    waiting = asyncio.ensure_future(run)
    await asyncio.to_thread(signed_in, 1)
    {way}
system = new_system()
asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("way", "code", "words"),
    [
        ("pass", 0, ""),
        ("sys.exit(3)", 3, ""),
        ("raise ValueError('as asked')", 1, "ValueError: as asked\n"),
    ],
)
def test_the_end_of_asyncio_run_is_prompt_and_leaves_nothing(place, way, code, words):
    done = run_app(place, ASYNC.format(way=way))
    assert (done.returncode, done.stderr[-len(words) :] if words else done.stderr) == (code, words)
    assert done.stderr.count(TRACEBACK) == bool(words)
    wait_until(lambda: not running_at(place), "the end of its trees")


def test_a_task_that_is_cancelled_while_it_waits_lets_the_run_go_on(place):
    code = """
import asyncio
async def main():
    run = system.run([sh("a", f"until test -e {place}/go; do sleep 0.01; done; exit 3")])
    try:
        await asyncio.wait_for(run, 0.1)
    except asyncio.TimeoutError:
        open(os.path.join(place, "go"), "w").close()
    return (await run)["a"].exit.code
with new_system() as system:
    print(asyncio.run(main()))
"""
    assert told_by(place, code) == 3


def test_a_thread_may_run_agents_after_the_main_thread_has_ended(place):
    code = """
system = new_system()
def work():
    threading.main_thread().join()
    with system:
        run = system.run([sh("a", "exit 3"), program("leaves.py", "4", "stubborn.py")],
                         on_impossible="continue")
        print(json.dumps([agent.exit.code for agent in run.wait(30).agents]))
threading.Thread(target=work).start()
"""
    assert told_by(place, code) == [3, 4]


def test_an_exit_while_a_fleet_starts_is_prompt_and_leaves_nothing(place):
    code = """
system = new_system()
fleet = [AgentSpec(f"a{n}", program("stays.py").command) for n in range(100)]
run = system.run(fleet, max_concurrent=100)
signed_in(1)
"""
    done = run_app(place, code)
    assert (done.returncode, done.stderr) == (0, "")
    wait_until(lambda: not running_at(place), "the end of its trees")


@pytest.mark.slow
def test_an_exit_does_not_wait_for_the_grace_of_who_ignores_sigterm_if_it_is_told_so(place):
    begin = BEGIN.replace('"stays.py"', '"stubborn.py"').replace("system()", "system(at_exit=None)")
    with app(place, begin + "sys.stdin.readline()") as process:
        assert process.stdout.readline() == "up\n"
        process.stdin.close()
        process.stdin = None
        assert process.wait(1.5) == 0  # the grace is 2 s
    wait_until(lambda: not running_at(place), "the end of its trees")


def test_an_exit_right_after_the_start_of_a_run_is_prompt_and_leaves_nothing(place):
    done = run_app(place, 'run = new_system().run([program("stays.py")])\n')
    assert (done.returncode, done.stderr) == (0, "")
    wait_until(lambda: not running_at(place), "the end of its trees")


def test_an_exit_while_another_thread_closes_the_system_is_as_meant(place):
    code = BEGIN + "threading.Thread(target=system.close, daemon=True).start()\nsys.exit(3)"
    done = run_app(place, code)
    assert (done.returncode, done.stderr) == (3, "")
    wait_until(lambda: not running_at(place), "the end of its trees")


def test_closing_at_exit_works_and_is_prompt(place):
    code = """
import atexit
system = new_system()
atexit.register(system.close)
run = system.run([program("stays.py")])
run.add_done_callback(lambda: print(json.dumps("over"), flush=True))
signed_in(1)
"""
    assert told_by(place, code) == "over"
    assert nobody_at(place)


def test_an_app_whose_output_nobody_reads_any_more_ends_all_the_same(place):
    with app(place, BEGIN + "sys.stdin.readline()\nprint('x' * 100000, flush=True)") as process:
        assert process.stdout.readline() == "up\n"
        process.stdout.close()
        process.stdin.write("go\n")
        process.stdin.flush()
        assert process.wait(CEILING) != 0
    wait_until(lambda: not running_at(place), "the end of its trees")


# A system that was left open


def states(place):
    """Of runs, agents and attempts, as the history has them."""
    with contextlib.closing(sqlite3.connect(place / "state" / "history.db")) as history:
        return [
            [state for (state,) in history.execute(f"SELECT state FROM {table} ORDER BY id")]
            if table == "runs"
            else [state for (state,) in history.execute(f"SELECT state FROM {table}")]
            for table in ("runs", "agents", "attempts")
        ]


LEFT_OPEN = """
system = new_system({options})
run = system.run([sh("a", {script!r})])
wait_for(lambda: os.path.exists(os.path.join(place, "up")))
"""


def left_open(place, *, agent=None, options="", then=""):
    """What becomes of an app that leaves a system open; agents say when they are up."""
    agent = agent or "trap 'touch {}/told; exit 7' TERM; touch {}/up; while :; do sleep 0.01; done"
    script = agent.format(place, place)
    return run_app(place, LEFT_OPEN.format(options=options, script=script) + then)


@pytest.mark.parametrize("way", ["", "sys.exit(3)", "del system, run", "raise KeyboardInterrupt"])
def test_a_system_that_was_left_open_stops_its_agents_and_keeps_its_history(place, way):
    done = left_open(place, then=way)
    assert done.returncode == {"sys.exit(3)": 3, "raise KeyboardInterrupt": -2}.get(way, 0)
    assert ("Traceback" in done.stderr) == ("raise" in way)
    assert (place / "told").exists()
    assert states(place) == [["cancelled"]] * 3


def test_agents_that_do_not_stop_in_the_time_given_are_killed_and_their_rows_are_final(place):
    agent = "trap '' TERM; touch {}/up; while :; do sleep 0.01; done # {}"
    done = left_open(place, agent=agent, options="at_exit=0.1")
    assert (done.returncode, done.stderr) == (0, "")
    assert states(place) == [["cancelled"]] * 3


def test_a_system_may_be_left_to_the_keeper(place):
    done = left_open(place, options="at_exit=None")
    assert (done.returncode, done.stderr) == (0, "")
    wait_until(lambda: (place / "told").exists(), "the end of the agent")
    assert states(place)[0] == ["running"]


def test_tasks_are_called_when_the_program_ends_also_those_that_are_coroutines(place):
    then = """
async def work():
    import asyncio
    await asyncio.sleep(0)
    print("work", flush=True)
system.on_shutdown("drain", lambda: print("drain", run.done(), flush=True))
system.on_shutdown("flush", work)
system.on_shutdown("end", lambda: print("end", run.done(), flush=True))
"""
    done = left_open(place, then=then)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split("\n") == ["drain False", "work", "end True", ""]


def test_a_task_that_is_stuck_does_not_keep_the_program_from_ending(place):
    then = """
def never_returns():
    threading.Event().wait()
system.on_shutdown("drain", never_returns, timeout=0.1)
"""
    done = left_open(place, then=then)
    assert done.returncode == 0
    assert "in never_returns" in done.stderr
    assert states(place) == [["cancelled"]] * 3


def test_a_receiver_that_is_stuck_does_not_keep_the_program_from_ending(place):
    then = """
from actorch.supervisors import _ending
_ending.PATIENCE = 0.2
held = threading.Event()
def never_returns(*_args, **_named):
    held.set()
    threading.Event().wait()
system.events.run_started.connect(never_returns)
system.run([sh("b", "true")])
held.wait()
"""
    done = left_open(place, options="at_exit=0.1", then=then)
    assert done.returncode == 0
    assert "in never_returns" in done.stderr
    assert (place / "told").exists()
    assert "running" in states(place)[0]
    next_one = """
with new_system() as system:
    print(json.dumps(system.run([sh("c", "true")]).wait(30).verdict.value))
"""
    assert told_by(place, next_one) == "ok"
    assert sorted(states(place)[0]) == ["interrupted", "interrupted", "ok"]


def test_who_is_in_a_hurry_leaves_the_rest_to_the_keeper(place):
    agent = "trap '' TERM; touch {}/up; while :; do sleep 0.01; done # {}"
    then = 'system.on_shutdown("drain", lambda: os.kill(os.getpid(), signal.SIGINT))\n'
    done = left_open(place, agent=agent, options="at_exit=600", then=then)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr


def test_several_systems_may_be_left_open(place):
    then = """
others = [new_system(f"other-{n}") for n in range(2)]
runs = [other.run([sh("b", f"echo > {place}/{n}; exec sleep 600")])
        for n, other in enumerate(others)]
wait_for(lambda: all(os.path.exists(f"{place}/{n}") for n in range(2)))
others[0].close()
"""
    done = left_open(place, then=then)
    assert (done.returncode, done.stderr) == (0, "")
    assert states(place) == [["cancelled"]] * 3
    for n in range(2):
        with contextlib.closing(sqlite3.connect(place / f"other-{n}" / "history.db")) as history:
            assert history.execute("SELECT state FROM runs").fetchall() == [("cancelled",)]


def test_a_forked_child_that_ends_does_not_close_its_parents_system(place):
    then = """
pid = os.fork()
if pid == 0:
    sys.exit(5)
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
print(code, run.done(), flush=True)
"""
    done = left_open(place, then=then)
    assert done.stdout == "5 False\n"
    assert states(place) == [["cancelled"]] * 3


def test_asyncio_run_that_is_interrupted_while_the_system_closes_ends_in_order(place):
    code = """
import asyncio
async def main():
    async with new_system() as system:
        run = system.run([sh("a", f"touch {place}/up; exec sleep 600")])
        system.on_shutdown("drain", lambda: os.kill(os.getpid(), signal.SIGINT))
        await asyncio.to_thread(wait_for, lambda: os.path.exists(f"{place}/up"))
asyncio.run(main())
"""
    done = run_app(place, code)
    assert done.returncode == -2
    assert done.stderr.endswith("KeyboardInterrupt\n")
    assert states(place) == [["cancelled"]] * 3
