"""Carrying `actorch send` out: the named pipe of the attempt that goes on."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import sys
from collections.abc import Iterable, Iterator

from actorch.actors._agent_errors import AgentError
from actorch.actors._errors import UsageError
from actorch.actors._input import input_path
from actorch.actors._shown import one_line
from actorch.supervisors._history import History
from actorch.supervisors._places import state_directory

from ._log_choice import chosen_agents, find_run, has_ended

__all__ = ["send_input", "send_text"]

_PIECE = 1 << 16


def send_text(state_dir: str | None, run: str, agent: str, text: str) -> None:
    """Write a text.

    Raises:
        UsageError: there is no such run or agent, or it cannot be sent to.
        AgentError: it does not run, or reads no more.
    """
    _send(_pipe(state_dir, run, agent), agent, [text.encode("utf-8", "surrogateescape")])


def send_input(state_dir: str | None, run: str, agent: str) -> None:
    """Write what stands on standard input, as it comes. Raises the same as `send_text`."""
    _send(_pipe(state_dir, run, agent), agent, _standard_input())


def _standard_input() -> Iterator[bytes]:
    while data := os.read(sys.stdin.fileno(), _PIECE):
        yield data


def _pipe(state_dir: str | None, word: str, agent: str) -> str:
    """Where the agent's standard input is."""
    history = History(state_directory(state_dir))
    run = find_run(history, word)
    agents = history.agents(run.id)
    chosen_agents(run, agents, [agent])
    attempts = [one for one in history.attempts(run.id) if one.agent == agent]
    number = max((one.number for one in attempts), default=1)
    path = input_path(run.directory, agent, number)
    if os.path.exists(path):
        return path
    shown = one_line(agent, 100)
    if run.over or any(one.name == agent and has_ended(one.state) for one in agents):
        raise AgentError(shown, "has ended; nothing was sent")
    if not attempts or has_ended(attempts[-1].state) or attempts[-1].state == "queued":
        raise AgentError(shown, "does not run yet; nothing was sent")
    raise UsageError(f'{shown} of run {run.id} cannot be sent to: give it stdin = "open"')


def _send(path: str, agent: str, pieces: Iterable[bytes]) -> None:
    shown = one_line(agent, 100)
    try:
        descriptor = _open(path)
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.ENOENT):
            raise AgentError(shown, "reads nothing any more; nothing was sent") from None
        raise UsageError(f"{path}: {error.strerror}") from None
    try:
        for data in pieces:
            _write(descriptor, data)
    except BrokenPipeError:
        raise AgentError(shown, "reads nothing any more; not everything was sent") from None
    finally:
        os.close(descriptor)


def _open(path: str) -> int:
    flags = os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags)
    if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "is no pipe")
    os.set_blocking(descriptor, True)
    return descriptor


def _write(descriptor: int, data: bytes) -> None:
    """Write it all; what others send does not come in between, nor do they wait for more."""
    left = memoryview(data)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        while left:
            left = left[os.write(descriptor, left) :]
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
