"""Opening an output file to read it, and finding the place in it to start from."""

from __future__ import annotations

import errno
import os
import stat
from typing import Final

__all__ = ["READ_SIZE", "data_start", "open_output", "tail_start"]

READ_SIZE: Final = 1 << 20
"""Bytes to read at a time: a flood is read as fast as it can be, and memory is not filled."""

_FLAGS: Final = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


def open_output(path: str, access: int = os.O_RDONLY) -> int:
    """A descriptor of a regular file, to be closed by the caller.

    Agents can write to the directory of their run: what stands there may be a symbolic link that
    leads elsewhere, which is not followed, or a FIFO, on which nobody waits.

    Args:
        path: of the file.
        access: to read it, or to write to it.

    Raises:
        OSError: it is not there, cannot be read, or is no regular file.
    """
    descriptor = os.open(path, access | _FLAGS)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "not a regular file", path)


def data_start(descriptor: int) -> int:
    """Where the data of a file begins: what was given back to the disk at its start is skipped."""
    if not hasattr(os, "SEEK_DATA"):
        return 0
    try:
        return os.lseek(descriptor, 0, os.SEEK_DATA)
    except OSError as error:
        return os.fstat(descriptor).st_size if error.errno == errno.ENXIO else 0


def tail_start(descriptor: int, lines: int) -> int:
    """Where the last so many lines of a file begin; a last one without a newline counts."""
    first, end = data_start(descriptor), os.fstat(descriptor).st_size
    if lines <= 0:
        return end
    wanted = lines + (os.pread(descriptor, 1, max(0, end - 1)) == b"\n")
    while end > first:
        start = max(first, end - READ_SIZE)
        data = os.pread(descriptor, end - start, start)
        found = data.count(b"\n")
        if found >= wanted:
            return start + _nth_from_end(data, wanted) + 1
        wanted -= found
        end = start
    return first


def _nth_from_end(data: bytes, count: int) -> int:
    at = len(data)
    for _ in range(count):
        at = data.rfind(b"\n", 0, at)
    return at
