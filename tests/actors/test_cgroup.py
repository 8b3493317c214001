"""Which cgroup is ours to make others in, and what a machine has for isolation and limits."""

import os
import subprocess
import sys

import pytest

from actorch.actors import AgentSpec, SpecError
from actorch.actors._cgroup import (
    AgentGroups,
    Delegation,
    NotDelegatedError,
    find_delegation,
    remove_groups,
)
from actorch.actors._isolation import Confinement, Machine
from cgroups import delegated, hierarchy

linux = pytest.mark.skipif(sys.platform != "linux", reason="cgroups are Linux's")


class Fixed(Machine):
    """A machine with this for cgroups."""

    def __init__(self, delegated="there is none", pidns=None):
        super().__init__({})
        self.__dict__["_delegated"] = delegated
        self.__dict__["_no_pidns"] = pidns


ALL = Delegation("/home", "/base", frozenset({"cpu", "memory", "pids"}))
SOME = Delegation("/home", "/base", frozenset(), "/base is not given cpu, memory, pids")


def spec(**options):
    return AgentSpec("a", ["true"], **options)


def test_a_directory_that_the_variable_names_is_taken_and_left_clean():
    with delegated() as group:
        found = find_delegation({"ACTORCH_CGROUP": group})
        assert (found.base, os.path.samefile(found.home, hierarchy())) == (group, True)
        assert found.controllers <= {"cpu", "memory", "pids"}
        assert bool(found.problem) == (len(found.controllers) < 3)
        assert [name for name in os.listdir(group) if os.path.isdir(f"{group}/{name}")] == []


@linux
@pytest.mark.parametrize("place", ["/no/such", "/tmp"])
def test_a_variable_that_names_no_cgroup_is_told(place):
    with pytest.raises(NotDelegatedError, match=f"ACTORCH_CGROUP: {place} is no directory of"):
        find_delegation({"ACTORCH_CGROUP": place})


@linux
def test_without_the_variable_there_is_one_or_a_reason_why_not():
    machine = Machine({})
    place = machine.delegation
    assert bool(machine.why_not("cgroup")) == (place is None)
    assert place is None or os.path.exists(f"{place.base}/cgroup.kill")


def test_a_cgroup_that_processes_are_in_hands_nothing_down_and_is_not_spoilt():
    """It would hand some controllers down to threads only, and could hold no process below it."""
    with delegated() as group:
        with subprocess.Popen(["sleep", "600"]) as process:
            with open(f"{group}/cgroup.procs", "w", encoding="ascii") as file:
                file.write(str(process.pid))
            found = find_delegation({"ACTORCH_CGROUP": group})
            process.kill()
        with open(f"{group}/cgroup.type", encoding="ascii") as file:
            assert file.read() == "domain\n"
        assert (found.base, found.controllers) == (group, frozenset())


def test_groups_are_made_in_one_directory_and_removed_with_it():
    with delegated() as group:
        groups = AgentGroups(Delegation(hierarchy(), group, frozenset()))
        orders = [groups.order(("pids.max=3",)) for _ in range(2)]
        assert len({order.path for order in orders}) == 2
        assert {os.path.dirname(os.path.dirname(order.path)) for order in orders} == {group}
        assert (orders[0].home, orders[0].limits) == (hierarchy(), ("pids.max=3",))
        os.mkdir(orders[0].path)  # as a killed shim leaves it
        groups.close()
        assert not os.path.exists(os.path.dirname(orders[0].path))


def test_removing_what_is_not_there_is_nothing(tmp_path):
    remove_groups(str(tmp_path / "none"))


@pytest.mark.parametrize(
    ("machine", "best"),
    [(Fixed(), "shim"), (Fixed(SOME), "cgroup"), (Fixed(ALL), "cgroup")],
)
def test_auto_is_the_best_there_is_but_never_a_pid_namespace(machine, best):
    expected = best if sys.platform == "linux" else "session"
    assert machine.confine(spec()).isolation == expected


@linux
@pytest.mark.parametrize(
    ("options", "machine", "confinement"),
    [
        ({}, Fixed(), Confinement("shim")),
        ({"isolation": "session"}, Fixed(ALL), Confinement("session")),
        ({"isolation": "pidns"}, Fixed(), Confinement("pidns")),
        ({"isolation": "cgroup"}, Fixed(SOME), Confinement("cgroup", True)),
        ({"memory_max": 1 << 20}, Fixed(), Confinement("shim", False, True)),
        ({"memory_max": 1 << 20}, Fixed(SOME), Confinement("cgroup", True, True)),
        ({"memory_max": 1 << 20}, Fixed(ALL), Confinement("cgroup", True)),
        ({"isolation": "shim", "memory_max": 1 << 20}, Fixed(ALL), Confinement("shim", True)),
        ({"isolation": "pidns", "pids_max": 1}, Fixed(ALL), Confinement("pidns", True)),
        ({"isolation": "shim", "cpu_quota": 1}, Fixed(ALL), Confinement("shim", True)),
    ],
)
def test_what_holds_an_agent_together_follows_from_its_words_and_the_machine(
    options, machine, confinement
):
    assert machine.confine(spec(**options)) == confinement


@linux
@pytest.mark.parametrize(
    ("options", "machine", "words"),
    [
        ({"isolation": "cgroup"}, Fixed("no luck"), ("isolation", "no luck")),
        ({"isolation": "pidns"}, Fixed(pidns="no luck"), ("isolation", "no luck")),
        ({"cpu_quota": 2}, Fixed("no luck"), ("cpu_quota", "no luck")),
        ({"pids_max": 2}, Fixed(SOME), ("pids_max", "/base is not given cpu")),
    ],
)
def test_what_the_machine_does_not_have_is_refused_with_the_reason(options, machine, words):
    with pytest.raises(SpecError) as caught:
        machine.confine(spec(**options))
    assert caught.value.key == words[0]
    assert words[1] in str(caught.value)


@linux
def test_limits_are_written_as_the_kernel_reads_them():
    with delegated() as group:
        machine = Fixed(Delegation(hierarchy(), group, ALL.controllers))
        limited = spec(memory_max=1 << 20, cpu_quota=1.5, pids_max=7)
        order = machine.group_order(limited, machine.confine(limited))
        assert order.limits == (
            "memory.max=1048576",
            "?memory.swap.max=0",
            "?memory.oom.group=1",
            "cpu.max=150000 100000",
            "pids.max=7",
        )
        watched = Confinement("cgroup", True, True)
        assert machine.group_order(limited, watched).limits == order.limits[3:]
        assert machine.group_order(limited, Confinement("shim")) is None
        machine.close()
        assert [name for name in os.listdir(group) if os.path.isdir(f"{group}/{name}")] == []


def test_a_machine_that_was_never_asked_for_a_cgroup_makes_none_when_it_is_closed():
    Machine({"ACTORCH_CGROUP": "/no/such"}).close()


@linux
def test_repr_is_a_status_line():
    assert repr(Fixed(ALL)) == "<Machine, isolation cgroup>"
