"""A process host on a loop, the tiny programs, and counts of what still runs."""

import contextlib
import fcntl
import os
import queue
import signal
import sys
import threading
from pathlib import Path

import psutil

from actorch.actors._dispatcher import Dispatcher
from actorch.actors._process import ProcessHost
from actorch.actors._process_events import Ended, Lost, Spawned, SpawnFailed, SpawnOrder

PROGRAMS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "programs")
CEILING = 30.0
"""Seconds that anything here may take before it counts as hung."""


def wait_until(holds, what="it"):
    """Look again every few milliseconds, for as long as the ceiling allows."""
    pause = threading.Event()
    for _ in range(int(CEILING / 0.005)):
        if holds():
            return
        pause.wait(0.005)
    raise AssertionError(f"{what} did not happen within {CEILING} s")


def gone(pid):
    """Whether no process has this number, or only a zombie does."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] == b"Z"
    except OSError:
        return True


def program(name, place, *words):
    """The command line of one of the tiny programs."""
    command = (sys.executable, "-S", "-E", os.path.join(PROGRAMS, name), place, *words)
    return tuple(map(str, command))


def signed_in(place):
    """The pids of those that have signed in there, in that order."""
    names = [name for name in os.listdir(place) if name.isdigit()]
    return sorted(map(int, names), key=lambda pid: os.stat(f"{place}/{pid}").st_mtime_ns)


def wait_for_sign_in(place, count=1):
    """Until so many have signed in."""
    wait_until(lambda: len(signed_in(place)) >= count, f"{count} programs at {place}")
    return signed_in(place)


def running_at(place):
    """The pids of all living processes that have this place in their argv."""
    found = []
    for pid in psutil.pids():
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if os.fsencode(str(place)) in file.read().split(b"\0"):
                    found.append(pid)
        except OSError:
            continue
    return [pid for pid in found if pid != os.getpid()]


def nobody_at(place):
    """Proven by the lock, which whoever forks passes on; argv tells of who has none yet."""
    with contextlib.suppress(FileNotFoundError), open(f"{place}/held", "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return not running_at(place)


def kill_all_at(place):
    """Whoever has that in its argv. Those that hop are called off, as a signal may miss them."""
    Path(place, "over").touch()

    def strike():
        for pid in running_at(place):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return nobody_at(place)

    wait_until(strike, f"the end of all at {place}")


def keeper_of(pid):
    """The pid of this app's keeper; None if there is none."""
    found = [
        child.pid
        for child in psutil.Process(pid).children()
        if "_keeper" in "".join(cmdline(child))
    ]
    return found[0] if found else None


def cmdline(process):
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def shims_of(keeper):
    """The pids of a keeper's shims."""
    return [child.pid for child in psutil.Process(keeper).children()]


class Life:
    """What became of one process."""

    def __init__(self):
        self.events = []
        self.process = None
        self._queue = queue.SimpleQueue()
        self._held = threading.Event()

    def __call__(self, event):
        self.events.append(event)
        self._queue.put(event)

    def next(self, *kinds):
        """The next event, which must be of one of these kinds."""
        event = self._queue.get(timeout=CEILING)
        assert isinstance(event, kinds or (Spawned, SpawnFailed, Ended, Lost)), event
        return event

    def end(self, kind=Ended):
        """The last event, which must be of this kind."""
        event = self.next()
        if isinstance(event, Spawned):
            event = self.next()
        assert isinstance(event, kind), event
        return event


class Bench:
    """A host with a loop of its own."""

    def __init__(self, **options):
        self.dispatcher = Dispatcher("bench")
        self.host = ProcessHost(self.dispatcher, **options)
        self.null = os.open(os.devnull, os.O_RDWR)

    def start(
        self, *argv, env=None, cwd="/", stdin=None, stdout=None, stderr=None, keep=False, **options
    ):
        """Start a command; returns its Life, with the process in it."""
        order = SpawnOrder(
            argv=tuple(map(str, argv)),
            env=os.environ if env is None else env,
            cwd=str(cwd),
            stdin=self.null if stdin is None else stdin,
            stdout=self.null if stdout is None else stdout,
            stderr=self.null if stderr is None else stderr,
            keep_descendants=keep,
            **options,
        )
        life = Life()
        life.process = self.on_loop(self.host.spawn, order, life)
        return life

    def start_program(self, name, place, *words, **options):
        return self.start(*program(name, place, *words), **options)

    def on_loop(self, function, *args):
        """Call a function on the loop's thread; returns what it returns, raises what it raises."""
        answer = queue.SimpleQueue()

        def call():
            try:
                answer.put((function(*args), None))
            except BaseException as error:
                answer.put((None, error))

        self.dispatcher.call_soon(call)
        value, error = answer.get(timeout=CEILING)
        if error is not None:
            raise error
        return value

    def signal(self, life, signum=signal.SIGTERM):
        self.on_loop(life.process.signal, signum)

    def kill(self, life):
        self.on_loop(life.process.kill)

    def keeper(self):
        return keeper_of(os.getpid())

    def close(self):
        self.host.close()
        self.dispatcher.close()
        os.close(self.null)
