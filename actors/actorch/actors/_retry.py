"""Whether a failed attempt is followed by another one, and after how long."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

import msgspec

from ._checks import check_int, check_number, check_seconds, check_type, is_list
from ._errors import SpecError
from ._exit import ExitClass

__all__ = ["Backoff", "RetryOn", "RetryPolicy"]

MOST: Final = 1_000_000
"""The most attempts, and the largest factor."""

_WANTED: Final[dict[str, frozenset[ExitClass]]] = {
    "transient": frozenset({ExitClass.TRANSIENT, ExitClass.TIMEOUT}),
    "timeout": frozenset({ExitClass.TIMEOUT}),
    "exit": frozenset({ExitClass.EXIT}),
    "signal": frozenset({ExitClass.SIGNAL}),
    "memory": frozenset({ExitClass.MEMORY}),
    "output": frozenset({ExitClass.OUTPUT}),
    "any": frozenset(
        {
            ExitClass.TRANSIENT,
            ExitClass.TIMEOUT,
            ExitClass.EXIT,
            ExitClass.SIGNAL,
            ExitClass.MEMORY,
            ExitClass.OUTPUT,
        }
    ),
    "never": frozenset(),
}
_ALLOWED: Final = f"one or more of {', '.join(_WANTED)}, or exit codes from 1 to 255"

RetryOn: TypeAlias = str | int | Sequence[str | int]
"""Words from `RetryPolicy.retry_on`, exit codes, or several of both."""


class Backoff(msgspec.Struct, frozen=True):
    """Waits that grow. The terms are Akka's.

    Attributes:
        initial: seconds to wait after the first attempt.
        factor: what each further wait is multiplied by; 1 or more.
        cap: the longest wait, in seconds.
        jitter: "full" draws evenly from 0 to the wait, so that agents that failed together do not
            come back together; "none" waits exactly that long.

    Raises:
        SpecError: names the field, the value, and what is allowed.
    """

    initial: float = 1.0
    factor: float = 2.0
    cap: float = 60.0
    jitter: Literal["full", "none"] = "full"

    def __post_init__(self) -> None:
        for key in ("initial", "cap"):
            seconds = check_seconds(f"retry.backoff.{key}", getattr(self, key), zero=True)
            msgspec.structs.force_setattr(self, key, seconds)
        factor = check_number("retry.backoff.factor", self.factor, 1, MOST)
        msgspec.structs.force_setattr(self, "factor", factor)
        if self.jitter not in ("full", "none"):
            raise SpecError("retry.backoff.jitter", self.jitter, '"full" or "none"')

    def delay(self, attempt: int, source: random.Random) -> float:
        """Seconds to wait after attempt number `attempt`; draws once from `source` for jitter."""
        wait = self._longest(attempt)
        return wait * source.random() if self.jitter == "full" else wait

    def _longest(self, attempt: int) -> float:
        try:
            return min(self.cap, self.initial * self.factor ** (attempt - 1))
        except OverflowError:  # so large is only the power, and 0 times anything is 0
            return self.cap if self.initial else 0.0


class RetryPolicy(msgspec.Struct, frozen=True):
    """When an attempt without success is followed by another one.

    Attributes:
        max_attempts: how many there may be in all, the first included.
        retry_on: ``transient`` (what passes by itself: no memory for a fork, exit code 75, a lost
            shim, a timeout), ``timeout``, ``exit`` (any other exit code), ``signal`` (a signal that
            actorch did not send), ``memory`` (its memory_max), ``output`` (its output_max, or a
            full disk), ``any``, ``never``, exit codes, or
            several of these. What would fail the same way again (no such command, no permission) is
            never tried again, nor is what was cancelled.
        backoff: how long to wait before the next attempt.

    Raises:
        SpecError: names the field, the value, and what is allowed.
    """

    max_attempts: int = 3
    retry_on: RetryOn = ("transient",)
    backoff: Backoff = Backoff()

    def __post_init__(self) -> None:
        check_int("retry.max_attempts", self.max_attempts, 1, MOST)
        msgspec.structs.force_setattr(self, "retry_on", _conditions(self.retry_on))
        check_type("retry.backoff", self.backoff, Backoff)

    def wants(self, exit_class: ExitClass, code: int | None) -> bool:
        """Whether an attempt that ended like this deserves another one, if any are left."""
        by_code = exit_class in (ExitClass.EXIT, ExitClass.TRANSIENT)
        return any(
            exit_class in _WANTED[one] if isinstance(one, str) else by_code and one == code
            for one in _conditions(self.retry_on)
        )


def _conditions(value: object) -> tuple[str | int, ...]:
    several = [value] if isinstance(value, str | int) else is_list(value)
    return tuple(_condition(one) for one in several or [value])


def _condition(value: object) -> str | int:
    if isinstance(value, str) and value in _WANTED:
        return value
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 255:
        return value
    raise SpecError("retry.retry_on", value, _ALLOWED)
