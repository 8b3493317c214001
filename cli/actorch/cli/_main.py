"""The one place where errors become exit codes. Imports nothing that Windows does not have."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from . import _exit_codes as codes

if TYPE_CHECKING:
    from click import ClickException

__all__ = ["main"]


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        args: the words after `actorch`; default this process's own.

    Returns:
        what the process should exit with.
    """
    if sys.platform == "win32":
        print("actorch: needs Linux or macOS; on Windows, use WSL", file=sys.stderr)
        return codes.USAGE
    _stand_in_for_closed_streams()
    state: dict[str, int] = {}
    try:
        code = _flushed(_run(args, state))
    except KeyboardInterrupt:
        code = codes.INTERRUPTED
    except BrokenPipeError:
        code = codes.CLOSED
    except Exception as error:
        code = _failure(error, state.get("verbose", 0))
    if code >= codes.BROKEN:
        _abandon_output()
    return code


def _run(args: Sequence[str] | None, state: dict[str, int]) -> int:
    from ._app import app

    try:
        found: object = app.main(args, "actorch", standalone_mode=False, obj=state)
    except SystemExit:  # how click ends when the reader of its help is gone; nobody else does it
        return codes.CLOSED
    return found if isinstance(found, int) else codes.OK


def _flushed(code: int) -> int:
    try:
        sys.stdout.flush()
    except OSError:
        if code < codes.SIGNALLED:  # else it was the end of the terminal that stopped the run
            raise
    return code


def _failure(error: Exception, verbose: int) -> int:
    from click import Abort, ClickException, UsageError

    from actorch.actors import ActorchError
    from actorch.actors._shown import one_line

    if isinstance(error, Abort):
        return codes.INTERRUPTED
    if verbose > 1:
        _print_traceback(error)
    if isinstance(error, ClickException):
        _blame_variable(error)
        context = error.ctx if isinstance(error, UsageError) else None
        hint = f" (see {context.command_path} --help)" if context else ""
        _say(one_line(error.format_message(), 1000) + hint)
        return codes.USAGE
    if isinstance(error, ActorchError):
        _say(one_line(str(error), 2000))
        return error.exit_code
    if isinstance(error, OSError) and error.filename is None and error.errno:
        _say(f"{os.strerror(error.errno)}; -vv shows where")
        return codes.BROKEN
    _say(f"{one_line(f'{type(error).__name__}: {error}', 1000)}; -vv shows where")
    return codes.BROKEN


def _blame_variable(error: ClickException) -> None:
    """If a wrong value came from a variable, the error is to name that and not the option."""
    from click import BadParameter
    from click.core import ParameterSource

    if not isinstance(error, BadParameter) or error.ctx is None or error.param is None:
        return
    name = error.param.name
    if name and error.ctx.get_parameter_source(name) is ParameterSource.ENVIRONMENT:
        prefix = error.ctx.auto_envvar_prefix
        error.param_hint = str(error.param.envvar or f"{prefix}_{name.upper()}")


def _say(text: str) -> None:
    try:
        print(f"actorch: {text}", file=sys.stderr, flush=True)
    except OSError:  # nobody is there to read it
        _abandon_output()


def _print_traceback(error: Exception) -> None:
    import traceback

    _say("".join(traceback.format_exception(error)).rstrip())


def _stand_in_for_closed_streams() -> None:
    """If 0, 1 or 2 were closed, no other file may take their place and be written to."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        if isinstance(stream := getattr(sys, name), io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a sign that it lacks must not cost the verdict


def _abandon_output() -> None:
    """Let the interpreter flush into nothing what nobody can read any more."""
    null = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            os.dup2(null, stream.fileno())
    os.close(null)
