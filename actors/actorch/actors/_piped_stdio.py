"""Pipes and terminals: the app reads them, and writes what comes to the same files."""

from __future__ import annotations

import os
import termios
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Final

from ._dispatcher import Dispatcher
from ._output import OutputPaths
from ._pump import Pump, widen
from ._stdio import CREATE, AttemptFiles
from ._timers import Timer

__all__ = ["PipeStdio", "PtyStdio"]

QUIET: Final = 0.1
"""Seconds without a byte after which nothing more is expected of an agent that has ended."""
DRAIN: Final = 2.0
"""Seconds after which it is not waited for any longer, since another process holds the pipe."""
_LOCAL_FLAGS: Final = 3
_LINES, _COLUMNS = 24, 80


class PipeStdio:
    """Pipes, each pumped into its file.

    The end of an agent is told by its shim and never by the end of the pipe, which another process
    may hold open. What is in the pipe by then is moved, and a little later nothing is waited for.

    Args:
        dispatcher: whose loop moves the bytes.
        paths: the files.
        on_trouble: told why a file cannot be written to.
    """

    def __init__(
        self, dispatcher: Dispatcher, paths: OutputPaths, on_trouble: Callable[[str], None]
    ) -> None:
        self._dispatcher = dispatcher
        self._paths = paths
        self._on_trouble = on_trouble
        self._pumps: list[Pump] = []
        self._timers: list[Timer] = []
        self._then: Callable[[], object] | None = None

    @contextmanager
    def open(self, stdin: int | None) -> Generator[AttemptFiles]:
        """Make files and pipes, and begin to move."""
        ends: list[int] = []
        try:
            ends.extend(self._pump_from(self._new_pipe, path) for path in self._paths.each)
            yield AttemptFiles(stdin, ends[0], ends[-1])
        except BaseException:
            self.close()
            raise
        finally:
            for end in ends:
                os.close(end)

    def finish(self, then: Callable[[], object]) -> bool:
        """Move what is left."""
        for pump in self._pumps:
            pump.pull()
        if all(pump.ended for pump in self._pumps):
            return True
        self._then = then
        self._timers = [self._dispatcher.call_later(DRAIN, self._give_up)]
        self._wait_a_little()
        return False

    def close(self) -> None:
        """Close everything."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        for pump in self._pumps:
            pump.close()

    def _new_pipe(self) -> tuple[int, int]:
        source, end = os.pipe()
        widen(source)
        return source, end

    def _pump_from(self, make: Callable[[], tuple[int, int]], path: str) -> int:
        """The end that the agent gets of what `make` makes; the other one leads to the file."""
        target = os.open(path, CREATE, 0o600)
        try:
            source, end = make()
        except BaseException:
            os.close(target)
            raise
        told = self._on_moved, self._on_trouble
        self._pumps.append(Pump(self._dispatcher, source, target, *told))
        return end

    def _on_moved(self) -> None:
        if self._then is None:
            return
        if all(pump.ended for pump in self._pumps):
            self._give_up()
        else:
            self._wait_a_little()

    def _wait_a_little(self) -> None:
        for timer in self._timers[1:]:
            timer.cancel()
        self._timers[1:] = [self._dispatcher.call_later(QUIET, self._give_up)]

    def _give_up(self) -> None:
        then, self._then = self._then, None
        self.close()
        if then is not None:
            then()

    def __repr__(self) -> str:
        open_ = sum(not pump.ended for pump in self._pumps)
        return f"<{type(self).__name__} to {self._paths.stdout}, {open_} open>"


class PtyStdio(PipeStdio):
    """A terminal of the agent's own, with both streams on it.

    Lines end with CR LF, as on every terminal. What is sent is not echoed.

    Args:
        dispatcher: whose loop moves the bytes.
        paths: the file, twice.
        on_trouble: told why it cannot be written to.
        env: the agent's environment; LINES and COLUMNS there are the size of the window.
        spoken_to: whether its standard input is the terminal, too.

    Attributes:
        keyboard: what is written to it is as if typed; -1 if nobody speaks to it.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        paths: OutputPaths,
        on_trouble: Callable[[str], None],
        env: Mapping[str, str],
        spoken_to: bool = False,
    ) -> None:
        super().__init__(dispatcher, paths, on_trouble)
        self._spoken_to = spoken_to
        self._size = _number(env.get("LINES"), _LINES), _number(env.get("COLUMNS"), _COLUMNS)
        self.keyboard = -1
        self._held = -1

    @contextmanager
    def open(self, stdin: int | None) -> Generator[AttemptFiles]:
        """Make the file and the terminal, and begin to move.

        The agent's side stays open here, too, until the agent has ended. Were it only the agent's,
        and closed by it, the terminal would seem to have ended, be closed, and hang up: SIGHUP to
        an agent that is about to exit.
        """
        end = self._held = self._pump_from(self._new_terminal, self._paths.stdout)
        try:
            yield AttemptFiles(end if self._spoken_to else stdin, end, end)
        except BaseException:
            self.close()
            raise

    def finish(self, then: Callable[[], object]) -> bool:
        """Move what is left."""
        self._let_go()
        return super().finish(then)

    def close(self) -> None:
        """Close everything."""
        super().close()
        self._let_go()
        if self.keyboard >= 0:
            os.close(self.keyboard)
            self.keyboard = -1

    def _let_go(self) -> None:
        if self._held >= 0:
            os.close(self._held)
            self._held = -1

    def _new_terminal(self) -> tuple[int, int]:
        source, end = os.openpty()
        try:
            self._set_up(source, end)
        except BaseException:
            os.close(source)
            os.close(end)
            raise
        return source, end

    def _set_up(self, source: int, end: int) -> None:
        attributes = termios.tcgetattr(end)
        attributes[_LOCAL_FLAGS] &= ~termios.ECHO
        termios.tcsetattr(end, termios.TCSANOW, attributes)
        termios.tcsetwinsize(end, self._size)
        if self._spoken_to:
            self.keyboard = os.dup(source)


def _number(text: str | None, default: int) -> int:
    fits = text is not None and text.isascii() and text.isdecimal() and 0 < int(text) < 10_000
    return int(text or 0) if fits else default
