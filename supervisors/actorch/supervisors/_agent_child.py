"""The actor of an agent that is somebody's child: one run of one agent for each incarnation."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import ClassVar, Final, Protocol

import msgspec
import pykka

from actorch.actors import Actor, AgentSpec, ExitReason, Future, RetryPolicy
from actorch.actors._mailbox import Notice

from ._agent_reason import reason_of
from ._fleet import RunSpec
from ._handle import Run
from ._resume import token_of

__all__ = ["AgentChild", "AgentRunner", "CurrentRun"]

ONCE: Final = RetryPolicy(max_attempts=1)


class AgentRunner(Protocol):
    """What starts runs: an `ActorSystem`."""

    def __call__(self, spec: RunSpec, on_up: Callable[[], object]) -> Run:
        """Start a run; `on_up` is called on the loop once the agent's process runs."""
        ...


class CurrentRun(msgspec.Struct, frozen=True):
    """Ask an agent's ref for the `Run` of its incarnation."""


class _Over(Notice):
    """A run is over: its process tree is gone.

    One that was killed may be over only after the next incarnation has begun, in its mailbox.
    """

    __slots__ = ("run",)

    def __init__(self, run: Run) -> None:
        self.run: Final = run


class AgentChild(Actor):
    """Runs an agent once. Its supervisor decides what follows, so its retry policy is put aside.

    Text and bytes that it is told are written to the agent's standard input.

    Args:
        spec: the agent's.
        name: of the run: the id of the child.
        runner: starts the run.
        resume: a regular expression for `token_of`; None for nothing to look for.
        keep_token: called with the token that the output has, if it has one.
    """

    sure_to_end: ClassVar[bool] = True

    def __init__(
        self,
        spec: AgentSpec,
        name: str,
        runner: AgentRunner,
        resume: str | None,
        keep_token: Callable[[str], object],
    ) -> None:
        super().__init__()
        self._spec = msgspec.structs.replace(spec, retry=ONCE)
        self._name = name
        self._runner = runner
        self._resume = resume
        self._keep_token = keep_token
        self._up = Future[None]()
        self._over = Future[None]()
        self._run: Run | None = None
        self._stopping = False

    def on_start(self) -> Future[None]:  # type: ignore[override]
        """Start the run. The actor has started once the process runs."""
        run = self._run = self._runner(RunSpec((self._spec,), name=self._name), self._on_up)
        run.add_done_callback(lambda: self._on_over(run))
        return self._up

    def _on_up(self) -> None:
        if not self._up.done():
            self._up.set(None)

    def _on_over(self, run: Run) -> None:
        with suppress(Exception):  # there is no result: `_end` meets with the same, and says so
            self._look_for_token(run)
        self._over.set(None)
        try:
            self.actor_ref.notify(_Over(run))
        except pykka.ActorDeadError:
            return

    def _look_for_token(self, run: Run) -> None:
        if self._resume is None:
            return
        token = token_of(self._resume, run.results()[self._spec.name])
        if token is not None:
            self._keep_token(token)

    def on_receive(self, message: object) -> object:
        """Handle one message."""
        match message:
            case _Over():
                if message.run is self._run:
                    self._end()
            case CurrentRun():
                return self._run
            case str() | bytes() if self._run is not None and self._spec.stdin == "open":
                return self._run.send(self._spec.name, message)
            case _:  # a slip of somebody else's is no reason to end the agent
                self._cell.mailbox.bury(message, "not understood")
        return None

    def _end(self) -> None:
        assert self._run is not None
        result = self._run.results()[self._spec.name]
        self.leave(reason_of(result, requested=self._stopping))

    def on_stop_request(self, reason: ExitReason) -> bool:
        """Have the agent stopped by its own steps; end once its tree is gone."""
        self._stopping = True
        if self._run is not None:
            self._run.stop()
        return self._run is not None

    def on_stop(self) -> Future[None] | None:  # type: ignore[override]
        """If it was killed, kill the tree, and end once that is gone."""
        if self._run is None or self._run.done():
            return None
        self._run.kill()
        return self._over

    def on_failure(  # type: ignore[override]
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> Future[None] | None:
        """Whatever went wrong here, leave no process behind."""
        return self.on_stop()

    def __repr__(self) -> str:
        return f"<AgentChild {self._spec.name}: {self._run!r}>"
