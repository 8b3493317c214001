"""One tree of the tiny programs: its place, and a count of who lives there that cannot miss one."""

import os
import threading
import time
from contextlib import suppress

import psutil

from processes import kill_all_at, nobody_at, program, running_at, wait_until

CEILING = 20.0
"""Seconds after which those that still live count as survivors."""


class Tree:
    """A shape in a directory of its own.

    Attributes:
        shape: what is run.
        place: where its processes sign in; only they have it in their argv.
        state: a state directory.
        problem: why the cell says nothing, None if it does.
    """

    def __init__(self, shape, directory):
        self.shape = shape
        self.place = os.path.join(directory, "place")
        self.state = os.path.join(directory, "state")
        self.problem = None
        os.makedirs(self.place)

    def command(self, *, retried=False):
        """What starts it; with `retried`, what the second time looks for survivors."""
        words = [self.shape.program, *self.shape.words]
        if retried:
            words.insert(0, "retried.py")
        return program(words[0], self.place, *words[1:])

    def wait_until_ready(self):
        wait_until(lambda: self.count() >= self.shape.count, f"the start of {self.shape.name}")
        if self.shape.leaves:
            wait_until(lambda: len(running_at(self.place)) <= self.shape.count, "the leader's end")
        if self.shape.stops:
            wait_until(lambda: all(map(is_stopped, self.members())), "the stop of all")

    def count(self):
        return len(self.members())

    def members(self):
        """The pids of all that have signed in, whether they live or not."""
        return [int(name) for name in os.listdir(self.place) if name.isdigit()]

    def owners(self, app):
        """The pids of its keeper and of its shim, whose app this is; none if it is gone."""
        for pid in self.members():
            with suppress(psutil.Error):
                line = [one.pid for one in psutil.Process(pid).parents()]
                if app in line:
                    return line[line.index(app) - 1], line[line.index(app) - 2]
        return ()

    def is_gone(self):
        return nobody_at(self.place)

    def survivors(self):
        """How many live. A scan may miss those that hop; the lock does not."""
        if self.is_gone():
            return 0
        return max(1, *(len(running_at(self.place)) for _ in range(3)))

    def outlive(self, began, ceiling=CEILING):
        """Wait until none lives. Returns how many do in the end, and the seconds since `began`."""
        pause = threading.Event()
        while True:
            is_gone, seconds = self.is_gone(), time.monotonic() - began
            if is_gone or seconds > ceiling:
                return 0 if is_gone else self.survivors(), seconds
            pause.wait(0.01)

    def clear(self):
        """Kill whoever is left."""
        kill_all_at(self.place)


def is_stopped(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_STOPPED
    except psutil.NoSuchProcess:
        return True
