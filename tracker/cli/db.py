"""`tracker db`: the database's schema, brought forward or looked at."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import typer

from tracker.cli import FOUND_PROBLEMS, noun
from tracker.cli.context import Config, Json, open_settings
from tracker.cli.output import say, show_json, show_pairs

if TYPE_CHECKING:
    from tracker.store.migrations import MigrationStatus

db = noun("db", "The database's schema.")

FITS = "up to date"


@db.command()
def upgrade(config: Config = None, json: Json = False) -> None:
    """Bring the schema up to date; while another process does it, this one waits."""
    from tracker.embedded.server import postgres  # noqa: PLC0415  (as above)
    from tracker.store import migrations  # noqa: PLC0415  (takes half a second)

    with postgres(open_settings(config, anywhere=True)) as (dsn, _):
        applied = asyncio.run(migrations.upgrade(dsn, lambda revision: say(f"applied {revision}", aside=json)))
    if json:
        show_json({"applied": applied})
    else:
        say(f"{len(applied)} applied: the schema is up to date" if applied else "the schema is up to date")


@db.command()
def status(config: Config = None, json: Json = False) -> None:
    """Where the schema stands; exit code 1 when it is not this version's."""
    from tracker.embedded.server import postgres, require_made  # noqa: PLC0415  (as above)
    from tracker.store import migrations  # noqa: PLC0415  (takes half a second)

    settings = open_settings(config, anywhere=True)
    require_made(settings)
    with postgres(settings) as (dsn, _):
        found = asyncio.run(migrations.status(dsn))
    if json:
        show_json(found)
    else:
        show_pairs([("schema", found.current or "nothing"), ("this version's", found.head)])
        show_pairs([("pending", found.pending), ("unknown", found.unknown), ("altered", found.altered)])
        say(_advice(found))
    if _advice(found) != FITS:
        raise typer.Exit(FOUND_PROBLEMS)


def _advice(found: MigrationStatus) -> str:
    if found.unknown:
        return "the database is newer than this version of tracker: install the version that wrote it"
    if found.altered:
        return "a migration was edited after it had run here: put its file back as it was"
    return "run `tracker db upgrade`" if found.pending else FITS
