"""When an agent's next attempt is due, if there is to be one."""

from __future__ import annotations

import random

from ._outcome import Outcome, deserves_retry
from ._spec import AgentSpec

__all__ = ["Retries"]


class Retries:
    """Applies an agent's retry policy. Its source of chance is its own.

    Args:
        spec: the agent's.
        seed: of the run.
    """

    def __init__(self, spec: AgentSpec, seed: int) -> None:
        self._spec = spec
        self._seed = f"{seed}:{spec.name}"
        self._random: random.Random | None = None

    def delay(self, outcome: Outcome, attempt: int) -> float | None:
        """Seconds between an attempt that ended like this and the next; None if there is none."""
        if not deserves_retry(self._spec, outcome, attempt):
            return None
        if self._random is None:  # most agents never need it
            self._random = random.Random(self._seed)
        return self._spec.retry.backoff.delay(attempt, self._random)

    def __repr__(self) -> str:
        return f"<Retries of {self._spec.name}>"
