"""Starts processes that are none, in the place of a `ProcessHost`."""

from __future__ import annotations

import threading
from collections.abc import Callable

from .._dispatcher import Dispatcher
from .._errors import DispatcherClosedError
from .._isolation import Machine
from .._process_events import ProcessEvent, SpawnOrder
from .._sever import CLOSE_BOUND
from ._fake_machine import FakeMachine
from ._fake_process import FakeProcess

__all__ = ["FakeHost"]

Cast = Callable[[SpawnOrder, Dispatcher, Callable[[ProcessEvent], None]], FakeProcess]


class FakeHost:
    """Those of one system.

    Args:
        dispatcher: the system's.
        cast: makes a process, and takes note of it.
    """

    def __init__(self, dispatcher: Dispatcher, cast: Cast) -> None:
        self._dispatcher = dispatcher
        self._cast = cast
        self._processes: list[FakeProcess] = []
        self._closing = False
        self._all_gone = threading.Event()

    def machine(self) -> Machine:
        """One that has everything."""
        return FakeMachine()

    def spawn(self, order: SpawnOrder, on_event: Callable[[ProcessEvent], None]) -> FakeProcess:
        """Start what is no process.

        Raises:
            DispatcherClosedError: the host is closed.
        """
        if self._closing:
            raise DispatcherClosedError("this FakeHost is closed")
        process = self._cast(order, self._dispatcher, on_event)
        self._processes = [one for one in self._processes if one.running] + [process]
        self._dispatcher.call_soon(process.begin)
        return process

    def prewarm(self, shims: int) -> None:
        """There is nothing to warm."""

    def close(self) -> None:
        """End all that still run."""
        self._closing = True
        try:
            self._dispatcher.call_soon(self._end_all)
        except DispatcherClosedError:
            self.sever()
        else:
            self._all_gone.wait(CLOSE_BOUND)

    def sever(self) -> None:
        """The same where the loop is fenced."""
        self._closing = True
        for process in self._processes:
            process.sever()

    def _end_all(self) -> None:
        for process in self._processes:
            process.lose("the host was closed")
        self._all_gone.set()

    def __repr__(self) -> str:
        running = sum(process.running for process in self._processes)
        return f"<FakeHost {'closed' if self._closing else f'{running} running'}>"
