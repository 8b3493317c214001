"""The messages that pykka's own classes send: proxies, and pykka's way of saying stop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from pykka import messages

if TYPE_CHECKING:
    from ._actor import Actor

__all__ = ["PROXIED", "STOP", "PykkaStop", "handle"]

STOP: Final = messages._ActorStop()  # pyright: ignore[reportPrivateUsage]  # pykka names no other
"""Told to an actor, it ends it as `ActorRef.stop` does."""

PykkaStop: Final[type] = type(STOP)


def _follow(start: object, path: tuple[str, ...]) -> Any:
    found = start
    for name in path:
        found = getattr(found, name)
    return found


def _call(actor: Actor, message: messages.ProxyCall) -> object:
    return _follow(actor, message.attr_path)(*message.args, **message.kwargs)


def _get(actor: Actor, message: messages.ProxyGetAttr) -> object:
    return _follow(actor, message.attr_path)


def _set(actor: Actor, message: messages.ProxySetAttr) -> None:
    setattr(_follow(actor, message.attr_path[:-1]), message.attr_path[-1], message.value)


_HANDLERS: Final = {
    messages.ProxyCall: _call,
    messages.ProxyGetAttr: _get,
    messages.ProxySetAttr: _set,
}
PROXIED: Final = cast("Mapping[type[object], Callable[[Actor, object], object]]", _HANDLERS)
"""How each kind of message from a proxy is handled."""


def handle(actor: Actor, message: object) -> object:
    """What the actor has to say to a message, whether it comes from a proxy or not."""
    proxied = PROXIED.get(type(message))
    return actor.on_receive(message) if proxied is None else proxied(actor, message)
