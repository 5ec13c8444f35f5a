"""`tracker serve`: run the service."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from tracker.cli import app
from tracker.cli.context import Config, known_words


@app.command()
def serve(
    config: Config = None,
    role: Annotated[
        list[str] | None, typer.Option(help="receiver, api, worker or scheduler; may be repeated; all if not named.")
    ] = None,
    migrate: Annotated[bool, typer.Option("--migrate", help="Bring the database's schema up to date first.")] = False,
) -> None:
    """Run the service: all roles in one process, or the roles named."""
    from tracker.app import Role, serve  # noqa: PLC0415  (costs a second)
    from tracker.runtime.telemetry import configure_logging  # noqa: PLC0415  (as above)
    from tracker.settings import load_settings  # noqa: PLC0415  (as above)

    roles = known_words("--role", role or list(Role), list(Role))
    settings = load_settings(config, os.environ)
    configure_logging(settings.telemetry.format, settings.telemetry.level)
    serve(settings, [Role(name) for name in roles], migrate=migrate)
