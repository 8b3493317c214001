"""Children are listed and counted for whoever may wait, and for whoever may not."""

import asyncio

import pykka
import pytest

from actorch.actors import Actor, WouldBlockError
from actorch.supervisors import ActorSystem, ChildCounts, ChildSpec, Supervisor

TREE = Supervisor([ChildSpec("a", Actor), ChildSpec("b", Actor)])


def test_children_are_listed_and_counted_without_blocking_an_event_loop(state):
    async def main():
        async with ActorSystem(state_dir=state) as system:
            ref = await system.supervise_soon(TREE)
            infos = await ref.which_children(block=False)
            return [one.id for one in infos], await ref.count_children(block=False)

    assert asyncio.run(main()) == (["a", "b"], ChildCounts(2, 2, 0, 2))


def test_a_listing_of_a_supervisor_that_has_ended_says_so(system):
    ref = system.supervise(TREE)
    ref.stop()
    for listing in (ref.which_children(block=False), ref.count_children(block=False)):
        with pytest.raises(pykka.ActorDeadError):
            listing.get(timeout=0)
    with pytest.raises(pykka.ActorDeadError):
        ref.which_children()


class Nosy(Actor):
    def on_receive(self, message):
        return message()


def test_a_handler_gets_a_future_instead_of_an_answer(system):
    ref = system.supervise(TREE)
    nosy = system.supervise(Supervisor([ChildSpec("nosy", Nosy)])).child("nosy")
    listing = nosy.ask(lambda: ref.which_children(block=False))
    assert [one.id for one in listing.get(timeout=30)] == ["a", "b"]
    with pytest.raises(WouldBlockError):
        nosy.ask(ref.count_children)
