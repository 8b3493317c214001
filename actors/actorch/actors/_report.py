"""Logging an exception that has nowhere else to go."""

from __future__ import annotations

import contextlib
import logging

__all__ = ["report"]


def report(log: logging.Logger, error: BaseException, text: str, *args: object) -> None:
    """Log `error` with its traceback. An application's log handler that raises does no harm."""
    with contextlib.suppress(Exception):
        log.error(text, *args, exc_info=error)
