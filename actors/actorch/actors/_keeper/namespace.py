"""A pid namespace of a process's own: when its first process ends, the kernel ends all others."""

from __future__ import annotations

import os
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ctypes
    from collections.abc import Callable

_NEWNS, _NEWUSER, _NEWPID = 0x00020000, 0x10000000, 0x20000000
_REC, _PRIVATE, _NOSUID, _NODEV, _NOEXEC = 0x4000, 0x40000, 2, 4, 8
_ANSWER = struct.Struct("ii")


def fork_apart(child: Callable[[int], None]) -> int:
    """Fork a process that is the first one of a new pid namespace, with a /proc of its own.

    A process cannot enter a new pid namespace, it can only have its next child there. So there is
    one in between, which ends at once: this has to be a subreaper, to become the parent.

    Args:
        child: what that process does, given a descriptor of the /proc outside; must not return.

    Returns:
        its pid, out here.

    Raises:
        OSError: it is not allowed, or not possible now.
    """
    ours, theirs = os.pipe()
    between = os.fork()
    if between == 0:
        os.close(ours)
        _be_between(theirs, child)
    os.close(theirs)
    try:
        answer = os.read(ours, _ANSWER.size)
    finally:
        os.close(ours)
    os.waitpid(between, 0)
    found: tuple[int, int] = _ANSWER.unpack(answer) if len(answer) == _ANSWER.size else (0, 1)
    pid, number = found
    if number:
        if pid:
            os.waitpid(pid, 0)
        raise OSError(number, os.strerror(number))
    return pid


def _be_between(answer: int, child: Callable[[int], None]) -> None:
    pid = number = 0
    try:
        outside = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        _unshare()
        ours, theirs = os.pipe()
        if (pid := os.fork()) == 0:
            os.close(ours)
            os.close(answer)
            _be_first(theirs, outside, child)
        os.close(theirs)
        number = int.from_bytes(os.read(ours, 1), "little")
    except OSError as error:
        number = error.errno or 1
    finally:
        os.write(answer, _ANSWER.pack(pid, number))
        os._exit(0)


def _be_first(answer: int, outside: int, child: Callable[[int], None]) -> None:
    try:
        _mount(b"none", b"/", None, _REC | _PRIVATE)
        _mount(b"proc", b"/proc", b"proc", _NOSUID | _NODEV | _NOEXEC)
    except OSError as error:
        os.write(answer, bytes([error.errno or 1]))
        os._exit(1)
    os.write(answer, b"\0")
    os.close(answer)
    child(outside)


def _unshare() -> None:
    """As root as one is; else as root of a user namespace in which one is still oneself."""
    user, group = os.geteuid(), os.getegid()
    try:
        _call(_libc().unshare(_NEWPID | _NEWNS))
    except PermissionError:
        _call(_libc().unshare(_NEWUSER | _NEWPID | _NEWNS))
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{user} {user} 1")
        _write("/proc/self/gid_map", f"{group} {group} 1")


def _mount(source: bytes, target: bytes, kind: bytes | None, flags: int) -> None:
    _call(_libc().mount(source, target, kind, flags, None))


def _libc() -> ctypes.CDLL:
    import ctypes

    return ctypes.CDLL(None, use_errno=True)


def _call(result: int) -> None:
    if result != 0:
        import ctypes

        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def probe() -> int:
    """The errno of why there can be no such namespace here; 0 if there can."""
    from . import kin

    if not kin.become_subreaper():
        return 38
    try:
        pid = fork_apart(lambda _outside: os._exit(0))
    except OSError as error:
        return error.errno or 1
    os.waitpid(pid, 0)
    return 0
