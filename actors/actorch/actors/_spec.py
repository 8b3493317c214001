"""What an agent is: a command, its surroundings, its limits, its retry policy."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping, Sequence
from typing import Final, Literal

import msgspec

from ._checks import (
    ARGUMENT_BYTES,
    check_bool,
    check_int,
    check_seconds,
    check_string,
    check_type,
    is_list,
    is_number,
    text_size,
)
from ._environment import check_environment, read_env_file
from ._errors import SpecError
from ._retry import RetryPolicy
from ._sizes import parse_size
from ._stop import StopPlan

__all__ = ["ISOLATIONS", "AgentSpec"]

ISOLATIONS: Final = ("auto", "session", "shim", "cgroup", "pidns")
_CHOICES: Final = {
    "isolation": ISOLATIONS,
    "stdio": ("file", "pipe", "pty"),
    "on_output_max": ("stop", "keep-tail"),
}
MOST_PIDS: Final = 4_194_304
"""The most processes that Linux can number (PID_MAX_LIMIT)."""
MOST_PROCESSORS: Final = 10_000

_NAME: Final = (
    "1 to 100 printable characters, at most 200 bytes, without '/' and without spaces at its ends"
)
_QUOTA: Final = re.compile(r"(\d{1,9}(?:\.\d{1,6})?) ?(%?)", re.ASCII)
_COMMAND: Final = 'a list of strings such as ["ruff", "check", "."]'


class AgentSpec(msgspec.Struct, frozen=True):
    """What to run, and under which rules. Checked whole when it is made.

    Attributes:
        name: unique in its run; becomes part of file names.
        command: the argument list, or with `shell` a string for ``/bin/sh -c``.
        shell: whether `command` is a string for the shell.
        cwd: the directory it works in; default where the app was when the run began.
        env: added to the app's environment; holds the variables of `env_file`, too.
        env_file: a file of ``NAME=value`` lines; what `env` says wins.
        stdin: the text or the bytes on its standard input; or exactly "open": a pipe, written to by
            `Run.send` and ``actorch send``. Without it and `stdin_file`, that is ``/dev/null``.
        stdin_file: a file on its standard input.
        stdio: where it writes: "file" (regular files of the run), "pipe" (pipes, copied to these
            files), or "pty" (a terminal of its own, copied to one of them).
        merge: whether both streams go to one file, in their true order; so they do on a terminal.
        output_max: bytes that each of its files may take; None for no limit. A look at them some 50
            ms after they have grown tells.
        on_output_max: what happens then: "stop" ends it, as a failure; "keep-tail" gives the head
            back to the file system.
        timeout: seconds for one attempt; None for no limit.
        idle_timeout: seconds that it may print nothing; None for no limit.
        stop: how it is told to end.
        success_codes: the exit codes that mean success.
        keep_descendants: whether processes live on that it leaves behind when it ends by itself.
        isolation: what holds its processes together: "session" (who makes a session of its own is
            left alone), "shim" (nobody escapes), "cgroup" (killed by the kernel, all at once),
            "pidns" (a pid namespace of its own), or "auto": the best of the first three that there
            is on the machine.
        memory_max: bytes that its processes may take together, a mebibyte or more, since no program
            starts with less; None for no limit. By its cgroup
            where there is one that can, else by a look at their resident memory twice a second.
        cpu_quota: how many processors' time they may use together, such as 1.5; needs a cgroup.
        pids_max: how many of them there may be at once; needs a cgroup.
        retry: whether and when it is tried again.

    Raises:
        SpecError: names the field, the value, and what is allowed.
    """

    name: str
    command: Sequence[str] | str
    shell: bool = False
    cwd: str | None = None
    env: Mapping[str, str] = {}
    env_file: str | None = None
    stdin: str | bytes | None = None
    stdin_file: str | None = None
    stdio: Literal["file", "pipe", "pty"] = "file"
    merge: bool = False
    output_max: int | None = None
    on_output_max: Literal["stop", "keep-tail"] = "stop"
    timeout: float | None = 300.0
    idle_timeout: float | None = None
    stop: StopPlan = StopPlan()
    success_codes: Sequence[int] = (0,)
    keep_descendants: bool = False
    isolation: Literal["auto", "session", "shim", "cgroup", "pidns"] = "auto"
    memory_max: int | None = None
    cpu_quota: float | None = None
    pids_max: int | None = None
    retry: RetryPolicy = RetryPolicy()

    def __post_init__(self) -> None:
        _check_name(self.name)
        check_bool("shell", self.shell)
        set_field = msgspec.structs.force_setattr
        set_field(self, "command", _checked_command(self.command, self.shell))
        _check_directory(self.cwd)
        set_field(self, "env", _checked_env(self.env, self.env_file))
        _check_stdin(self.stdin, self.stdin_file)
        for key in ("timeout", "idle_timeout"):
            if (seconds := getattr(self, key)) is not None:
                set_field(self, key, check_seconds(key, seconds))
        set_field(self, "success_codes", _checked_codes(self.success_codes))
        check_bool("keep_descendants", self.keep_descendants)
        check_bool("merge", self.merge)
        for key, words in _CHOICES.items():
            if (word := getattr(self, key)) not in words:
                raise SpecError(key, word, f"one of {', '.join(words)}")
        if self.output_max is not None:
            set_field(self, "output_max", parse_size("output_max", self.output_max))
        if self.memory_max is not None:
            set_field(self, "memory_max", parse_size("memory_max", self.memory_max, least=1 << 20))
        if self.cpu_quota is not None:
            set_field(self, "cpu_quota", _checked_quota(self.cpu_quota))
        if self.pids_max is not None:
            check_int("pids_max", self.pids_max, 1, MOST_PIDS)
        check_type("stop", self.stop, StopPlan)
        check_type("retry", self.retry, RetryPolicy)

    @property
    def argv(self) -> tuple[str, ...]:
        """The whole argument list, with the shell where one is asked for."""
        if isinstance(self.command, str):
            return ("/bin/sh", "-c", self.command)
        return tuple(self.command)

    @property
    def merged(self) -> bool:
        """Whether both of its streams go to one file."""
        return self.merge or self.stdio == "pty"

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """The whole environment: `base` with the agent's own variables over it."""
        return {**base, **self.env}

    def __repr__(self) -> str:
        return f"<AgentSpec {self.name}: {' '.join(self.argv)[:60]!r}>"


def _check_name(value: object) -> None:
    fits = (
        isinstance(value, str)
        and 1 <= len(value) <= 100
        and value.isprintable()
        and "/" not in value
        and value.strip() == value
        and len(value.encode("utf-8", "replace")) <= 200
    )
    if not fits:
        raise SpecError("name", value, _NAME)


def _checked_command(value: object, shell: bool) -> str | tuple[str, ...]:
    if isinstance(value, str):
        if not shell:
            raise SpecError(
                "command", value, f"{_COMMAND}; a string is for the shell and needs shell = true"
            )
        return _checked_argument("command", value, empty=False)
    words = is_list(value)
    if shell:
        raise SpecError("command", value, "a string, since shell = true")
    if not words:
        raise SpecError("command", value, _COMMAND)
    _checked_argument("command[0]", words[0], empty=False)
    return tuple(_checked_argument(f"command[{n}]", word) for n, word in enumerate(words))


def _checked_argument(key: str, value: object, *, empty: bool = True) -> str:
    text = check_string(key, value)
    if not empty and not text.strip():
        raise SpecError(key, value, "not empty: it names what to run")
    if (size := text_size(text) or 0) > ARGUMENT_BYTES:
        allowed = f"at most {ARGUMENT_BYTES} bytes, not {size}; put a long prompt on stdin"
        raise SpecError(key, value, allowed)
    return text


def _check_directory(value: object) -> None:
    if value is not None and not os.path.isdir(check_string("cwd", value)):
        raise SpecError("cwd", value, "a directory that exists")


def _checked_env(env: object, env_file: object) -> dict[str, str]:
    from_file: dict[str, str] = {}
    if env_file is not None:
        from_file = read_env_file("env_file", check_string("env_file", env_file))
    return {**from_file, **check_environment("env", env)}


def _check_stdin(text: object, path: object) -> None:
    if text is not None and path is not None:
        raise SpecError("stdin_file", path, "left out where stdin is given")
    if text is not None:
        if not isinstance(text, str | bytes):
            raise SpecError("stdin", text, "a string or bytes")
        if isinstance(text, str) and text_size(text) is None:
            raise SpecError("stdin", text, "a string without lone surrogates")
    if path is not None:
        _check_readable("stdin_file", check_string("stdin_file", path))


def _check_readable(key: str, path: str) -> None:
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        raise SpecError(key, path, f"a readable file: {error.strerror}") from None
    if not (stat.S_ISREG(mode) or stat.S_ISCHR(mode)):  # opening a FIFO would wait for its writer
        raise SpecError(key, path, "a file; this is a directory, a FIFO or a socket")
    if not os.access(path, os.R_OK):
        raise SpecError(key, path, "a readable file: permission denied")


def _checked_codes(value: object) -> tuple[int, ...]:
    codes = is_list(value)
    if not codes:
        raise SpecError("success_codes", value, "a list of exit codes from 0 to 255")
    return tuple(check_int(f"success_codes[{n}]", code, 0, 255) for n, code in enumerate(codes))


def _checked_quota(value: object) -> float:
    """A number of processors; from a text, percents of one, too, as systemd has them."""
    allowed = f'a number of processors such as 1.5, or "150%", from 0.01 to {MOST_PROCESSORS}'
    number = _quota_of(value) if isinstance(value, str) else value
    if not isinstance(number, int | float) or not is_number(number):
        raise SpecError("cpu_quota", value, allowed)
    if not 0.01 <= number <= MOST_PROCESSORS:
        raise SpecError("cpu_quota", value, allowed)
    return float(number)


def _quota_of(text: str) -> float | None:
    match = _QUOTA.fullmatch(text.strip())
    return float(match[1]) / (100 if match[2] else 1) if match else None
