"""The command line: one file for each noun; imports wait until a command needs them."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Annotated, Any

import typer

from tracker.errors import Misconfigured, TrackerError, printable

FOUND_PROBLEMS, USED_WRONGLY = 1, 2

app = typer.Typer(
    name="tracker",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich" if sys.stdout.isatty() else None,
)


def _show_version(wanted: bool) -> None:
    if wanted:
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


def every_command() -> typer.Typer:
    """The command line with all that it knows."""
    from tracker.cli import (  # noqa: PLC0415  (the import is the registration)
        asking,  # noqa: F401
        backtesting,  # noqa: F401
        bench,  # noqa: F401
        channels,  # noqa: F401
        db,  # noqa: F401
        demo,  # noqa: F401
        doctor,  # noqa: F401
        init,  # noqa: F401
        keys,  # noqa: F401
        log,  # noqa: F401
        posting,  # noqa: F401
        posts,  # noqa: F401
        quarantine,  # noqa: F401
        reconcile,  # noqa: F401
        rules,  # noqa: F401
        send,  # noqa: F401
        serve,  # noqa: F401
        simulate,  # noqa: F401
        webhook_test,  # noqa: F401
        webhooks,  # noqa: F401
    )

    return app


def command_line() -> Any:
    """All commands, ready to be called; what their helps say is text, also where it stands in brackets."""
    whole = typer.main.get_command(every_command())
    if app.rich_markup_mode:
        _as_text(whole)
    return whole


def _as_text(command: Any) -> None:
    from rich.markup import escape  # noqa: PLC0415  (only where there is a terminal)

    for one in (command, *command.params):
        one.help = escape(one.help) if one.help else one.help
    for inner in getattr(command, "commands", {}).values():
        _as_text(inner)


def main() -> None:
    """Run the command line; what we raise on purpose is told in clear lines, and no traceback."""
    try:
        command_line()(prog_name="tracker")
    except TrackerError as error:
        for line in (error, *getattr(error, "__notes__", ())):
            print(f"tracker: {printable(str(line), keep=chr(10))}", file=sys.stderr)  # noqa: T201  (this is what a command line does)
        sys.exit(USED_WRONGLY if isinstance(error, Misconfigured) else FOUND_PROBLEMS)
