"""From grown files to `agent_output` events; costs nothing while nobody is connected."""

from __future__ import annotations

import os
from collections.abc import Callable

from ._dispatcher import Dispatcher
from ._events import AgentOutput, Events
from ._follow import Follower
from ._output import file_size

__all__ = ["Growth"]


class Growth:
    """Follows the output of running attempts for whoever listens. Lives on the loop's thread."""

    def __init__(self, dispatcher: Dispatcher, events: Events) -> None:
        self._dispatcher = dispatcher
        self._events = events
        self._follower: Follower | None = None
        self._files: dict[str, tuple[AgentOutput, Callable[[], None] | None]] = {}

    def begin(self, output: AgentOutput, look: Callable[[], None] | None = None) -> None:
        """An attempt starts to write these files; `look` is called when they have grown."""
        if look is None and not self._events.wants(AgentOutput):
            return
        if self._follower is None:
            self._follower = Follower(self._dispatcher, self._on_growth)
        self._follower.watch(os.path.dirname(output.stdout_path))
        for path in (output.stdout_path, output.stderr_path):
            self._files[path] = output, look
            self._follower.follow(path)

    def end(self, output: AgentOutput) -> None:
        """The attempt is over: announce what it wrote last."""
        if self._follower is None or output.stdout_path not in self._files:
            return
        for path in (output.stdout_path, output.stderr_path):
            self._files.pop(path, None)
            self._follower.unfollow(path)
        if file_size(output.stdout_path) or file_size(output.stderr_path):
            self._events.publish(output)

    def forget(self, directory: str) -> None:
        """Nothing in this directory will grow any more."""
        if self._follower is not None:
            self._follower.unwatch(directory)

    def close(self) -> None:
        """Give the descriptor back."""
        if self._follower is not None:
            self._follower.close()
            self._follower = None

    def _on_growth(self, paths: set[str]) -> None:
        grown = {id(found[0]): found for path in paths if (found := self._files.get(path))}
        for output, look in grown.values():
            if look is not None:
                look()
            self._events.publish(output)

    def __repr__(self) -> str:
        return f"<Growth of {len(self._files)} files>"
