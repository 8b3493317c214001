"""The command `actorch`: its group, its version, and the commands in it."""

from __future__ import annotations

import os

import click

from ._doctor_command import doctor
from ._gc_command import gc
from ._logs_command import logs
from ._run_command import run
from ._send_command import send

__all__ = ["app"]


class App(click.Group):
    """A group that knows what was meant when `run` was left out."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; for a fleet file in its place, say how it is run."""
        name = args[0]
        if name not in self.commands and name.endswith(".toml") and os.path.exists(name):
            raise click.UsageError(f"to run this fleet: actorch run {name}", ctx)
        return super().resolve_command(ctx, args)


def _print_version(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import PackageNotFoundError, version

        try:
            found = version("actorch-agents")
        except PackageNotFoundError:
            found = "of a checkout, not installed"
        click.echo(f"actorch {found}")
        ctx.exit()


@click.group(
    cls=App,
    name="actorch",
    invoke_without_command=True,
    context_settings={
        "auto_envvar_prefix": "ACTORCH",
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
    },
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    allow_from_autoenv=False,
    callback=_print_version,
    help="Show the version and exit.",
)
@click.pass_context
def app(ctx: click.Context) -> int:
    """Run fleets of agents: every process owned, supervised, and never left behind."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help(), err=True)
        ctx.exit(2)
    return 0


for command in (run, logs, send, gc, doctor):
    app.add_command(command)
