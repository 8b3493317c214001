"""Where a thread is that does not come back, for a log."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import traceback
from types import FrameType

from ._cell import Cell

__all__ = ["report_stuck", "stack_of"]

_log = logging.getLogger("actorch.dispatcher")


def stack_of(thread: threading.Thread) -> str:
    """Where a thread is, as Python shows stacks; empty if it has ended."""
    frame = _frame_of(thread)
    return "" if frame is None else "".join(traceback.format_stack(frame)).rstrip()


def report_stuck(dispatcher: object, thread: threading.Thread) -> None:
    """Log that one of a dispatcher's threads is left behind, whose actor holds it, and where."""
    frame = _frame_of(thread)
    text = "closed %s, but a handler is stuck in %s; its thread %r, a daemon, is left behind:\n%s"
    with contextlib.suppress(Exception):  # of an application's log handler
        _log.warning(text, dispatcher, _holder(frame), thread.name, stack_of(thread))


def _frame_of(thread: threading.Thread) -> FrameType | None:
    frames = sys._current_frames()  # pyright: ignore[reportPrivateUsage]  # documented by Python
    return frames.get(thread.ident or 0)


def _holder(frame: FrameType | None) -> str:
    """The actor whose handler is on that stack."""
    while frame is not None:
        if frame.f_code is Cell.run.__code__:
            cell: Cell = frame.f_locals["self"]
            return cell.mailbox.name
        frame = frame.f_back
    return "no actor"
