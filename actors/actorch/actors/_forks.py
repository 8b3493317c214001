"""Moments in which the app must not be forked."""

from __future__ import annotations

import os
import threading
from typing import Final

__all__ = ["no_fork"]

no_fork: Final = threading.RLock()
"""Held while this process has the other end of a socket to a keeper or a shim: a child forked then
would keep it open, and the end of that keeper or shim would go unseen. Held for milliseconds."""

os.register_at_fork(
    before=no_fork.acquire, after_in_parent=no_fork.release, after_in_child=no_fork.release
)
