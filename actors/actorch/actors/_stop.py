"""How an agent is told to end: signals and waits, and SIGKILL for what is left of its tree."""

from __future__ import annotations

import re
import signal
from collections.abc import Sequence
from typing import Final

import msgspec

from ._checks import check_int, check_seconds, is_list
from ._durations import parse_duration
from ._errors import SpecError
from ._exit import signal_name

__all__ = ["StopPlan", "StopStep"]

_STEPS: Final = 'signals and waits in turn, such as ["TERM", "5s", "KILL"]'
_ENDS: Final = f"a signal that ends programs; {_STEPS}"
_ENDS_NOTHING: Final = frozenset(
    f"SIG{name}"
    for name in ("CHLD", "CONT", "INFO", "STOP", "TSTP", "TTIN", "TTOU", "URG", "WINCH")
)
_SIGNAL: Final = re.compile(r"[A-Z][A-Z0-9+]*", re.ASCII)


class StopStep(msgspec.Struct, frozen=True):
    """One signal to the agent's process group, and the patience after it.

    Attributes:
        signal: the signal's number; one that ends programs.
        wait: seconds for the whole tree to be gone before the next step.

    Raises:
        SpecError: no such signal, one that ends nothing, or no sensible number of seconds.
    """

    signal: int
    wait: float

    def __post_init__(self) -> None:
        number = check_int("stop.signal", self.signal, 1, signal.NSIG - 1)
        if number not in signal.valid_signals() or signal_name(number) in _ENDS_NOTHING:
            raise SpecError("stop.signal", self.signal, _ENDS)
        wait = check_seconds("stop.wait", self.wait, zero=True)
        msgspec.structs.force_setattr(self, "signal", int(number))
        msgspec.structs.force_setattr(self, "wait", wait)


class StopPlan(msgspec.Struct, frozen=True):
    """The polite steps. SIGKILL for the whole tree always follows the last one.

    Attributes:
        steps: in their order; default SIGTERM and five seconds, as `docker stop` and systemd do
            with longer ones. Without any, the tree is killed at once.

    Raises:
        SpecError: `steps` is no list of `StopStep`.
    """

    steps: Sequence[StopStep] = (StopStep(signal.SIGTERM.value, 5.0),)

    def __post_init__(self) -> None:
        steps = is_list(self.steps)
        if steps is None or not all(isinstance(step, StopStep) for step in steps):
            allowed = "a list of StopStep; StopPlan.parse reads words"
            raise SpecError("stop.steps", self.steps, allowed)
        msgspec.structs.force_setattr(self, "steps", tuple(steps))

    @classmethod
    def parse(cls, value: object, key: str = "stop") -> StopPlan:
        """Read steps as people write them: ``["INT", "10s", "TERM", "5s", "KILL"]``.

        A string of words is taken apart at its spaces. ``KILL`` may be left out, since it is what
        follows anyway.

        Raises:
            SpecError: not signals and waits in turn, or a signal that ends nothing.
        """
        words = value.split() if isinstance(value, str) else is_list(value)
        if not words:
            raise SpecError(key, value, _STEPS)
        if words[-1] in ("KILL", "SIGKILL"):
            words.pop()
        if len(words) % 2:
            raise SpecError(key, value, _STEPS)
        pairs = zip(words[::2], words[1::2], strict=True)
        return cls(tuple(_step(name, wait, key) for name, wait in pairs))

    def __str__(self) -> str:
        return " ".join([*_words(self.steps), "SIGKILL"])

    __repr__ = __str__


def _step(name: object, wait: object, key: str) -> StopStep:
    return StopStep(_signal_number(name, key), parse_duration(key, wait, zero=True))


def _signal_number(name: object, key: str) -> int:
    if name in ("KILL", "SIGKILL"):
        raise SpecError(key, name, f"last and without a wait; {_STEPS}")
    if isinstance(name, str) and _SIGNAL.fullmatch(name):
        found = signal.Signals.__members__.get(name if name.startswith("SIG") else f"SIG{name}")
        if found is not None and found.name not in _ENDS_NOTHING:
            return found.value
    raise SpecError(key, name, _ENDS)


def _words(steps: Sequence[StopStep]) -> list[str]:
    return [word for step in steps for word in (signal_name(step.signal), _seconds(step.wait))]


def _seconds(wait: float) -> str:
    return f"{wait:f}".rstrip("0").rstrip(".") + "s"
