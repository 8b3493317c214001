"""What is sent to an agent, whichever of its attempts goes on."""

from __future__ import annotations

from ._input import OpenInput
from ._messages import SendInput

__all__ = ["Inputs"]


class Inputs:
    """Gives what is sent to the attempt that runs, or keeps it for the one that comes."""

    def __init__(self) -> None:
        self._input: OpenInput | None = None
        self._waiting: list[SendInput] = []

    def begin(self, opened: OpenInput | None) -> None:
        """An attempt runs. Give it what has waited."""
        self._input = opened
        waiting, self._waiting = self._waiting, []
        for message in waiting:
            self.send(message)

    def pause(self) -> None:
        """It has ended."""
        self._input = None

    def send(self, message: SendInput) -> None:
        """Give it, or keep it."""
        if self._input is None:
            self._waiting.append(message)
            return
        self._input.send(message.data, message.told)
        if message.end:
            self._input.end()

    def close(self) -> None:
        """There will be no other attempt."""
        self._input = None
        for message in self._waiting:
            message.told(False)
        self._waiting.clear()

    def __repr__(self) -> str:
        return f"<Inputs, {len(self._waiting)} waiting>"
