"""Small recording actors for supervision trees, on a manual clock."""

import logging
import random
from contextlib import contextmanager

from actorch.actors import Actor, Dispatcher
from actorch.actors.testing import ManualClock
from actorch.supervisors import ChildSpec, RestartBackoff, Supervisor, start_supervisor

WAIT = RestartBackoff(min=1.0, max=1.0, jitter="none", reset_after=100.0)
LONG = 20.0


class Worker(Actor):
    """Notes its starts and stops; does what it is told."""

    def __init__(self, name, log, fails=()):
        super().__init__()
        self.name = name
        self.log = log
        self.fails = fails

    def on_start(self):
        if self.actor_ref.incarnation in self.fails:
            self.log.append(f"fail {self.name}")
            raise ValueError(f"{self.name} does not start")
        self.log.append(f"start {self.name}")

    def on_receive(self, message):
        if message == "crash":
            raise ValueError("crash")
        if message == "end":
            self.stop()
        return (self.name, self.actor_ref.incarnation, message)

    def on_stop(self):
        self.log.append(f"stop {self.name}")


class Stage:
    """A dispatcher on a manual clock, a log that all workers share, and trees on it."""

    def __init__(self, dispatcher, clock):
        self.dispatcher = dispatcher
        self.clock = clock
        self.log = []
        self.letters = []

    def child(self, name, actor=Worker, fails=(), **options):
        options = {"backoff": WAIT, **options}
        return ChildSpec(name, actor, (name, self.log), {"fails": fails}, **options)

    def supervise(self, *children, strategy="one_for_one", **options):
        specs = [self.child(one) if isinstance(one, str) else one for one in children]
        return self.start(Supervisor(specs, strategy, **options))

    def start(self, spec):
        future = start_supervisor(self.dispatcher, spec, block=False)
        self.clock.advance()
        return future.get(timeout=LONG)

    def pass_(self, seconds=0.0):
        """Let time pass, and say what was noted meanwhile."""
        self.clock.advance(seconds)
        noted, self.log[:] = list(self.log), []
        return noted


@contextmanager
def stage():
    clock = ManualClock()
    letters = []
    with Dispatcher(
        "tests", clock=clock, random=random.Random(1), on_dead_letter=letters.append
    ) as dispatcher:
        made = Stage(dispatcher, clock)
        made.letters = letters
        yield made


@contextmanager
def quiet():
    """Crashes by the thousand are not worth a line each."""
    log = logging.getLogger("actorch.actor")
    log.disabled = True
    try:
        yield
    finally:
        log.disabled = False


def states(supervisor):
    return {one.id: one.state for one in supervisor.which_children()}


def incarnations(supervisor):
    return {one.id: one.incarnation for one in supervisor.which_children()}
