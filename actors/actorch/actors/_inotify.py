"""The kernel's word of what happens in directories: inotify(7), by the three calls it takes.

ctypes is enough for them; the packages that wrap inotify bring threads or loops of their own.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Iterator
from typing import Final, NamedTuple

__all__ = ["APPEARED", "GONE", "MODIFIED", "ONCE", "Inotify", "Notice", "tells_of"]

MODIFIED: Final = 0x2
APPEARED: Final = 0x80 | 0x100
"""Moved there, or created."""
GONE: Final = 0x40 | 0x200
"""Moved away, or deleted."""
ONCE: Final = 0x80000000
"""Told of once, and not watched any more: each notice costs whoever writes about a microsecond."""

_Q_OVERFLOW: Final = 0x4000
_IGNORED: Final = 0x8000
_HEADER: Final = struct.Struct("iIII")
_BUFFER: Final = 64 * 1024


class Notice(NamedTuple):
    """What happened to one file.

    Attributes:
        path: of the file; None if the kernel has lost count, and anything may have happened.
    """

    path: str | None


class Inotify:
    """One descriptor that tells of any number of files and directories.

    Raises:
        OSError: there is no inotify here, or the user has too many already.
    """

    def __init__(self) -> None:
        if not sys.platform.startswith("linux"):
            raise OSError("inotify is Linux's")
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor: int = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), "no inotify descriptor")
        self._paths: dict[int, str] = {}
        self._numbers: dict[str, int] = {}

    def fileno(self) -> int:
        """The descriptor, which is readable when something has happened."""
        return self._descriptor

    def watch(self, path: str, mask: int) -> None:
        """Tell of a file, or of what is in a directory. Doing it again changes nothing.

        Raises:
            OSError: the user's limit of watches is reached, most likely.
        """
        if path in self._numbers:
            return
        flags = ctypes.c_uint32(mask)
        number: int = self._libc.inotify_add_watch(self._descriptor, os.fsencode(path), flags)
        if number < 0:
            raise OSError(ctypes.get_errno(), "cannot be watched", path)
        self._paths[number] = path
        self._numbers[path] = number

    def unwatch(self, path: str) -> None:
        """Tell no more of it; unknown paths are fine."""
        if (number := self._numbers.pop(path, None)) is not None:
            del self._paths[number]
            self._libc.inotify_rm_watch(self._descriptor, number)

    def read(self) -> Iterator[Notice]:
        """What has happened since it was last asked; never waits."""
        try:
            while data := os.read(self._descriptor, _BUFFER):
                yield from self._notices(data)
                if len(data) < _BUFFER // 2:
                    break
        except BlockingIOError:
            pass

    def _notices(self, data: bytes) -> Iterator[Notice]:
        offset = 0
        while offset < len(data):
            number, mask, _cookie, length = _HEADER.unpack_from(data, offset)
            offset += _HEADER.size
            name = data[offset : offset + length].rstrip(b"\0")
            offset += length
            if mask & _Q_OVERFLOW:
                yield Notice(None)
            elif mask & _IGNORED:
                if path := self._paths.pop(number, None):
                    del self._numbers[path]
            elif path := self._paths.get(number):
                yield Notice(f"{path}/{os.fsdecode(name)}" if name else path)

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self._descriptor)

    def __repr__(self) -> str:
        return f"inotify {self._descriptor}"


def tells_of(directory: str) -> bool:
    """Whether the kernel tells of what is written in that directory: it is tried.

    On some file systems (of the network, or in user space) it does not. Where nothing can be
    written, it is taken to.
    """
    path = os.path.join(directory, f".{os.getpid()}.probe")
    try:
        inotify = Inotify()
    except OSError:
        return False
    try:
        return _is_told_of_a_write(inotify, path)
    except OSError:
        return True
    finally:
        inotify.close()


def _is_told_of_a_write(inotify: Inotify, path: str) -> bool:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o600)
    try:
        inotify.watch(path, MODIFIED)
        os.write(descriptor, b"x")
        return any(notice.path == path for notice in inotify.read())
    finally:
        os.close(descriptor)
        os.unlink(path)
