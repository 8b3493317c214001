"""What somebody orders of a supervisor in the wrong words stays with whoever orders it."""

from collections.abc import Iterator
from typing import Any

import pytest

from actorch.actors import Actor, ChildError, Dispatcher, SpecError
from actorch.supervisors import ChildSpec, Supervisor, SupervisorRef, start_supervisor


class Plain(Actor):
    def on_receive(self, message: Any) -> Any:
        return message


@pytest.fixture
def supervisor() -> Iterator[SupervisorRef]:
    with Dispatcher("tests") as dispatcher:
        yield start_supervisor(dispatcher, Supervisor([ChildSpec("a", Plain)]))


@pytest.mark.parametrize("word", ["a", None, 3, Plain, {}])
def test_what_is_no_child_spec_is_refused_and_the_tree_goes_on(
    supervisor: SupervisorRef, word: Any
) -> None:
    with pytest.raises(SpecError, match="ChildSpec"):
        supervisor.start_child(word)
    assert supervisor.child("a").ask(1) == 1


@pytest.mark.parametrize("order", ["terminate_child", "restart_child", "delete_child"])
@pytest.mark.parametrize("word", [None, 3, [], b"a"])
def test_what_is_no_id_is_refused_and_the_tree_goes_on(
    supervisor: SupervisorRef, order: str, word: Any
) -> None:
    with pytest.raises(SpecError, match="id of a child"):
        getattr(supervisor, order)(word)
    assert supervisor.child("a").ask(1) == 1


@pytest.mark.parametrize("order", ["terminate_child", "restart_child", "delete_child", "child"])
def test_who_is_not_there_is_named(supervisor: SupervisorRef, order: str) -> None:
    with pytest.raises(ChildError, match="'nobody'"):
        getattr(supervisor, order)("nobody")


def test_a_second_child_of_an_id_is_refused(supervisor: SupervisorRef) -> None:
    with pytest.raises(ChildError, match="'a' of 'supervisor' is there already: it is running"):
        supervisor.start_child(ChildSpec("a", Plain))


@pytest.mark.parametrize("order", ["restart_child", "delete_child"])
def test_who_has_not_ended_must_be_terminated_first(supervisor: SupervisorRef, order: str) -> None:
    with pytest.raises(ChildError, match="is running: terminate it first"):
        getattr(supervisor, order)("a")
