"""One thread that runs what is runnable, what is due and what is readable, and sleeps otherwise."""

from __future__ import annotations

import logging
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol

from ._clock import Clock, SystemClock
from ._descriptors import Descriptors
from ._errors import DispatcherClosedError
from ._here import here
from ._report import report
from ._timers import Timer, TimerQueue
from ._waker import Waker

__all__ = ["Loop", "Runnable"]

_log = logging.getLogger("actorch.dispatcher")
_real_now = SystemClock().now


class Runnable(Protocol):
    """Anything that may be put into the loop's queue."""

    def run(self) -> None:
        """Do a bit of work."""
        ...


class _Call:
    """A function to call once."""

    __slots__ = ("_args", "_function")

    def __init__(self, function: Callable[..., object], args: tuple[object, ...]) -> None:
        self._function = function
        self._args = args

    def run(self) -> None:
        self._function(*self._args)

    def __repr__(self) -> str:
        return f"call of {self._function!r}"


class Loop:
    """The thread of a dispatcher.

    Attributes:
        name: of the dispatcher.
        timers: what is due when; touched on the thread only.
        descriptors: what is watched; touched on the thread only.
        turns: how often it found something to do.
        wakeups: how often it asked the kernel, thus how often it may have been woken.
        next_due: when the next timer was due when it last went to sleep.
        keeps: what lives as long as the thread does.
        closed: whether it takes no more work.
        fenced: whether that is because something on it did not return.
        thread: the thread.
    """

    def __init__(self, name: str, clock: Clock, keeps: object) -> None:
        self.name = name
        self.keeps = keeps
        self.timers = TimerQueue()
        self.descriptors = Descriptors()
        self.turns = 0
        self.wakeups = 0
        self.next_due: float | None = None
        self.closed = False
        self.fenced = False
        # Real seconds of running before timers and descriptors get their turn. A thread that waits
        # for the interpreter asks for it only after a whole switch interval without a release, so
        # looking at the descriptors more often than that would keep all other threads waiting.
        self._stint = 2 * sys.getswitchinterval()
        self._clock = clock
        self._ready: deque[Runnable] = deque()
        self._sleeping = False
        self._ending = False
        self._waker = Waker()
        self._idle: deque[Callable[[], None]] = deque()
        self.descriptors.set_waker(self._waker)
        self.thread = threading.Thread(target=self._run, name=f"{name}-loop", daemon=True)
        try:
            self.thread.start()
        except RuntimeError:  # no thread to be had
            self._give_back()
            raise

    def in_thread(self) -> bool:
        """Whether the caller is on this loop's thread."""
        return here.loop is self  # the number of a thread that ended may be another's by now

    def enqueue(self, item: Runnable) -> None:
        """Have `item` run soon, after what is there already. From any thread."""
        self._ready.append(item)
        if self._sleeping:
            self._sleeping = False
            try:
                self._waker.ring()
            except BaseException:  # a signal handler raised just here: nobody else would ring
                self._waker.ring()
                raise

    def call(self, function: Callable[..., object], *args: object) -> None:
        """Have a function called soon. From any thread.

        Raises:
            DispatcherClosedError: the loop has ended.
        """
        self.refuse_if_closed()
        self.enqueue(_Call(function, args))

    def add_timer(self, timer: Timer) -> None:
        """Have `timer` run when it is due. From any thread.

        Raises:
            DispatcherClosedError: the loop has ended.
        """
        self.refuse_if_closed()
        if self.in_thread():
            self.timers.push(timer)
        else:
            self.enqueue(_Call(self.timers.push, (timer,)))

    def refuse_if_closed(self) -> None:
        """Raise once the loop takes no more work.

        Raises:
            DispatcherClosedError: it does not.
        """
        if self.closed:
            raise DispatcherClosedError(f"the dispatcher {self.name!r} is closed")

    def settle(self, patience: float) -> bool:
        """Wait until nothing is runnable and no timer is due.

        Args:
            patience: real seconds to wait at most.

        Returns:
            whether that came about.
        """
        bell = threading.Lock()
        bell.acquire()
        self._idle.append(bell.release)
        self._waker.ring()
        return self.closed or bell.acquire(timeout=patience)

    def end(self, timeout: float | None) -> bool:
        """Finish what is queued, then end the thread and close its descriptors.

        Returns:
            whether the thread ended within `timeout` real seconds.
        """
        self._ending = True
        self._waker.ring()
        self.thread.join(timeout)
        return not self.thread.is_alive()

    def responds(self, patience: float) -> bool:
        """Wait until it comes to what is queued now, or does nothing else for too long.

        Args:
            patience: real seconds; twice in a row is too long. The whole process may have been
                stopped, which costs it one.

        Returns:
            whether it still runs things, or has ended in order.
        """
        bell, turns = threading.Event(), -1
        self.enqueue(_Call(bell.set, ()))
        while not self.closed and not bell.wait(patience):
            if turns == self.turns:
                return False
            turns = self.turns
        return not self.fenced

    def fence(self) -> None:
        """Have it run nothing more, once what is stuck on it returns, but the ends of actors."""
        self.fenced = self.closed = self._ending = True

    def abandon(self) -> None:
        """In a forked child, which has no such thread: only close its copies of the descriptors."""
        self.closed = self._ending = True
        self._ready.clear()
        self._sleeping = False
        self._waker.abandon()
        self.descriptors.close()

    def _run(self) -> None:
        here.loop = self
        while not (self.fenced or (self._ending and not self._ready)):
            try:
                self._turn()
            except BaseException as error:
                report(_log, error, "%s raised", "the loop")
        self.closed = True
        self._run_last()
        self._notify_idle()
        self.timers.clear()
        self._give_back()

    def _give_back(self) -> None:
        self._waker.close()
        self.descriptors.close()

    def _turn(self) -> None:
        if self._ready:
            self._run_ready()
        if self.timers and not self.fenced:
            self._poll_before_timers()
            for timer in self.timers.take_due(self._clock.now()):
                if not self.fenced:
                    self._guard(timer)
        if self._ready or self.fenced:
            if self.descriptors and not self.fenced:
                self._poll(0.0)
            return
        due = self.next_due = self.timers.next_time()
        timeout = None if due is None else self._clock.wait_for(due)
        self._sleeping = True  # from here on, whoever enqueues rings
        if self._ready or self._ending:
            self._sleeping = False
            return
        if timeout != 0.0:
            self._notify_idle()
        self._poll(timeout)

    def _poll_before_timers(self) -> None:
        """If one is due, what came in before it goes first: this process may have been stopped."""
        due = self.timers.next_time()
        if due is not None and due <= self._clock.now() and self.descriptors:
            self._poll(0.0)

    def _run_ready(self) -> None:
        ready = self._ready
        stint_over = _real_now() + self._stint
        while ready:
            item = ready.popleft()
            try:
                item.run()
            except BaseException as error:
                report(_log, error, "%s raised", item)
            if _real_now() > stint_over:
                break
        self.turns += 1

    def _poll(self, timeout: float | None) -> None:
        events = self.descriptors.wait(timeout)
        self._sleeping = False
        self.wakeups += 1
        for call in self.descriptors.calls(events):
            if self.fenced:
                return
            try:
                call()
            except BaseException as error:
                report(_log, error, "%s raised", call)

    def _run_last(self) -> None:
        """What came in between; behind a fence, only the ends of actors."""
        while self._ready:
            item = self._ready.popleft()
            if not (self.fenced and isinstance(item, _Call)):
                self._guard(item)

    def _guard(self, item: Runnable) -> None:
        try:
            item.run()
        except BaseException as error:
            report(_log, error, "%s raised", item)
        self.turns += 1

    def _notify_idle(self) -> None:
        while self._idle:
            self._idle.popleft()()

    def __repr__(self) -> str:
        state = "closed" if self.closed else "asleep" if self._sleeping else "running"
        return f"<Loop {self.name!r}: {state}, {len(self._ready)} runnable>"
