"""Supervisors on time that stands still, and children that note what happens to them."""

import contextlib
import threading

import pykka

from actorch.actors import Actor, Dispatcher, Future, Terminated
from actorch.actors.testing import ManualClock
from actorch.supervisors import ChildSpec, RestartBackoff, Supervisor, start_supervisor

CEILING = 20.0
AT_ONCE = RestartBackoff(min=0, max=0, jitter="none")


class DefectError(Exception):
    pass


class Part(Actor):
    """Notes its starts and ends, in the order of all such notes.

    Args:
        name: what it is noted by.
        grove: where, and who says what goes wrong.
    """

    def __init__(self, name, grove):
        super().__init__()
        self.name = name
        self.grove = grove
        self.got = []

    def on_start(self):
        if self.grove.failing.get(self.name, 0) > 0:
            self.grove.failing[self.name] -= 1
            self.grove.note("!", self.name)
            raise DefectError(f"start of {self.name}")
        self.grove.note("+", self.name)
        return self.grove.starting.get(self.name)

    def on_receive(self, message):
        if callable(message):
            return message(self)
        self.got.append(message)
        return list(self.got)

    def on_stop(self):
        self.grove.note("-", self.name)
        return self.grove.stopping.get(self.name)

    def on_failure(self, *_error):
        self.grove.note("x", self.name)


class Watcher(Actor):
    """Keeps what it hears of the ends of others."""

    def __init__(self, *refs):
        super().__init__()
        self.refs = refs
        self.heard = []

    def on_start(self):
        for ref in self.refs:
            self.watch(ref)

    def on_receive(self, message):
        if isinstance(message, Terminated):
            self.heard.append(message)
        return list(self.heard)


def crash(_actor):
    raise DefectError("on purpose")


class Grove:
    """A dispatcher, its clock, and what happened there.

    Attributes:
        failing: how many of its next starts fail, by name.
        starting: a future that its start waits for, by name.
        stopping: a future that its end waits for, by name.
    """

    def __init__(self, **options):
        self.clock = ManualClock()
        self.dead = []
        options.setdefault("on_dead_letter", self.dead.append)
        self.dispatcher = Dispatcher("tests", clock=self.clock, **options)
        self.failing = {}
        self.starting = {}
        self.stopping = {}
        self.events = []

    def note(self, sign, name):
        self.events.append(sign + name)

    def take(self):
        """What has happened since the last time, as in `+a -a xb`."""
        self.settle()
        taken, self.events = self.events, []
        return " ".join(taken)

    def settle(self):
        self.clock.advance(0)

    def child(self, name, actor=Part, **rest):
        rest.setdefault("backoff", AT_ONCE)
        return ChildSpec(name, actor, [name, self], **rest)

    def children(self, names, **rest):
        return [self.child(name, **rest) for name in names]

    def start(self, spec=None, **rest):
        """A supervisor, once it has opened; what happened until then is forgotten."""
        if spec is None:
            names = rest.pop("names", "abc")
            spec = Supervisor(rest.pop("children", None) or self.children(names), **rest)
        ref = start_supervisor(self.dispatcher, spec, timeout=CEILING)
        self.take()
        return ref

    def crash(self, *refs):
        for ref in refs:
            with contextlib.suppress(pykka.ActorDeadError):
                ref.tell(crash)
        self.settle()

    def watch(self, *refs):
        watcher = self.dispatcher.spawn(Watcher, *refs)
        self.settle()
        return watcher

    def close(self):
        for gates in (self.starting, self.stopping):
            for gate in gates.values():
                if not gate.done():
                    gate.set(None)
        self.dispatcher.close()


def state_of(supervisor, child):
    """What the supervisor says of one child."""
    return {info.id: info for info in supervisor.which_children()}[child]


def states(supervisor):
    return {info.id: info.state for info in supervisor.which_children()}


def gate():
    return Future()


class Held(Part):
    """Blocks its own thread in whatever the grove names, until that is released."""

    blocking = True

    def on_start(self):
        super().on_start()
        self.grove.hold("start", self.name)

    def on_stop(self):
        super().on_stop()
        self.grove.hold("stop", self.name)


class Holder(Grove):
    """A grove in which actors on threads of their own may be held up."""

    def __init__(self, **options):
        super().__init__(**options)
        self.held = {}

    def will_hold(self, what, name):
        self.held[what, name] = (threading.Event(), threading.Event())

    def hold(self, what, name):
        if (what, name) in self.held:
            arrived, release = self.held[what, name]
            arrived.set()
            release.wait(10 * CEILING)

    def caught(self, what, name):
        assert self.held[what, name][0].wait(CEILING)

    def release(self):
        for _arrived, release in self.held.values():
            release.set()

    def close(self):
        self.release()
        super().close()
