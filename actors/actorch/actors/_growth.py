"""From grown files to `agent_output` events; costs nothing while nobody is connected."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TypeAlias

from ._dispatcher import Dispatcher
from ._errors import DispatcherClosedError
from ._events import AgentOutput, Events
from ._follow import Follower
from ._output import file_size

__all__ = ["Growth"]

Look: TypeAlias = Callable[[], None]


class Growth:
    """Follows the output of running attempts for whoever listens. Lives on the loop's thread.

    It begins when the first one connects, and ends when it finds that nobody is left.
    """

    def __init__(self, dispatcher: Dispatcher, events: Events) -> None:
        self._dispatcher = dispatcher
        self._events = events
        self._follower: Follower | None = None
        self._files: dict[str, tuple[AgentOutput, Look | None]] = {}
        self._heard = False
        events.on_wanted(AgentOutput, self._on_wanted)

    def begin(self, output: AgentOutput, look: Look | None = None) -> None:
        """An attempt starts to write these files; `look` is called when they have grown."""
        self._heard = self._events.wants(AgentOutput)
        for path in (output.stdout_path, output.stderr_path):
            self._files[path] = output, look
        if self._heard or look is not None:
            self._follow(output)

    def end(self, output: AgentOutput) -> None:
        """The attempt is over: announce what it wrote last."""
        known = output.stdout_path in self._files
        for path in (output.stdout_path, output.stderr_path):
            self._files.pop(path, None)
            if self._follower is not None:
                self._follower.unfollow(path)
        if known:
            self._announce(output)

    def close(self) -> None:
        """Give the descriptor back."""
        if self._follower is not None:
            self._follower.close()
            self._follower = None

    def _on_wanted(self) -> None:
        with suppress(DispatcherClosedError):
            self._dispatcher.call_soon(self._catch_up)

    def _catch_up(self) -> None:
        """The first one has connected: follow what is under way, and tell what has been missed."""
        if self._heard or not self._events.wants(AgentOutput):
            return
        self._heard = True
        for output, _look in self._under_way(self._files):
            self._follow(output)
            self._announce(output)

    def _follow(self, output: AgentOutput) -> None:
        if self._follower is None:
            self._follower = Follower(self._dispatcher, self._on_growth)
        for path in dict.fromkeys((output.stdout_path, output.stderr_path)):
            self._follower.follow(path)

    def _announce(self, output: AgentOutput) -> None:
        if not self._events.wants(AgentOutput):
            return
        if file_size(output.stdout_path) or file_size(output.stderr_path):
            self._events.publish(output)

    def _on_growth(self, paths: set[str]) -> None:
        self._heard = self._events.wants(AgentOutput)
        if not self._heard and all(look is None for _output, look in self._files.values()):
            self.close()
        for output, look in self._under_way(paths):
            if look is not None:
                look()
            self._events.publish(output)

    def _under_way(self, paths: Iterable[str]) -> list[tuple[AgentOutput, Look | None]]:
        """The attempts that these files are of, each once."""
        found = [self._files[path] for path in paths if path in self._files]
        return list({id(one[0]): one for one in found}.values())

    def __repr__(self) -> str:
        return f"<Growth of {len(self._files)} files>"
