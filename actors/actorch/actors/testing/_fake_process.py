"""A process that is none: it does what its script says, on the clock of its system."""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from .._dispatcher import Dispatcher
from .._exit import signal_name
from .._input import Outbox
from .._process_events import Ended, Lost, ProcessEvent, Spawned, SpawnFailed, SpawnOrder
from .._timers import Timer
from ._fake_input import FakeInput
from ._fake_script import FakeScript, Printing

__all__ = ["FakeProcess"]


class FakeProcess:
    """What an agent started, and what became of it. Made by `FakeProcesses`.

    Attributes:
        agent: the name of the agent.
        attempt: which of the agent's attempts it is, from 1.
        argv: the program, and its arguments.
        env: the whole environment.
        cwd: where it works.
        pid: a number that no process has.
    """

    def __init__(
        self,
        order: SpawnOrder,
        script: FakeScript,
        pid: int,
        dispatcher: Dispatcher,
        on_event: Callable[[ProcessEvent], None],
    ) -> None:
        self.agent = order.env["ACTORCH_AGENT"]
        self.attempt = int(order.env["ACTORCH_ATTEMPT"])
        self.argv = order.argv
        self.env = dict(order.env)
        self.cwd = order.cwd
        self.pid = pid
        self._script = script
        self._dispatcher = dispatcher
        self._on_event = on_event
        self._signals: list[int] = []
        self._left = deque(script.printings)
        self._last: ProcessEvent | None = None
        self._begun = 0.0
        self._timer: Timer | None = None
        self._outputs: dict[str, tuple[int, Outbox]] = {}
        self._input = FakeInput(dispatcher, None)
        if script.stage is None:
            self._input = FakeInput(dispatcher, order.stdin)
            self._outputs["stdout"] = self._output(order.stdout)
            same = order.stderr == order.stdout
            self._outputs["stderr"] = (
                self._outputs["stdout"] if same else self._output(order.stderr)
            )

    def _output(self, descriptor: int) -> tuple[int, Outbox]:
        own = os.dup(descriptor)
        return own, Outbox(self._dispatcher, own)

    @property
    def signals(self) -> tuple[signal.Signals, ...]:
        """Which signals it was sent, in their order."""
        return tuple(signal.Signals(number) for number in self._signals)

    @property
    def stdin(self) -> bytes:
        """What it was given to read: its prompt, or what was sent to it so far."""
        return self._input.data

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._last is None

    def begin(self) -> None:
        """Start, or fail to."""
        if (stage := self._script.stage) is not None:
            path = self.cwd if stage == "cwd" else self.argv[0]
            self._end(SpawnFailed(stage, self._script.errno, path))
        elif self.running:
            self._begun = self._dispatcher.clock.now()
            self._on_event(Spawned(self.pid, 0))
            self._go_on()

    def signal(self, signum: int) -> None:
        """Take note of it, and end of it, unless the script ignores it."""
        if self.running:
            self._signals.append(signum)
            if signum not in self._script.ignored:
                self._dispatcher.call_soon(self._end, _ended(None, signum))

    def kill(self) -> None:
        """End of SIGKILL."""
        if self.running:
            self._signals.append(signal.SIGKILL)
            self._dispatcher.call_soon(self._end, _ended(None, signal.SIGKILL, killed=1))

    def lose(self, reason: str) -> None:
        """End in a way that nobody knows."""
        self._end(Lost(reason, 0))

    def sever(self) -> None:
        """Let go of everything, and tell nobody: the loop is fenced."""
        self._last = self._last or Lost("severed", 0)
        self._input.sever()
        for descriptor, _ in set(self._outputs.values()):
            with suppress(OSError):
                os.close(descriptor)
        self._outputs.clear()

    def _go_on(self) -> None:
        """Set out to do what is next in the script."""
        script = self._script
        if not self.running:
            return
        if self._left and (script.after is None or self._left[0].after <= script.after):
            printing = self._left.popleft()
            self._at(printing.after, self._print, printing)
        elif not script.endless:
            last = _ended(script.code, script.signal)
            self._at(script.after or 0.0, self._end, last)

    def _at(self, after: float, step: Callable[..., object], *args: object) -> None:
        left = self._begun + after - self._dispatcher.clock.now()
        self._timer = self._dispatcher.call_later(left, step, *args)

    def _print(self, printing: Printing) -> None:
        if not self.running:
            return
        descriptor, outbox = self._outputs[printing.stream]

        def printed(written: bool) -> None:
            if written:
                now = self._dispatcher.clock.time()
                with suppress(OSError):  # it is no file
                    os.utime(descriptor, (now, now))
            self._go_on()

        outbox.put(printing.data, printed)

    def _end(self, event: SpawnFailed | Ended | Lost) -> None:
        if not self.running:
            return
        self._last = event
        if self._timer is not None:
            self._timer.cancel()
        self._input.close()
        for _, outbox in self._outputs.values():
            outbox.close()
        self._on_event(event)

    def __repr__(self) -> str:
        return f"<FakeProcess {self.agent} attempt {self.attempt}: {self._state()}>"

    def _state(self) -> str:
        match self._last:
            case None:
                return "running"
            case SpawnFailed(stage=stage):
                return f"not started: {stage}"
            case Ended(code=code, signal=signum):
                ended = "" if signum is None else f"ended by {signal_name(signum)}"
                return ended or f"exited with code {code}"
            case _:
                return "lost"


def _ended(code: int | None, signum: int | None, killed: int = 0) -> Ended:
    return Ended(
        code=code,
        signal=None if signum is None else int(signum),
        user_time=0.0,
        system_time=0.0,
        max_rss=0,
        leftovers=0,
        killed=killed,
    )
