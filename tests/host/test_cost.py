"""What agents cost beyond themselves: memory, descriptors, wake-ups; and that it does not grow."""

import contextlib
import json
import os
import threading

import pytest

from actorch.actors._idle import KEPT as IDLE_KEPT
from actorch.actors._registry import KEPT_AGENTS
from apps import app, told_by
from costs import context_switches, family, held, kibibytes, proportional_memory
from processes import CEILING, wait_until

pytestmark = pytest.mark.skipif(
    not os.path.exists("/proc/self/smaps_rollup"), reason="the kernel does not tell the costs here"
)

MEBIBYTE = 1 << 20

FLEET = """
def fleet(count, system, signatures=0):
    script = f"> {place}/$$; exec sleep 600"
    run = system.run([sh(f"a{n}", script) for n in range(count)], max_concurrent=count)
    signed_in(signatures or count)
    return run
"""

SLEEPERS = """
with new_system() as system:
    run = fleet({count}, system)
    states = lambda: [row.state.value for row in system.snapshot().agents]
    wait_for(lambda: states() == ["running"] * {count})
    print("up", flush=True)
    sys.stdin.readline()
    run.kill()
    run.wait(30)
print("over", flush=True)
"""


@pytest.fixture
def sleepers(place):
    """Start an app with so many agents that sleep; the pids of app, keeper and shims."""
    with contextlib.ExitStack() as stack:

        def start(count):
            code = FLEET + SLEEPERS.format(count=count)
            process = stack.enter_context(app(place, code))
            stack.callback(end, process)
            assert process.stdout.readline() == "up\n", process.stderr.read()
            return process.pid, *family(process.pid)

        yield start


def end(process):
    out, err = process.communicate("go\n", timeout=CEILING)
    assert (out, err, process.returncode) == ("over\n", "", 0)


@pytest.mark.slow
def test_in_a_fleet_of_a_hundred_a_shim_takes_less_than_a_mebibyte(place):
    """Also one that is used again. What all of them share weighs the less the more there are."""
    code = (
        FLEET
        + """
with new_system() as system:
    for count in (100, 200):
        run = fleet(100, system, count)
        print("up", flush=True)
        sys.stdin.readline()
        run.kill()
        run.wait(30)
"""
    )
    with app(place, code) as process:
        for _ in range(2):
            assert process.stdout.readline() == "up\n"
            _keeper, shims = family(process.pid)
            sizes = sorted(map(proportional_memory, shims))
            print([round(size / MEBIBYTE, 2) for size in sizes], "MiB")
            process.stdin.write("go\n")
            process.stdin.flush()
        process.communicate(timeout=CEILING)
    assert len(sizes) == 100
    assert sizes[-1] <= MEBIBYTE


@pytest.mark.slow
def test_an_idle_fleet_of_a_hundred_wakes_nobody_up(sleepers):
    pids = sleepers(100)
    everybody = [pids[0], pids[1], *pids[2]]
    pause = threading.Event()
    pause.wait(0.5)  # what was just beginning has begun
    before = context_switches(*everybody)
    pause.wait(10.0)
    assert context_switches(*everybody) == before
    assert len(everybody) == 102


@pytest.mark.slow
def test_a_thousand_agents_live_at_once_and_are_gone_at_once(place):
    code = """
import resource, time
def cost(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))
limit = min(20000, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
begun = time.monotonic()
with new_system() as system:
    run = fleet(1000, system)
    up = time.monotonic()
    pids = [int(name) for name in os.listdir(place) if name.isdigit()]
    with open("/proc/%d/stat" % pids[0]) as file:
        shim = int(file.read().rpartition(")")[2].split()[1])
    with open(f"/proc/{shim}/stat") as file:
        keeper = int(file.read().rpartition(")")[2].split()[1])
    rows = system.snapshot().agents
    living = sum(os.path.exists(f"/proc/{pid}") for pid in pids)
    descriptors = cost("self"), cost(keeper), cost(shim)
    stop = time.monotonic()
    run.stop()
    states = {agent.state.value for agent in run.wait(50).agents}
    over = time.monotonic()
left = [pid for pid in pids if os.path.exists(f"/proc/{pid}")]
print(json.dumps({
    "agents": len(pids), "living": living, "states": list(states), "left": left,
    "start": up - begun, "stop": over - stop, "descriptors": descriptors,
}))
"""
    found = told_by(place, FLEET + code)
    print(json.dumps(found))
    assert (found["agents"], found["living"]) == (1000, 1000)
    assert (found["states"], found["left"]) == (["cancelled"], [])
    ours, keepers, shims = found["descriptors"]
    assert ours <= 1000 + 50
    assert keepers <= 50
    assert shims <= 20


ROUNDS = """
system = new_system()
for _ in range({rounds}):
    fleet = [AgentSpec(f"a{{n}}", ["true"], retry=once) for n in range(200)]
    run = system.run(fleet, max_concurrent=50)
    assert run.wait(30).verdict.value == "ok", run.wait(0)
    del run, fleet
    print("round", flush=True)
    sys.stdin.readline()
"""


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_rounds_of_two_hundred_agents_leave_nothing_behind(place):
    full = KEPT_AGENTS // 200 + 2  # until then the table grows, as it is meant to
    with app(place, ROUNDS.format(rounds=50)) as process:
        early = _after_rounds(process, full)
        late = _after_rounds(process, 50 - full)
    print(early, late)
    assert late["held"] == early["held"]
    for who in ("app", "keeper", "shims"):
        assert late[who] < 1.1 * early[who], who


def _after_rounds(process, rounds):
    for number in range(rounds):
        assert process.stdout.readline() == "round\n", process.stderr.read()
        if number < rounds - 1:
            process.stdin.write("go\n")
            process.stdin.flush()
    wait_until(lambda: len(family(process.pid)[1]) == IDLE_KEPT, "the end of the other shims")
    keeper, shims = family(process.pid)
    found = {
        "held": [held(process.pid), held(keeper), sorted(map(held, shims))],
        "app": kibibytes(process.pid, "VmRSS"),
        "keeper": kibibytes(keeper, "VmRSS"),
        "shims": max(kibibytes(shim, "VmRSS") for shim in shims),
    }
    process.stdin.write("go\n")
    process.stdin.flush()
    return found
