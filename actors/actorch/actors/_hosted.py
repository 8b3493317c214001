"""pykka's own actors, as they are, under our supervision."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import pykka

from ._actor import Actor

__all__ = ["hosted"]

_OURS: Final = ("_create_actor_inbox", "_create_future", "_start_actor_loop")
"""What pykka has the classes of actors say about how they run."""


@cache
def hosted(actor_class: type[pykka.ThreadingActor]) -> type[Actor]:
    """A subclass of a `pykka.ThreadingActor` that a dispatcher can run, on a thread of its own.

    The class keeps its name and all it does; what pykka would have done around it, we do: see
    `Actor`. While it lives, its ref stands in `pykka.ActorRegistry`, as its users expect.
    """
    ours: dict[str, Any] = {
        "__module__": actor_class.__module__,
        "__qualname__": actor_class.__qualname__,
        "__doc__": actor_class.__doc__,
        "blocking": True,
        **{name: vars(Actor)[name] for name in _OURS},
    }
    return type(actor_class.__name__, (actor_class, Actor), ours)
