"""What is left of an agent when it is over: its attempts, its end, its output."""

from __future__ import annotations

import msgspec

from ._errors import AgentError
from ._exit import Exit, ExitClass
from ._output import read_text, tail_lines
from ._states import AgentState

__all__ = ["AgentResult", "AttemptResult"]


class AttemptResult(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt: one process, from its start until its whole tree was gone.

    Attributes:
        number: 1 for the first.
        state: the final state the attempt alone would have given the agent.
        pid: the leader's process id, or None if it never ran.
        exit: how it ended, or None if it never ran or nobody knows.
        error_class: the `kind` of its error, or None after a success.
        error: one sentence about it, or None after a success.
        exit_class: what the end means for the next attempt.
        started: seconds since the epoch.
        duration: seconds from the start to the proof that the tree was gone.
        stdout_path: the file that holds what it printed.
        stderr_path: the file that holds what it complained; the same where streams are merged.
        stdout_bytes: how much that file holds at the end. If nothing, there is no such file.
        stderr_bytes: how much that file holds at the end; 0 if both streams are in one file.
        truncated: bytes that were printed and are not kept, since they were more than `output_max`.
        backoff: seconds to wait before the next attempt, None if there is none.
        survivors: processes of its tree that could not be ended, as "pid: reason".
    """

    number: int
    state: AgentState
    exit_class: ExitClass
    started: float
    duration: float
    stdout_path: str
    stderr_path: str
    pid: int | None = None
    exit: Exit | None = None
    error_class: str | None = None
    error: str | None = None
    stdout_bytes: int = 0
    stderr_bytes: int = 0
    truncated: int = 0
    backoff: float | None = None
    survivors: tuple[str, ...] = ()


class AgentResult(msgspec.Struct, frozen=True, kw_only=True):
    """How one agent ended.

    Attributes:
        name: the agent's name.
        state: succeeded, failed, timed_out, cancelled, lost or interrupted.
        attempts: every attempt, first to last; empty if none was started.
        error: why it did not succeed, or None if it did.
        duration: seconds from its first start to its end, backoffs included.
    """

    name: str
    state: AgentState
    attempts: tuple[AttemptResult, ...] = ()
    error: AgentError | None = None
    duration: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether it succeeded."""
        return self.state is AgentState.SUCCEEDED

    @property
    def exit(self) -> Exit | None:
        """How the last attempt's process ended; None if none ran or nobody knows."""
        return self.attempts[-1].exit if self.attempts else None

    @property
    def stdout_path(self) -> str | None:
        """The file with the last attempt's standard output."""
        return self.attempts[-1].stdout_path if self.attempts else None

    @property
    def stderr_path(self) -> str | None:
        """The file with the last attempt's standard error."""
        return self.attempts[-1].stderr_path if self.attempts else None

    @property
    def stdout(self) -> str:
        """The last attempt's whole standard output, bytes that are no UTF-8 replaced.

        Read from the file each time: the exact bytes stay there.
        """
        return read_text(self.stdout_path)

    @property
    def stderr(self) -> str:
        """The last attempt's whole standard error, bytes that are no UTF-8 replaced."""
        return read_text(self.stderr_path)

    @property
    def note(self) -> str:
        """A few words on why it failed, on what it left behind, and on what could not be ended."""
        parts = [self.error.message] if self.error is not None else []
        if self.exit is not None and self.exit.leftovers and not self.exit.requested:
            count = self.exit.leftovers
            parts.append(f"left {count} {'process' if count == 1 else 'processes'} behind")
        if alive := [one for attempt in self.attempts for one in attempt.survivors]:
            parts.append(f"could not be ended: {', '.join(alive)}")
        return "; ".join(parts)

    def tail(self, lines: int = 10) -> list[str]:
        """The last lines of standard error, or of standard output where that is empty."""
        return tail_lines(self.stderr_path, lines) or tail_lines(self.stdout_path, lines)

    def __repr__(self) -> str:
        tries = f", {len(self.attempts)} attempts" if len(self.attempts) > 1 else ""
        why = f": {self.error.message}" if self.error else ""
        return f"<AgentResult {self.name} {self.state.value} in {self.duration:.2f} s{tries}{why}>"
