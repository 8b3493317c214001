"""What the user asked for, as it was written. Nothing is checked here."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

__all__ = ["Options"]


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """The options of `actorch run`; None, or an empty tuple, where nothing was said.

    Attributes:
        files: the words before `--`.
        command: the words after `--`; None without a `--`.
        agent: inline agents, each as ``NAME=COMMAND``.
        keys: how an option is called in an error: its flag, or the variable it came from.
    """

    files: tuple[str, ...] = ()
    command: tuple[str, ...] | None = None
    agent: tuple[str, ...] = ()
    max_concurrent: str | None = None
    timeout: str | None = None
    idle_timeout: str | None = None
    deadline: str | None = None
    quorum: str | None = None
    retries: str | None = None
    retry_on: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    fail_fast: bool | None = None
    on_impossible: str | None = None
    name: str | None = None
    spec_id: str | None = None
    stage: str | None = None
    cwd: str | None = None
    stdin_file: str | None = None
    stdio: str | None = None
    merge: bool | None = None
    output_max: str | None = None
    on_output_max: str | None = None
    isolation: str | None = None
    memory_max: str | None = None
    cpu_quota: str | None = None
    pids_max: str | None = None
    dry_run: bool = False
    json: bool = False
    events: bool = False
    quiet: bool = False
    verbose: int = 0
    output: str | None = None
    color: str = "auto"
    log_file: str | None = None
    log_format: str = "text"
    state_dir: str | None = None
    keys: Mapping[str, str] = {}

    def key(self, option: str) -> str:
        """What `option` is called in an error."""
        return self.keys.get(option) or f"--{option.replace('_', '-')}"
