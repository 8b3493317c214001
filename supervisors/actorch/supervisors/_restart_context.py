"""What the next incarnation of a child may know of those before it. Pure."""

from __future__ import annotations

import re
import sys

import msgspec

from actorch.actors import ExitReason
from actorch.actors._checks import check_int, check_string, check_type, string_problem

__all__ = ["RestartContext", "find_token"]


class RestartContext(msgspec.Struct, frozen=True):
    """Given to the factory of a child each time that it is started.

    Attributes:
        incarnation: how many times the child has been started, this one included.
        attempt: how many times since it was last healthy, this one included.
        last_exit: how the incarnation before this one ended; None for the first.
        resume_token: what it printed that `ChildSpec.resume` looks for, such as a session's id.

    Raises:
        SpecError: names the field, the value, and what is allowed.
    """

    incarnation: int = 1
    attempt: int = 1
    last_exit: ExitReason | None = None
    resume_token: str | None = None

    def __post_init__(self) -> None:
        check_int("context.incarnation", self.incarnation, 1, sys.maxsize)
        check_int("context.attempt", self.attempt, 1, sys.maxsize)
        if self.last_exit is not None:
            check_type("context.last_exit", self.last_exit, ExitReason)
        if self.resume_token is not None:
            check_string("context.resume_token", self.resume_token)

    def __repr__(self) -> str:
        after = "" if self.last_exit is None else f" after {type(self.last_exit).__name__}"
        return f"<RestartContext incarnation {self.incarnation}, attempt {self.attempt}{after}>"


def find_token(pattern: str, text: str) -> str | None:
    """What the one group of `pattern` holds in its last match in `text`.

    Returns:
        None if nothing matches, if the group had no part in the last match, or if no program can
        be given what it holds.
    """
    token: str | None = None
    for match in re.finditer(pattern, text):
        token = match[1]
    return None if string_problem(token) else token
