"""The Sentinel actor: it outlives the root, and tells the system of its end."""

from __future__ import annotations

from collections.abc import Callable

from actorch.actors import Actor, ActorRef, Terminated

__all__ = ["Sentinel"]


class Sentinel(Actor):
    """Watches one actor.

    Args:
        ref: whom to watch.
        on_end: called on the dispatcher's thread once it has ended.
    """

    def __init__(self, ref: ActorRef[Actor], on_end: Callable[[], object]) -> None:
        super().__init__()
        self._ref = ref
        self._on_end = on_end

    def on_start(self) -> None:
        """Watch."""
        self.watch(self._ref)

    def on_receive(self, message: object) -> object:
        """Tell."""
        if isinstance(message, Terminated):
            self._on_end()
            return None
        return super().on_receive(message)

    def __repr__(self) -> str:
        return f"<Sentinel of {self._ref}>"
