"""The command line: one file for each noun; imports wait until a command needs them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from tracker.errors import BadParameter, Misconfigured, TrackerError, printable

FOUND_PROBLEMS, USED_WRONGLY = 1, 2
COMPLETING = "_TRACKER_COMPLETE"
"""The variable by which a shell asks for what may come next."""

HOMES = {
    "accounts": ("accounts",),
    "actions": ("actions",),
    "bench": ("bench",),
    "channels": ("channels",),
    "completion": ("completion",),
    "db": ("db",),
    "demo": ("demo",),
    "doctor": ("doctor",),
    "figures": ("figures",),
    "init": ("init",),
    "keys": ("keys",),
    "listen": ("listen",),
    "log": ("log",),
    "mcp": ("mcp",),
    "plans": ("plans",),
    "posts": ("posts_causes", "posts_why", "posts_create", "posts_orders", "posts"),
    "providers": ("providers",),
    "quarantine": ("quarantine",),
    "reconcile": ("reconcile",),
    "rules": ("posts_why", "rules_backtest", "rules_list", "rules_plan", "rules"),
    "runs": ("runs",),
    "send": ("send",),
    "serve": ("serve",),
    "silences": ("silences",),
    "simulate": ("serve",),
    "webhooks": ("webhooks",),
}
"""The files that have the commands behind each word: who has said one needs no others."""


class CommandLine(TyperGroup):
    """All commands; what the API calls a bad parameter is an option used wrongly here."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BadParameter as error:
            raise typer.BadParameter(str(error), param_hint=f"--{error.parameter.replace('_', '-')}") from error


app = typer.Typer(
    name="tracker",
    cls=CommandLine,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich" if sys.stdout.isatty() else None,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415  (only where it is needed)

        print(f"tracker {version('tracker')}")  # noqa: T201  (this is what a command line does)
        raise typer.Exit


@app.callback()
def tracker(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version, and end.")
    ] = False,
) -> None:
    """Knows what became of every social post."""


def noun(name: str, what: str) -> typer.Typer:
    """The commands that stand behind one word."""
    commands = typer.Typer(no_args_is_help=True, help=what)
    app.add_typer(commands, name=name)
    return commands


def every_command(words: Iterable[str] = HOMES) -> typer.Typer:
    """The command line with all that it knows, or what stands behind these words: the import is the registration."""
    for word in words:
        for home in HOMES[word]:
            import_module(f"tracker.cli.{home}")
    return app


def command_line(word: str | None = None) -> Any:
    """All commands, ready to be called, or those behind one word; what their helps say is text, also in brackets."""
    whole = typer.main.get_command(every_command([word] if word in HOMES else HOMES))
    if COMPLETING in os.environ:
        from typer._completion_classes import completion_init  # noqa: PLC0415  (only where a shell asks)

        completion_init()
    if app.rich_markup_mode:
        _as_text(whole)
    return whole


def _as_text(command: Any) -> None:
    from rich.markup import escape  # noqa: PLC0415  (only where there is a terminal)

    for part in (command, *command.params):
        part.help = escape(part.help) if part.help else part.help
    for inner in getattr(command, "commands", {}).values():
        _as_text(inner)


def main() -> None:
    """Run the command line; what we raise on purpose is told in clear lines, and no traceback."""
    try:
        command_line(sys.argv[1] if len(sys.argv) > 1 else None)(prog_name="tracker")
    except TrackerError as error:
        for line in (error, *getattr(error, "__notes__", ())):
            print(f"tracker: {printable(str(line), keep=chr(10))}", file=sys.stderr)  # noqa: T201  (this is what a command line does)
        sys.exit(USED_WRONGLY if isinstance(error, Misconfigured) else FOUND_PROBLEMS)
