"""The options of `actorch run`; what they mean is decided elsewhere."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Any, Final, cast

import click

from ._exit_codes import CLOSED
from ._shared_options import Decorator, color_option, state_dir_option

__all__ = ["run"]

_META: Final = "actorch.command"
_HELP: Final = """Run agents at the same time, wait for all of them, and come to a verdict.

\b
    actorch run fleet.toml
    actorch run -a lint='ruff check .' -a types='mypy src' --quorum any
    actorch run -- ruff check .

A lone command after -- passes its output and its exit code through. The results of a fleet go to
standard output, progress and logs to standard error. The first Ctrl-C stops every agent politely,
the second one kills, the third one exits at once.

An option beats its variable (ACTORCH_RUN_TIMEOUT for --timeout, and so on), a variable beats the
file. Durations read 90, 1.5s, 5m, 1h30m.
"""


class RunCommand(click.Command):
    """A command whose words after `--` are somebody else's."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Set aside what follows the first `--`."""
        if "--" in args:
            at = args.index("--")
            ctx.meta[_META] = tuple(args[at + 1 :])
            args = args[:at]
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """The three things that can be run."""
        return ["[OPTIONS]", "FILE | -- COMMAND... | -a NAME=COMMAND..."]


class Words(click.ParamType[str]):
    """A text of which a variable may hold several, quoted as in a shell."""

    name = "text"

    def split_envvar_value(self, rv: str) -> list[str]:
        """Take a variable's value apart."""
        try:
            return shlex.split(rv)
        except ValueError as error:
            raise click.BadParameter(f"{str(error).lower()} in the variable") from None


def _fleet_options(function: Callable[..., Any]) -> Callable[..., Any]:
    return _apply(
        function,
        click.option(
            "-a",
            "--agent",
            multiple=True,
            type=Words(),
            metavar="NAME=COMMAND",
            help="An agent. COMMAND is split at spaces and quotes as by a shell, but no shell "
            "runs it: no pipes, no variables. Repeatable.",
        ),
        _text("-j", "--max-concurrent", "N", "How many agents may run at once."),
        _text("--timeout", "DURATION", "Limit of each attempt; 'none' for no limit."),
        _text("--idle-timeout", "DURATION", "How long an agent may print nothing; or 'none'."),
        _text("--deadline", "DURATION", "Limit of the whole run; or 'none'."),
        _text("--quorum", "QUORUM", "Who must succeed: all, majority, any, 2/3, or a number."),
        _text("--retries", "N", "Attempts after the first one."),
        click.option(
            "--retry-on",
            multiple=True,
            type=Words(),
            metavar="WHAT",
            help="What is tried again: transient, timeout, exit, signal, memory, any, never, or "
            "exit codes; several with commas. Repeatable.",
        ),
        click.option(
            "--env",
            multiple=True,
            type=Words(),
            metavar="NAME=VALUE",
            help="Add a variable to the environment of every agent. Repeatable.",
        ),
        click.option(
            "--fail-fast/--no-fail-fast",
            default=None,
            help="Stop the run at the first agent that fails for good.",
        ),
        click.option(
            "--on-impossible",
            type=click.Choice(["stop", "continue"]),
            help="What to do once the quorum cannot be reached any more.",
        ),
        _text("--name", "TEXT", "The run's name, for people."),
        _text("--spec-id", "TEXT", "Reaches every agent as SPEC_ID."),
        _text("--stage", "TEXT", "Reaches every agent as STAGE."),
        _text("--cwd", "DIRECTORY", "Where agents work; not with FILE, which says so itself."),
        _text("--stdin-file", "PATH", "What every agent reads from its standard input."),
        click.option(
            "--stdio",
            type=click.Choice(["file", "pipe", "pty"]),
            help="Where agents write: regular files, pipes, or a terminal of their own. All of it "
            "ends up in files.",
        ),
        click.option(
            "--merge/--no-merge",
            default=None,
            help="Both streams of an agent in one file, in their true order.",
        ),
        _text("--output-max", "SIZE", "Bytes that each output file may take, or 'none'."),
        click.option(
            "--on-output-max",
            type=click.Choice(["stop", "keep-tail"]),
            help="What happens then: the agent is ended, or only the tail is kept.",
        ),
        click.option(
            "--isolation",
            type=click.Choice(["auto", "session", "shim", "cgroup", "pidns"]),
            help="What holds each agent's processes together; 'auto' takes the best there is. "
            "actorch doctor tells what there is.",
        ),
        _text("--memory-max", "SIZE", "Memory of each agent's processes, such as 2G; or 'none'."),
        _text("--cpu-quota", "N", "Processors of each agent, such as 1.5 or 150%; or 'none'."),
        _text("--pids-max", "N", "How many processes each agent may have; or 'none'."),
    )


def _output_options(function: Callable[..., Any]) -> Callable[..., Any]:
    return _apply(
        function,
        click.option("--dry-run", is_flag=True, help="Show the plan; start nothing."),
        click.option("--json", is_flag=True, help="Print one JSON document at the end."),
        click.option(
            "--events", is_flag=True, help="Print a JSON object a line, as things happen."
        ),
        click.option(
            "--output",
            type=click.Choice(["prefix", "group", "keep-order", "none"]),
            help="How to show what agents print: 'prefix' each line as it comes, 'group' all of an "
            "agent's when it has ended, 'keep-order' the same in the order of the fleet, or "
            "'none'. The default is 'prefix'; on a terminal, a live table.",
        ),
        click.option(
            "-q", "--quiet", is_flag=True, help="No progress; errors and the results only."
        ),
        click.option(
            "-v", "--verbose", count=True, help="Log to standard error; -vv logs everything."
        ),
        color_option(),
        _text("--log-file", "PATH", "Log to a file, too."),
        click.option(
            "--log-format",
            type=click.Choice(["text", "json"]),
            default="text",
            help="The format of the log file.",
        ),
        state_dir_option(),
    )


def _text(*words: str) -> Decorator:
    *names, metavar, text = words
    return click.option(*names, metavar=metavar, help=text)


def _apply(function: Callable[..., Any], *options: Decorator) -> Callable[..., Any]:
    for option in reversed(options):
        function = option(function)
    return function


@click.command(cls=RunCommand, help=_HELP)
@click.argument("files", nargs=-1, type=click.UNPROCESSED)
@_fleet_options
@_output_options
@click.pass_context
def run(ctx: click.Context, /, **values: Any) -> int:
    """Read the options; the help is `_HELP`, where a backspace keeps lines apart."""
    from ._execute import execute
    from ._options import Options

    state = cast("dict[str, int]", ctx.find_object(dict) or {})
    state["verbose"] = values["verbose"]
    command = cast("tuple[str, ...] | None", ctx.meta.get(_META))
    try:
        return execute(Options(command=command, keys=_keys(ctx), **values))
    except BrokenPipeError:  # click would make it a plain 1
        return CLOSED


def _keys(ctx: click.Context) -> dict[str, str]:
    """The variables of those options that came from one."""
    from click.core import ParameterSource

    prefix = f"{ctx.auto_envvar_prefix}_"
    return {
        param.name: str(param.envvar or prefix + param.name.upper())
        for param in ctx.command.params
        if param.name and ctx.get_parameter_source(param.name) is ParameterSource.ENVIRONMENT
    }
