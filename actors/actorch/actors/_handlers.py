"""How an actor's cell handles each kind of item in its mailbox that is no plain message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Final

import pykka

from ._mailbox import Ask, StopRequest
from ._notices import ActorTimer, Death, EndRequest, Opening
from ._pending import is_coroutine
from ._proxied import PROXIED, PykkaStop, handle
from ._reasons import Normal

if TYPE_CHECKING:
    from ._actor import Actor
    from ._cell import Cell

__all__ = ["HANDLERS"]


def _answer(cell: Cell, actor: Actor, ask: Ask) -> None:
    if type(ask.message) is PykkaStop:
        cell.accept_stop(actor, Normal())
        cell.when_ended(ask.future, lambda _reason: ask.future.set(None))
        return
    cell.asked = ask
    try:
        answer = handle(actor, ask.message)
    except BaseException as error:
        _fail_once_ended(cell, ask, error)
        raise
    if is_coroutine(answer):
        cell.park(answer, partial(_give_answer, cell, ask), partial(_fail_and_raise, cell, ask))
    else:
        _give_answer(cell, ask, answer)


def _give_answer(cell: Cell, ask: Ask, answer: object) -> None:
    if cell.asked is ask:  # else it was stranded or given up, and whoever asked was told so
        cell.asked = None
        ask.future.set(answer)


def _fail_once_ended(cell: Cell, ask: Ask, error: BaseException) -> None:
    if cell.asked is not ask:
        return
    cell.asked = None
    info = (type(error), error, error.__traceback__)
    cell.when_ended(ask.future, lambda _reason: ask.future.set_exception(info))


def _fail_and_raise(cell: Cell, ask: Ask, error: BaseException) -> None:
    if cell.verdict is not None and not isinstance(error, Exception):
        # Cut short. A CancelledError would look as if whoever awaits the answer was cancelled.
        text = f"{cell.mailbox.name} was killed before it had answered"
        _fail_once_ended(cell, ask, pykka.ActorDeadError(text))
    else:
        _fail_once_ended(cell, ask, error)
    raise error


def _accept_stop(cell: Cell, actor: Actor, request: StopRequest) -> None:
    cell.when_ended(request.future, lambda _reason: request.future.set(True))
    cell.accept_stop(actor, request.reason)


def _accept_end(cell: Cell, actor: Actor, request: EndRequest) -> None:
    if request.cell is cell:
        cell.accept_stop(actor, request.reason)


def _accept_pykka_stop(cell: Cell, actor: Actor, _message: object) -> None:
    cell.accept_stop(actor, Normal())


def _mourn(cell: Cell, actor: Actor, death: Death) -> None:
    if (message := cell.mourned(death.message)) is not None:  # else unwatched meanwhile
        cell.hand(actor, message)


def _tick(cell: Cell, actor: Actor, timer: ActorTimer) -> None:
    if not timer.cancelled and timer.cell is cell:
        cell.hand(actor, timer.message)


def _open(cell: Cell, _actor: Actor, opening: Opening) -> None:
    if opening.cell is cell:
        cell.open(opening.future)


def _handle_proxied(cell: Cell, actor: Actor, message: object) -> None:
    if is_coroutine(answer := handle(actor, message)):
        cell.park(answer)


HANDLERS: Final[Mapping[type, Callable[..., object]]] = {
    Ask: _answer,
    StopRequest: _accept_stop,
    EndRequest: _accept_end,
    PykkaStop: _accept_pykka_stop,
    Death: _mourn,
    ActorTimer: _tick,
    Opening: _open,
    **dict.fromkeys(PROXIED, _handle_proxied),
}
"""What is not simply handed to `on_receive`: called with the cell, the actor and the item."""
