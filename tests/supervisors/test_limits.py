"""Limits of memory, and isolation, from the specification to the rows."""

import os
import sqlite3
import sys
from contextlib import closing

import pytest

from actorch.actors import AgentState, ExitClass, MemoryLimitError, SpecError
from actorch.supervisors import ActorSystem, Verdict
from cgroups import delegated, members
from fleets import CEILING, at_once, gone, python, shell, wait_for_file, wait_until

HOARD = "import signal; hoard = b'x' * 200_000_000; signal.pause()"
LIMIT = 100 << 20


def rows(state, query):
    with closing(sqlite3.connect(f"{state}/history.db")) as connection:
        return connection.execute(query).fetchall()


def test_an_agent_that_takes_more_memory_than_it_may_is_ended_with_that_cause(system, state):
    agent = system.run([python("hoarder", HOARD, memory_max=LIMIT)]).wait(CEILING)["hoarder"]
    assert agent.state is AgentState.FAILED
    assert isinstance(agent.error, MemoryLimitError)
    assert agent.error.limit == LIMIT
    assert str(agent.error) == "hoarder: out of memory: took more than its memory_max of 100 MiB"
    assert agent.attempts[0].exit_class is ExitClass.MEMORY
    assert gone(agent.attempts[0].pid)
    query = "SELECT error_class, signal, killed FROM attempts"
    assert rows(state, query) == [("out_of_memory", 9, 1)]


def test_the_memory_of_descendants_counts_whatever_session_they_are_in(system, tmp_path):
    code = (
        "import os, signal\n"
        "for _ in range(3):\n"
        "    if os.fork() == 0:\n"
        "        os.setsid(); hoard = b'x' * 60_000_000; signal.pause()\n"
        "signal.pause()\n"
    )
    agent = system.run([python("family", code, memory_max=LIMIT)]).wait(CEILING)["family"]
    assert agent.error.kind == "out_of_memory"
    assert agent.exit.killed == 4


def test_an_agent_that_takes_less_than_it_may_is_left_alone(system):
    agent = system.run([python("modest", "print('hi')", memory_max=LIMIT)]).wait(CEILING)["modest"]
    assert agent.ok


def test_it_is_tried_again_only_where_that_is_asked_for(system, tmp_path):
    code = f"import os\nif os.environ['ACTORCH_ATTEMPT'] == '2': raise SystemExit(0)\n{HOARD}"
    again = python("again", code, memory_max=LIMIT, retry=at_once(2, retry_on="memory"))
    never = python("never", code, memory_max=LIMIT, retry=at_once(2))
    result = system.run([again, never], on_impossible="continue").wait(CEILING)
    assert [len(agent.attempts) for agent in result.agents] == [2, 1]
    assert result["again"].ok


def test_the_rows_say_what_held_an_agent_together(system, state):
    agents = [shell(name, "true", isolation=name) for name in ("auto", "session", "shim")]
    assert system.run(agents).wait(CEILING).verdict is Verdict.OK
    found = dict(rows(state, "SELECT agent, isolation FROM attempts"))
    assert (found["session"], found["shim"]) == ("session", "shim")
    assert found["auto"] in ("session", "shim", "cgroup")
    brands = {brand for (brand,) in rows(state, "SELECT brand FROM attempts")}
    assert len(brands) == 3
    assert all(1 << 62 <= brand < 1 << 63 for brand in brands)


def test_the_brand_is_on_disk_before_the_process_starts(system, state, tmp_path):
    script = f"grep 'realtime timeout' /proc/self/limits; touch {tmp_path}/up; exec sleep 600"
    run = system.run([shell("a", script)])
    wait_for_file(tmp_path / "up")
    ((brand,),) = rows(state, "SELECT brand FROM attempts")
    run.kill()
    assert str(brand) in run.wait(CEILING)["a"].stdout


def test_in_a_session_an_agents_own_daemon_outlives_it(system, tmp_path):
    script = f"setsid sh -c 'echo $$ > {tmp_path}/new; mv {tmp_path}/new {tmp_path}/pid; "
    script += f"exec sleep 600' & until test -e {tmp_path}/pid; do :; done"
    agent = system.run([shell("a", script, isolation="session")]).wait(CEILING)["a"]
    pid = int((tmp_path / "pid").read_text())
    assert agent.ok
    assert not gone(pid)
    os.kill(pid, 15)
    wait_until(lambda: gone(pid))


def test_with_a_cgroup_agents_are_in_it_and_nothing_stays(state, monkeypatch, tmp_path):
    with delegated() as group:
        monkeypatch.setenv("ACTORCH_CGROUP", group)
        with ActorSystem(state_dir=state) as system:
            script = f"setsid sleep 600 & touch {tmp_path}/up; exec sleep 600"
            run = system.run([shell("a", script), shell("b", "exit 3")], quorum=1)
            wait_for_file(tmp_path / "up")
            wait_until(lambda: len(members(group)) == 2, "both in the cgroup")
            run.stop()
            assert run.wait(CEILING)["a"].state is AgentState.CANCELLED
        assert [name for name in os.listdir(group) if os.path.isdir(f"{group}/{name}")] == []
        found = rows(state, "SELECT isolation, cgroup FROM attempts")
        assert {isolation for isolation, _path in found} == {"cgroup"}
        assert all(path.startswith(group) for _isolation, path in found)


@pytest.mark.skipif(sys.platform != "linux", reason="cgroups are Linux's")
def test_what_the_machine_does_not_have_is_refused_before_anything_starts(state, monkeypatch):
    monkeypatch.setenv("ACTORCH_CGROUP", "/no/such")
    with ActorSystem(state_dir=state) as system:
        with pytest.raises(SpecError, match=r"^agent\.b\.pids_max: 5 is not allowed: must be left"):
            system.run([shell("a", "true"), shell("b", "true", pids_max=5)])
        with pytest.raises(SpecError, match=r"^agent\.b\.isolation: 'cgroup'"):
            system.run([shell("b", "true", isolation="cgroup")])
        assert os.listdir(f"{state}/runs") == []
