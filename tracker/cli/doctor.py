"""`tracker doctor`: what is wrong with this installation, and what to do about it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from tracker.cli import FOUND_PROBLEMS, app
from tracker.cli.context import Config, Json, open_settings, require_configured
from tracker.cli.output import counted, say, show_list
from tracker.errors import Misconfigured, TrackerError
from tracker.queries.checks import Severity, ok, problem, warning

if TYPE_CHECKING:
    from tracker.queries.checks import Check
    from tracker.settings import Settings

WIDTH = 14
PATIENCE = 15.0


@app.command()
def doctor(config: Config = None, json: Json = False) -> None:
    """Find what is wrong with this installation, and say what to do about it; exit code 1 when there is a problem."""
    require_configured(config)
    checks: list[Check] = []
    for check in _examine(config):
        checks.append(check)
        if not json:
            _tell(check)
    if json:
        names = {"check": "name", "verdict": "verdict", "found": "found", "advice": "advice"}
        show_list([{name: getattr(check, field) for name, field in names.items()} for check in checks])
    else:
        many = Counter(check.verdict for check in checks)
        parts = [counted(many[kind], kind) for kind in (Severity.PROBLEM, Severity.WARNING) if many[kind]]
        say(", ".join(parts) or "nothing is wrong")
    if any(check.verdict is Severity.PROBLEM for check in checks):
        raise typer.Exit(FOUND_PROBLEMS)


def _examine(config: Path | None) -> Iterator[Check]:
    from tracker.act.performers.channel_checks import usable  # noqa: PLC0415  (takes half a second)
    from tracker.cli.doctor_config import examine_here  # noqa: PLC0415  (as above)

    try:
        settings = open_settings(config, anywhere=True)
    except Misconfigured as error:
        for fault in (error, *getattr(error, "__notes__", ())):
            yield problem("config", str(fault), "put it right; nothing else can be looked at before")
        return
    file = config or Path("config.toml")
    if file.exists():
        yield ok("config", str(file))
    else:
        yield warning("config", f"there is no {file}: every setting has its default", "`tracker init` writes one")
    for fault in (fault for faults in usable(settings).left_out.values() for fault in faults):
        yield problem("config", str(fault), "put it right: until then nothing is sent there, and the rest works")
    yield from examine_here(settings)
    yield from _examine_database(settings)


def _examine_database(settings: Settings) -> Iterator[Check]:
    from tracker.cli.doctor_database import examine_database  # noqa: PLC0415  (takes half a second)
    from tracker.embedded.server import is_made, postgres  # noqa: PLC0415  (as above)

    if not is_made(settings):
        yield warning("database", "the embedded Postgres has not been made yet", "`tracker serve` makes it")
        return
    try:
        with postgres(settings, PATIENCE) as (dsn, embedded):
            yield from asyncio.run(examine_database(settings, dsn, embedded=embedded is not None))
    except TrackerError as error:
        yield problem("database", str(error), "`tracker serve` cannot start either before this is put right")


def _tell(check: Check) -> None:
    say(f"{check.verdict:<9}{check.name:<{WIDTH}}{check.found}")
    for line in check.advice.splitlines():
        say(f"{'':<{9 + WIDTH}}{line}")
