"""Standard input that stays open: a named pipe, so that other processes may write to it as well."""

from __future__ import annotations

import os
import termios
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from ._dispatcher import Dispatcher

__all__ = ["OpenInput", "Outbox", "input_path"]

_PIECE: Final = 1 << 16
_CHARACTERS: Final = 6
"""The place of a terminal's special characters among its attributes."""


def input_path(directory: str, agent: str, attempt: int) -> str:
    """``<agent>.<attempt>.stdin`` in the directory of the run."""
    return f"{directory}/{agent}.{attempt}.stdin"


class Outbox:
    """Writes to a descriptor what is put into it, in order, without ever waiting for the reader.

    Owns the descriptor. That nobody reads any more is no failure: the rest is dropped.
    """

    def __init__(self, dispatcher: Dispatcher, descriptor: int) -> None:
        self._dispatcher = dispatcher
        self._descriptor = descriptor
        self._queue: deque[tuple[bytes, Callable[[bool], None]]] = deque()
        self._sent = 0
        self._waits = False
        self._last = False
        os.set_blocking(descriptor, False)

    def put(self, data: bytes, told: Callable[[bool], None]) -> None:
        """Have this written; `told` whether it was, at once or later."""
        if self._descriptor < 0 or self._last:
            told(False)
            return
        self._queue.append((data, told))
        if not self._waits:
            self._write()

    def end_of_file(self) -> bytes:
        """The character that ends the input of the terminal it writes to; nothing if none does."""
        try:
            characters: list[bytes] = termios.tcgetattr(self._descriptor)[_CHARACTERS]
        except (termios.error, ValueError):  # nobody has it open any more, or it is closed here
            return b""
        return characters[termios.VEOF].strip(b"\0")

    def end(self) -> None:
        """Close it once everything is written."""
        self._last = True
        if not self._queue:
            self.close()

    def close(self) -> None:
        """Close it, and drop what is not written. Idempotent."""
        if self._descriptor >= 0:
            if self._waits:
                self._dispatcher.remove_writer(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1
        while self._queue:
            self._queue.popleft()[1](False)

    def _write(self) -> None:
        try:
            while self._queue:
                data, told = self._queue[0]
                piece = data[self._sent : self._sent + _PIECE]  # of much, not all is copied
                self._sent += os.write(self._descriptor, piece)
                if self._sent == len(data):
                    self._sent = 0
                    self._queue.popleft()
                    told(True)
        except BlockingIOError:
            self._wait(True)
            return
        except OSError:  # it has closed its input, or is gone
            self.close()
            return
        self._wait(False)
        if self._last:
            self.close()

    def _wait(self, waits: bool) -> None:
        if waits and not self._waits:
            self._dispatcher.add_writer(self._descriptor, self._write)
        elif self._waits and not waits:
            self._dispatcher.remove_writer(self._descriptor)
        self._waits = waits

    def __repr__(self) -> str:
        return f"<Outbox to {self._descriptor}, {len(self._queue)} waiting>"


class OpenInput:
    """The named pipe of one attempt. For the loop's thread.

    Args:
        dispatcher: whose loop writes.
        path: of the pipe; made here, private to the user, and removed at the end.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, dispatcher: Dispatcher, path: str) -> None:
        self._dispatcher = dispatcher
        self._path = path
        os.mkfifo(path, 0o600)
        self._keyboard: Outbox | None = None
        self._within_line = False
        self.reader = -1
        try:
            self.reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            writer = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            self._forget()
            raise
        os.set_blocking(self.reader, True)
        self._outbox = Outbox(dispatcher, writer)

    def hand_over(self) -> None:
        """Its process has the reading end now."""
        if self.reader >= 0:
            os.close(self.reader)
            self.reader = -1

    def type_on(self, keyboard: int) -> None:
        """Whatever comes is typed on a terminal.

        Args:
            keyboard: a descriptor, copied.
        """
        self._keyboard = Outbox(self._dispatcher, os.dup(keyboard))
        os.set_blocking(self.reader, False)
        self._dispatcher.add_reader(self.reader, self._type)

    def send(self, data: bytes, told: Callable[[bool], None]) -> None:
        """Write; `told` whether that was possible."""
        self._outbox.put(data, told)

    def end(self) -> None:
        """Close it once everything is written: its process then reads the end."""
        self._outbox.end()

    def close(self) -> None:
        """Close and remove it. Idempotent."""
        self._outbox.close()
        self._forget()

    def _type(self) -> None:
        assert self._keyboard is not None
        try:
            data = os.read(self.reader, _PIECE)
        except BlockingIOError:
            return
        self._dispatcher.remove_reader(self.reader)
        if data:
            self._within_line = not data.endswith((b"\n", b"\r"))
            self._keyboard.put(data, self._on_typed)
        else:
            self._type_end(self._keyboard)

    def _type_end(self, keyboard: Outbox) -> None:
        """A terminal has no end: its program is told of one by a character. In a line, by two."""
        os.close(self.reader)  # so that others learn that nothing more is read
        self.reader = -1
        character = keyboard.end_of_file()
        keyboard.put(character * (1 + self._within_line), lambda _done: None)

    def _on_typed(self, done: bool) -> None:
        if done and self.reader >= 0:
            self._dispatcher.add_reader(self.reader, self._type)

    def _forget(self) -> None:
        if self.reader >= 0:
            if self._keyboard is not None:
                self._dispatcher.remove_reader(self.reader)
            os.close(self.reader)
            self.reader = -1
        if self._keyboard is not None:
            self._keyboard.close()
        with suppress(OSError):
            os.unlink(self._path)

    def __repr__(self) -> str:
        return f"<OpenInput {self._path}: {self._outbox!r}>"
