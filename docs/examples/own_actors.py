"""A tree of three kinds of actors: one of pykka's, one of actorch's, and one that awaits."""

import asyncio
import logging
import tempfile
import threading

import pykka

from actorch.actors import Actor, ActorRef, DeadLetter, Terminated
from actorch.supervisors import ActorSystem, ChildSpec, RestartBackoff, Supervisor


class Counter(pykka.ThreadingActor):
    """As it was before anybody supervised it. It may block: it has a thread of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def add(self, number: int) -> int:
        self.count += number
        return self.count

    def on_receive(self, message: threading.Barrier) -> None:
        message.wait()  # until somebody knows that it is here
        message.wait()  # until it may go on

    def on_stop(self) -> None:
        print("counter: stops")


class Fetcher(Actor):
    """While it awaits, other actors have their turn."""

    async def on_receive(self, message: object) -> str:
        await asyncio.sleep(0.01)
        return f"fetched {message}"

    async def on_stop(self) -> None:
        await asyncio.sleep(0.01)
        print("fetcher: stops")


class Observer(Actor):
    """Hears of the end of another actor, once, whatever it was restarted meanwhile."""

    def __init__(self, other: ActorRef) -> None:
        super().__init__()
        self.watch(other)

    def on_receive(self, message: object) -> None:
        if isinstance(message, Terminated):
            print(f"observer: {message.ref.actor_class.__name__} ended, {message.reason}")

    def on_stop(self) -> None:
        print("observer: stops")


def on_letter(_sender: object, *, event: DeadLetter) -> None:
    print(f"dead letter: {event.message}, {event.reason}")


def main(system: ActorSystem) -> None:
    system.events.dead_letter.connect(on_letter)
    at_once = RestartBackoff(min=0)
    inner = Supervisor([ChildSpec("fetcher", Fetcher)], name="io")
    tree = Supervisor(
        [ChildSpec("counter", Counter, backoff=at_once), ChildSpec("io", inner)],
        strategy="rest_for_one",
    )
    top = system.supervise(tree)
    counter, io = top.child("counter"), top.child("io")
    observer = ChildSpec("observer", Observer, args=(counter,))
    top.start_child(observer)

    print(counter.proxy().add(5).get(), io.child("fetcher").ask("a page"))
    counter.tell("no barrier: AttributeError")
    print(counter.proxy().add(1).get(), counter.incarnation)

    top.child("observer").ask("is everybody back?")
    meeting = threading.Barrier(2)
    counter.tell(meeting)
    meeting.wait()
    counter.tell("too late")
    ending = top.terminate_child("counter", block=False)
    print([f"{child.id}: {child.state}" for child in top.which_children()])
    meeting.wait()
    ending.get(timeout=30)


if __name__ == "__main__":
    logging.getLogger("actorch").setLevel(logging.CRITICAL)  # the crash is meant to happen
    with tempfile.TemporaryDirectory() as state, ActorSystem(state_dir=state) as system:
        main(system)
