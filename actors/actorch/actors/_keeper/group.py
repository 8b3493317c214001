"""The cgroup of one agent (version 2 of the hierarchy): who is in it cannot leave it unseen."""

from __future__ import annotations

import os

_COUNTED = b"pids.max"


class Group:
    """One cgroup. Whoever enters it brings along all that it starts from then on.

    Args:
        home: the directory of the cgroup that this process lives in.
        path: of the one to be made.
        limits: what is written where, such as ``pids.max=100``; with ``?`` in front, only where
            there is such a file.
    """

    def __init__(self, home: bytes, path: bytes, *limits: bytes) -> None:
        self.path = path
        self._home = home
        self._limits = limits
        self._inside = False

    @classmethod
    def of(cls, words: list[bytes]) -> Group | None:
        """The one that these words of a SPAWN are about; None if there are none."""
        return cls(*words) if len(words) > 1 else None

    def enter(self) -> None:
        """Make it, and go in: a program that is started now starts inside.

        Raises:
            OSError: it cannot be made or entered.
        """
        os.mkdir(self.path)
        for limit in self._limits:
            name, _, value = limit.partition(b"=")
            if name == _COUNTED:
                value = b"%d" % (int(value) + 1)  # this process is in there, too, for a moment
            try:
                _write(b"/".join((self.path, name.lstrip(b"?"))), value)
            except FileNotFoundError:
                if not name.startswith(b"?"):
                    raise
        _write(self.path + b"/cgroup.procs", b"0")
        self._inside = True

    def leave(self) -> None:
        """Go home."""
        if self._inside:
            try:
                _write(self._home + b"/cgroup.procs", b"0")
                self._inside = False
                for limit in self._limits:
                    if limit.startswith(_COUNTED):
                        _write(self.path + b"/" + _COUNTED, limit.partition(b"=")[2])
            except OSError:
                return  # so this process has to be spared

    def kill(self) -> None:
        """SIGKILL everybody in it at once; no fork is fast enough."""
        if not self._inside:
            try:
                _write(self.path + b"/cgroup.kill", b"1")
            except OSError:
                return  # before Linux 5.14; the killing one by one will do

    def memory(self) -> tuple[bool, int]:
        """Whether its limit of memory was what ended somebody, and the most that it ever held."""
        events = _read(self.path + b"/memory.events").split()
        killed = dict(zip(events[::2], events[1::2], strict=False)).get(b"oom_kill", b"0")
        peak = _read(self.path + b"/memory.peak").strip()
        return killed != b"0", int(peak) if peak.isdigit() else 0

    def remove(self) -> None:
        """Remove it, unless somebody is in it."""
        try:
            os.rmdir(self.path)
        except OSError:
            return


def _write(path: bytes, text: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text)
    finally:
        os.close(fd)


def _read(path: bytes) -> bytes:
    """What is in it; nothing where there is no such file."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(fd, 1 << 12)
    finally:
        os.close(fd)
