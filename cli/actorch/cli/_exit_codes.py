"""What `actorch` exits with, and which of these a finished run means."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from actorch.actors import AgentResult, SpawnError
    from actorch.supervisors import RunResult

__all__ = ["EXIT_CODES", "exit_code", "lone_exit_code"]

OK: Final = 0
NOT_MET: Final = 1
USAGE: Final = 2
TIMED_OUT: Final = 124
BROKEN: Final = 125
NOT_EXECUTABLE: Final = 126
NOT_FOUND: Final = 127
SIGNALLED: Final = 128
"""Added to a signal's number, as shells do."""
HANGUP: Final = 129
INTERRUPTED: Final = 130
CLOSED: Final = 141
TERMINATED: Final = 143

EXIT_CODES: Final[dict[int, str]] = {
    OK: "the verdict is `ok` or `degraded`: the quorum was met",
    NOT_MET: "the verdict is `failed`: the quorum was not met; with `--dry-run`: a command is "
    "not found; of `gc`: a process could not be ended; of `doctor`: something is wrong",
    USAGE: "the words, the variables or the fleet file are wrong; nothing was started",
    TIMED_OUT: "the verdict is `timed_out`: the run's deadline came first; or a lone command took "
    "longer than its timeout",
    BROKEN: "actorch itself failed, for instance because its output could not be written",
    NOT_EXECUTABLE: "a lone command cannot be executed",
    NOT_FOUND: "a lone command is not found",
    HANGUP: "stopped by SIGHUP, as when the terminal is closed",
    INTERRUPTED: "stopped by SIGINT, as by Ctrl-C",
    CLOSED: "whoever read the output closed it, as `| head` does",
    TERMINATED: "stopped by SIGTERM",
}
"""Every code of actorch's own, and its meaning."""


def exit_code(result: RunResult) -> int:
    """What the run of a fleet exits with."""
    from actorch.actors import RunError

    if result.error is not None:
        return BROKEN
    try:
        result.raise_for_verdict()
    except RunError as error:
        return error.exit_code
    return OK


def lone_exit_code(result: RunResult) -> int:
    """What a run of a single command exits with: the command's own code, wherever it has one."""
    from actorch.supervisors import Verdict

    if result.error is not None:
        return BROKEN
    if result.verdict is Verdict.TIMED_OUT:
        return TIMED_OUT
    return _code_of(result.agents[0]) if result.agents else BROKEN


def _code_of(agent: AgentResult) -> int:
    from actorch.actors import (
        AgentTimeoutError,
        CancelledError,
        NonZeroExitError,
        SignalExitError,
        SpawnError,
    )

    match agent.error:
        case None:
            return OK
        case NonZeroExitError():
            return agent.error.code
        case SignalExitError():
            return SIGNALLED + agent.error.signal
        case AgentTimeoutError():
            return TIMED_OUT
        case CancelledError():
            return INTERRUPTED
        case SpawnError():
            return _code_of_failed_start(agent.error)
        case _:
            return BROKEN


def _code_of_failed_start(error: SpawnError) -> int:
    if error.stage not in ("command", "interpreter", "exec"):
        return BROKEN
    missing = error.stage == "command" and error.errno == errno.ENOENT
    return NOT_FOUND if missing else NOT_EXECUTABLE
