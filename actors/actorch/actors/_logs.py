"""Log records that carry run, agent, attempt and pid as fields. actorch configures no logging."""

from __future__ import annotations

import contextlib
import logging

__all__ = ["log_about"]


def log_about(
    logger: logging.Logger,
    level: int,
    text: str,
    *,
    run: str | None = None,
    agent: str | None = None,
    attempt: int | None = None,
    pid: int | None = None,
) -> None:
    """Log `text` with all four fields set on the record, None where they do not apply.

    An application's log handler that raises does no harm.
    """
    if logger.isEnabledFor(level):
        fields = {"run": run, "agent": agent, "attempt": attempt, "pid": pid}
        with contextlib.suppress(Exception):
            logger.log(level, "%s", text, extra=fields, stacklevel=2)
