"""How a process ended, and what follows from it.

Pure: from what happened (`Exit`, or a failure to start) to the class of the outcome. A signal is
never encoded in the exit code: 137 and "killed by signal 9" are two different ends.
"""

from __future__ import annotations

import errno
import signal
from collections.abc import Collection
from enum import Enum
from typing import Final

import msgspec

__all__ = ["Exit", "ExitClass", "classify_exit", "classify_spawn_failure", "signal_name"]

EX_TEMPFAIL: Final = 75
"""sysexits(3): a temporary failure, "the user is invited to retry"."""

_RETRYABLE_ERRNO: Final = frozenset(
    {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ETXTBSY, errno.EINTR}
)


class ExitClass(Enum):
    """What an ended attempt means for the next one."""

    SUCCESS = "success"
    """Ended by itself with one of the success codes."""
    TRANSIENT = "transient"
    """May well succeed next time: no memory for a fork, exit code 75, a lost shim."""
    TIMEOUT = "timeout"
    """Ended by actorch for taking or being silent too long. Transient, too."""
    EXIT = "exit"
    """Ended by itself with another code."""
    SIGNAL = "signal"
    """Ended by a signal that actorch did not send."""
    MEMORY = "memory"
    """Ended for taking more memory than its limit, by actorch or by the kernel."""
    OUTPUT = "output"
    """Ended for printing more than its limit, or what could not be written."""
    PERMANENT = "permanent"
    """The same again would fail the same way: no such command, no permission."""
    CANCELLED = "cancelled"
    """Ended because the run no longer wanted it."""


class Exit(msgspec.Struct, frozen=True, kw_only=True):
    """How a process, with its whole tree, ended.

    Attributes:
        code: the exit code, or None when a signal ended it.
        signal: the number of the signal that ended it, or None.
        requested: whether actorch had told it to end before it did.
        user_time: CPU seconds spent in user mode by the tree's reaped processes.
        system_time: CPU seconds spent in the kernel for them.
        max_rss: the largest resident set of any one of them, in bytes.
        leftovers: how many descendants were alive when the leader exited.
        killed: how many processes needed SIGKILL.
        survivors: processes that could not be ended, as "pid: reason".
    """

    code: int | None = None
    signal: int | None = None
    requested: bool = False
    user_time: float = 0.0
    system_time: float = 0.0
    max_rss: int = 0
    leftovers: int = 0
    killed: int = 0
    survivors: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.signal is not None:
            return f"ended by {signal_name(self.signal)}"
        return f"exit code {self.code}"

    __repr__ = __str__


def signal_name(number: int) -> str:
    """The name people know a signal by, such as SIGTERM; "signal 99" where it has none."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def classify_exit(end: Exit, success_codes: Collection[int]) -> ExitClass:
    """The class of an end that nobody asked for.

    What actorch ended itself is classified by why it did so, never by how the program took it: an
    agent that exits 0 on our SIGTERM has not succeeded.
    """
    if end.signal is not None:
        return ExitClass.SIGNAL
    if end.code in success_codes:
        return ExitClass.SUCCESS
    if end.code == EX_TEMPFAIL:
        return ExitClass.TRANSIENT
    return ExitClass.EXIT


def classify_spawn_failure(number: int) -> ExitClass:
    """Whether the errno of a failed start is one that passes by itself."""
    return ExitClass.TRANSIENT if number in _RETRYABLE_ERRNO else ExitClass.PERMANENT
