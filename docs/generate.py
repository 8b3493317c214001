"""Write the parts of the reference that are told by the code: `python docs/generate.py`.

A page holds them between `<!-- generated: NAME -->` and `<!-- end -->`. `--check` changes nothing
and exits 1 if a page is out of date; a test does the same.
"""

import argparse
import ast
import errno
import inspect
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from actorch.actors import ExitReason
    from actorch.supervisors._strategy import RestartType, Strategy

HERE = os.path.dirname(os.path.abspath(__file__))
REGION = re.compile(r"(<!-- generated: ([\w-]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table; a bar within a cell is escaped."""
    lines = [list(head)]
    lines += [[cell.replace("|", "\\|") for cell in row] for row in rows]
    lines.insert(1, ["---"] * len(lines[0]))
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def member_docs(cls: type[Enum]) -> dict[str, str]:
    """The string below each member of an enumeration."""
    body = ast.parse(inspect.getsource(cls)).body[0]
    assert isinstance(body, ast.ClassDef)
    found: dict[str, str] = {}
    for node, after in zip(body.body, body.body[1:], strict=False):
        if isinstance(node, ast.Assign) and isinstance(after, ast.Expr):
            name = node.targets[0]
            assert isinstance(name, ast.Name)
            assert isinstance(after.value, ast.Constant)
            found[name.id] = " ".join(str(after.value.value).split())
    return found


def members(cls: type[Enum], head: str) -> str:
    words = member_docs(cls)
    return table((head, "meaning"), ((f"`{one.value}`", words.get(one.name, "")) for one in cls))


def states() -> str:
    from actorch.actors import AgentEvent, AgentState
    from actorch.actors._states import IGNORED, TRANSITIONS

    def cell(entry: object) -> str:
        if isinstance(entry, AgentState):
            return f"`{entry.value}`"
        return "-" if entry is IGNORED else ""

    shown = [state for state in AgentState if not state.final]
    rows = [
        (f"`{event.value}`", *(cell(TRANSITIONS[state][event]) for state in shown))
        for event in AgentEvent
    ]
    return table(("event", *(f"in `{state.value}`" for state in shown)), rows)


def agent_states() -> str:
    from actorch.actors import AgentState

    return members(AgentState, "state")


def agent_events() -> str:
    from actorch.actors import AgentEvent

    return members(AgentEvent, "event")


def verdicts() -> str:
    from actorch.supervisors import Verdict

    return members(Verdict, "verdict")


def exit_classes() -> str:
    from actorch.actors import ExitClass

    return members(ExitClass, "class")


def error_tree() -> str:
    from actorch.actors import _errors

    text = (_errors.__doc__ or "").split("\n\n", 1)[1].strip()
    return f"```text\n{text}\n```\n"


def errors() -> str:
    from actorch.actors import AgentError, _errors

    def row(name: str) -> tuple[str, ...]:
        cls = getattr(_errors, name)
        kind = f"`{cls.kind}`" if issubclass(cls, AgentError) else ""
        return (f"`{name}`", str(cls.exit_code), "yes" if cls.retryable else "no", kind)

    return table(
        ("class", "exit code", "retryable", "word in JSON and history"), map(row, _errors.__all__)
    )


def exit_codes() -> str:
    from actorch.cli._exit_codes import EXIT_CODES

    return table(("exit code", "meaning"), ((str(n), text) for n, text in EXIT_CODES.items()))


def commands() -> Iterator[tuple[click.Context, click.Command]]:
    """Every command of the tree, with a context that knows its path."""
    from actorch.cli._app import app

    waiting: list[tuple[click.Context | None, str, click.Command]] = [(None, "actorch", app)]
    while waiting:
        parent, name, command = waiting.pop(0)
        context = click.Context(command, info_name=name, parent=parent, **command.context_settings)
        yield context, command
        if isinstance(command, click.Group):
            for child in command.list_commands(context):
                found = command.get_command(context, child)
                assert found is not None
                if not found.hidden:
                    waiting.append((context, child, found))


def prose(command: click.Command) -> str:
    """The help text of a command; an indented block stays as it is."""
    text = inspect.cleandoc(command.help or "").split("\f")[0].replace("\b\n", "")
    return text.strip()


def option_row(context: click.Context, option: click.Option) -> tuple[str, ...]:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    value = "" if option.is_flag or option.count else option.make_metavar(context)
    variable = option.envvar or automatic_variable(context, option)
    return (
        names,
        f"`{value}`" if value else "",
        f"`{variable}`" if variable else "",
        option.help or "",
    )


def automatic_variable(context: click.Context, option: click.Option) -> str:
    prefix = context.auto_envvar_prefix
    allowed = prefix and option.allow_from_autoenv and option.name
    return f"{prefix}_{option.name}".upper() if allowed and option.name else ""


def cli() -> str:
    parts: list[str] = []
    for context, command in commands():
        parts.append(f"## {context.command_path}\n\n")
        parts.append(f"```text\n{command.get_usage(context)}\n```\n\n{prose(command)}\n\n")
        options = [
            p for p in command.get_params(context) if isinstance(p, click.Option) and not p.hidden
        ]
        head = ("option", "value", "variable", "meaning")
        parts.append(table(head, (option_row(context, option) for option in options)) + "\n")
    return "".join(parts)


def ends() -> Iterator[tuple[str, "ExitReason"]]:
    """Every way in which a child may end, in words, and its reason."""
    from actorch import actors

    crash, exited = RuntimeError(), actors.NonZeroExitError("agent", "", code=1)
    missing = actors.SpawnError("agent", "", stage="command", errno=errno.ENOENT)
    stopped = actors.CancelledError("agent", "")
    yield "it was asked to stop, or stopped itself", actors.Normal()
    yield "it was told to, as its supervisor would", actors.Shutdown()
    yield "it was killed", actors.Killed()
    yield "it raised, told or asked", actors.Crashed(crash)
    yield "its `__init__`, `on_start` or factory raised", actors.StartFailed(crash)
    yield "there is no such program, or no right to run it", actors.StartFailed(missing)
    yield "its process exited with a success code", actors.ProcessExit(0, None)
    yield "its process exited with another code", actors.ProcessExit(1, None, error=exited)
    yield (
        "its process was ended by a signal from outside",
        actors.ProcessExit(None, 9, error=actors.SignalExitError("agent", "", signal=9)),
    )
    yield (
        "its process ended when it had been told to",
        actors.ProcessExit(None, 15, requested=True, error=stopped),
    )
    yield "its process took, or was silent, too long", actors.TimedOut("timeout")
    yield (
        "it is a supervisor, and a budget was exceeded",
        actors.BudgetExceeded("child", 5, 300.0, actors.Crashed(crash)),
    )


def restarts() -> str:
    from actorch.supervisors._strategy import RESTART_TYPES, wants_restart

    def cell(restart: "RestartType", reason: "ExitReason") -> str:
        if not wants_restart(restart, reason):
            return "ends"
        return "given up" if reason.hopeless else "**again**"

    rows = [
        (words, f"`{type(reason).__name__}`", *(cell(one, reason) for one in RESTART_TYPES))
        for words, reason in ends()
    ]
    return table(("how a child ended", "reason", *(f"`{one}`" for one in RESTART_TYPES)), rows)


def strategies() -> str:
    from actorch.supervisors._strategy import STRATEGIES, bystanders

    children = ("a", "b", "c", "d")

    def row(strategy: "Strategy") -> tuple[str, ...]:
        others = bystanders(strategy, children, "b")
        moved = [one for one in children if one == "b" or one in others]
        stopped = ", ".join(one for one in reversed(moved) if one != "b")
        return f"`{strategy}`", stopped or "nobody", ", ".join(moved)

    return table(
        ("strategy", "is stopped, in this order", "is started, in this order"), map(row, STRATEGIES)
    )


GENERATORS: dict[str, Callable[[], str]] = {
    "agent-events": agent_events,
    "agent-states": agent_states,
    "cli": cli,
    "error-tree": error_tree,
    "errors": errors,
    "exit-classes": exit_classes,
    "exit-codes": exit_codes,
    "restarts": restarts,
    "states": states,
    "strategies": strategies,
    "verdicts": verdicts,
}


def pages() -> Iterator[str]:
    for directory, _directories, names in os.walk(HERE):
        if "_build" not in directory:
            yield from (os.path.join(directory, name) for name in names if name.endswith(".md"))


def renewed(text: str) -> str:
    """A page with each region as the code has it now."""
    return REGION.sub(lambda found: f"{found[1]}\n{GENERATORS[found[2]]()}\n{found[4]}", text)


def outdated() -> dict[str, str]:
    """The pages that are not what the code says, and what they would have to be."""
    found: dict[str, str] = {}
    for path in pages():
        with open(path, encoding="utf-8") as file:
            text = file.read()
        if (new := renewed(text)) != text:
            found[path] = new
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if outdated")
    check: bool = parser.parse_args().check
    changed = outdated()
    for path, text in sorted(changed.items()):
        print(os.path.relpath(path, HERE))
        if not check:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
    return 1 if check and changed else 0


if __name__ == "__main__":
    sys.exit(main())
