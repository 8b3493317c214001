"""Ending processes without the loop that should hear of their ends."""

from __future__ import annotations

import select
import threading
from collections.abc import Callable, Collection, Iterable
from typing import Final

from ._channel import Channel
from ._clock import SystemClock
from ._keeper_link import KeeperLink

__all__ = ["CLOSE_BOUND", "read_to_the_end", "sever"]

CLOSE_BOUND: Final = 15.0
"""Seconds that trees and keeper get to end in: 2 s of grace, 10 s of killing, and some for load."""


def read_to_the_end(
    over: threading.Event, channels: Callable[[], Iterable[Channel]], break_off: Callable[[], None]
) -> None:
    """Read what the loop cannot read for us, since it waits for us or has ended.

    Args:
        over: set once everybody is gone.
        channels: those that are open now.
        break_off: called when they take too long; it has `over` set.
    """
    clock = SystemClock()
    deadline = clock.now() + CLOSE_BOUND
    while not over.is_set():
        by_number = {channel.fileno(): channel for channel in channels()}
        poller = select.poll()
        for fd in by_number:
            poller.register(fd, select.POLLIN)
        ready = poller.poll(max(0.0, deadline - clock.now()) * 1000)
        for fd, _events in ready:
            by_number[fd].read()
        if not ready:
            break_off()


def sever(keepers: Collection[KeeperLink], channels: Collection[Channel]) -> None:
    """Take leave of keepers and shims: they end their trees, then themselves. Waits for that.

    What they say is not heard any more. For a loop that was fenced: nothing else uses the channels.

    Args:
        keepers: those that have not ended.
        channels: to them and to all their shims.
    """
    for channel in channels:
        channel.say_goodbye()
    _wait_for_ends({keeper.channel.fileno(): keeper.channel for keeper in keepers})
    for keeper in keepers:
        keeper.kill()
    for channel in channels:
        channel.abandon()


def _wait_for_ends(waiting: dict[int, Channel]) -> None:
    """Until the keepers are gone, which are the last to go, or take too long."""
    clock = SystemClock()
    deadline = clock.now() + CLOSE_BOUND
    poller = select.poll()
    for fd in waiting:
        poller.register(fd, select.POLLIN)
    while waiting and (left := deadline - clock.now()) > 0:
        for fd, _events in poller.poll(left * 1000):
            if not waiting[fd].skip():
                poller.unregister(fd)
                del waiting[fd]
