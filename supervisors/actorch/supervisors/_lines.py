"""What an agent prints, line by line, read from its files."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import chain, starmap
from typing import Final, Literal, TypeAlias

import msgspec

from actorch.actors import AgentSpec, RunEvent, UsageError
from actorch.actors._output import output_paths
from actorch.actors._reader import LineCutter, Reader
from actorch.actors._shown import shown

from ._inbox import EventInbox, LineInbox, Stage

__all__ = ["Line", "Stream", "check_lines", "read_events", "read_lines"]

Stream: TypeAlias = Literal["both", "stdout", "stderr"]
_STREAMS: Final = ("both", "stdout", "stderr")


class Line(msgspec.Struct, frozen=True, gc=False):
    r"""One line that an agent has printed.

    Attributes:
        agent: its name.
        attempt: the number of the attempt.
        stream: "stdout" or "stderr".
        text: without the newline, else as printed: control sequences and ``\r`` are in it. Bytes
            that are no UTF-8 are U+FFFD.
        newline: whether a newline followed: not after a last line that has none, nor after a part
            of a line that is longer than 1 MiB, unless it is the last part.
    """

    agent: str
    attempt: int
    stream: str
    text: str
    newline: bool = True


class _File:
    """One of the files of an attempt."""

    def __init__(self, spec: AgentSpec, attempt: int, stream: str, path: str) -> None:
        self._line = partial(Line, spec.name, attempt, stream)
        self._reader = Reader(path, spec.output_max)
        self._cutter = LineCutter()

    def more(self) -> Iterator[Line] | None:
        """The lines of the next piece; None if there is none for now."""
        data = self._reader.piece()
        if not data:
            return None
        before = self._cutter.rest() if self._reader.torn else []
        return starmap(self._line, chain(before, self._cutter.feed(data)))

    def rest(self) -> Iterator[Line]:
        """What has no end."""
        return starmap(self._line, self._cutter.rest())


def read_events(inbox: EventInbox) -> Iterator[Iterator[RunEvent] | None]:
    """What is in an inbox, until it is finished; None whenever there is nothing for now."""
    while True:
        over = inbox.finished
        event = inbox.next()
        if event is None and over:
            return
        yield None if event is None else iter((event,))


def read_lines(
    inbox: LineInbox, stream: Stream, only: int | None
) -> Iterator[Iterator[Line] | None]:
    """What an agent has printed and prints, attempt by attempt, piece by piece.

    It reads from the files, so that nothing is lost however late it is; None after each look at
    them, and whenever there is nothing for now.
    """
    attempt = only or 1
    while (stage := inbox.stage(attempt)) is not Stage.NEVER:
        if stage is Stage.BEFORE:
            yield None
            continue
        yield from _read_attempt(inbox, stream, attempt)
        if only is not None:
            return
        attempt += 1


def _read_attempt(
    inbox: LineInbox, stream: Stream, attempt: int
) -> Iterator[Iterator[Line] | None]:
    files = _files(inbox, stream, attempt)
    while True:
        over = inbox.stage(attempt) is Stage.AFTER  # before the last look
        found = False
        for file in files:
            if (lines := file.more()) is not None:
                found = True
                yield lines
        if found:
            inbox.ring()
        elif over:
            break
        yield None
    for file in files:
        yield file.rest()


def _files(inbox: LineInbox, stream: Stream, attempt: int) -> list[_File]:
    """In the order in which they are looked at; one that both streams go to counts as stdout."""
    spec, directory = inbox.spec, inbox.board.directory
    paths = output_paths(directory, spec.name, attempt, merged=spec.merged)
    wanted = [("stdout", paths.stdout)] if stream != "stderr" else []
    if stream != "stdout" and not spec.merged:
        wanted.append(("stderr", paths.stderr))
    return [_File(spec, attempt, name, path) for name, path in wanted]


def check_lines(stream: object, attempt: object) -> None:
    """Refuse what `Run.lines` cannot be asked for.

    Raises:
        UsageError: there is no such stream or attempt.
    """
    if stream not in _STREAMS:
        text = f"stream: {shown(stream, 100)} is not allowed: must be both, stdout or stderr"
        raise UsageError(text)
    if attempt is not None and (type(attempt) is not int or attempt < 1):
        text = f"attempt: {shown(attempt, 100)} is not allowed: must be at least 1, or None"
        raise UsageError(text)
