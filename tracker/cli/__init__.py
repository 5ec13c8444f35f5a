"""The command line: one file for each noun; imports wait until a command needs them."""

from __future__ import annotations

import sys

import typer

from tracker.errors import Misconfigured, TrackerError

app = typer.Typer(name="tracker", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def tracker() -> None:
    """Knows what became of every social post."""


FOUND_PROBLEMS, USED_WRONGLY = 1, 2


def main() -> None:
    """Run the command line; what we raise on purpose is one clear line, and no traceback."""
    from tracker.cli import demo, serve  # noqa: F401, PLC0415  (the import is the registration)

    try:
        app()
    except Misconfigured as error:
        print(f"tracker: {error}", file=sys.stderr)  # noqa: T201  (this is what a command line does)
        sys.exit(USED_WRONGLY)
    except TrackerError as error:
        print(f"tracker: {error}", file=sys.stderr)  # noqa: T201  (as above)
        sys.exit(FOUND_PROBLEMS)
