"""Writing what was read of several files to one place, line by line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from actorch.actors._cutter import Cut
from actorch.actors._text import current_line

from ._columns import prefix, prefix_width
from ._json import moment
from ._log_source import Source

__all__ = ["LinePrinter", "RawPrinter"]

_PLAIN: Final = bytes((*range(0x20, 0x7F), 0x0A))
"""What is shown as it is."""


class RawPrinter:
    """Copies bytes.

    Args:
        write: where they go.
    """

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write

    def show(self, source: Source) -> None:
        """What has come to the source."""
        for data in source.pieces():
            self._write(data)

    def end(self, source: Source) -> None:
        """There is nothing more."""


class LinePrinter:
    """Writes whole lines, safe to show, each with its prefix.

    A line of more than 64 KiB is written in parts, so that it is one line again; only where others
    come in between it is ended, and begun again.

    Args:
        write: where lines go.
        labels: what may be called in prefixes; none for no prefixes.
        colour: whether to use colours, and to keep those of agents.
        timestamps: whether lines begin with a time.
        encoding: of the text.
    """

    def __init__(
        self,
        write: Callable[[bytes], object],
        labels: Iterable[str],
        *,
        colour: bool = False,
        timestamps: bool = False,
        encoding: str = "utf-8",
    ) -> None:
        self._write = write
        self._width = prefix_width(labels)
        self._colour = colour
        self._timestamps = timestamps
        self._encoding = encoding
        self._open: Source | None = None
        """The one of which a part of a line was written last."""

    def show(self, source: Source) -> None:
        """What has come to the source, but for a line that has no end yet."""
        for data in source.pieces():
            prefix = self._prefix(source)
            if source.cutter.pending:
                at = data.find(b"\n") + 1 or len(data)
                self._show_cuts(source, prefix, source.cutter.feed(data[:at]))
                data = data[at:]
            at = data.rfind(b"\n") + 1
            if at and self._open is None and self._is_plain(data[:at]):
                self._show_plain(prefix, data[:at])
                data = data[at:]
            self._show_cuts(source, prefix, source.cutter.feed(data))

    def end(self, source: Source) -> None:
        """There is nothing more: show the line that has no end, too."""
        self._show_cuts(source, self._prefix(source), source.cutter.end())
        if self._open is source:
            self._open = None
            self._write(b"\n")

    def _is_plain(self, lines: bytes) -> bool:
        """Whether lines can be shown as they are: most can, and are not looked at one by one."""
        rest = lines.translate(None, _PLAIN)
        if not rest or self._encoding.lower() != "utf-8":
            return not rest
        try:
            lines.decode()  # the rest alone may join what was no character
            return rest.decode().isprintable()
        except UnicodeDecodeError:
            return False

    def _show_plain(self, prefix: bytes, lines: bytes) -> None:
        if prefix:
            lines = prefix + lines[:-1].replace(b"\n", b"\n" + prefix) + b"\n"
        self._write(lines)

    def _show_cuts(self, source: Source, prefix: bytes, cuts: Iterable[Cut]) -> None:
        parts: list[bytes] = []
        for cut in cuts:
            if self._open is not source:
                parts.append(b"\n" + prefix if self._open else prefix)
            text = current_line(cut.data, colour=self._colour)
            parts.append(text.encode(self._encoding, "replace"))
            if cut.ended:
                parts.append(b"\n")
            self._open = None if cut.ended else source
        if parts:
            self._write(b"".join(parts))

    def _prefix(self, source: Source) -> bytes:
        text = ""
        if self._width:
            mark = "║" if source.error else "│"
            text = f"{prefix(source.label, self._width, mark, self._colour)} "
        if self._timestamps:
            text += f"{moment(source.written)} "
        return text.encode(self._encoding, "replace")
