"""Where an agent is to resume: looked up in what its last attempt printed."""

from __future__ import annotations

from typing import Final

from actorch.actors import AgentResult
from actorch.actors._output import read_part

from ._restart_context import find_token

__all__ = ["token_of"]

END: Final = 256 * 1024
"""Bytes at the end of the output that are looked at first."""
START: Final = 64 * 1024
"""Bytes at its start that are looked at next: agents name their session early."""


def token_of(pattern: str, result: AgentResult) -> str | None:
    """What the group of `pattern` holds in its last match in the output of the last attempt.

    The end of standard output is looked at first, then its start, then standard error the same way.

    Returns:
        None if it matches nowhere there.
    """
    if not result.attempts:
        return None
    last = result.attempts[-1]
    for path in dict.fromkeys((last.stdout_path, last.stderr_path)):
        for text in (read_part(path, END, at_end=True), read_part(path, START, at_end=False)):
            if (token := find_token(pattern, text)) is not None:
                return token
    return None
