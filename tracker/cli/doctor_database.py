"""What the doctor finds in the database, and of the providers' webhooks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tracker.cli.context import now
from tracker.cli.doctor_providers import examine_webhooks
from tracker.errors import Misconfigured, TrackerError
from tracker.process import processor
from tracker.providers import build_providers
from tracker.queries import checkup
from tracker.queries.checks import ok, problem, warning
from tracker.store import keys, migrations
from tracker.store.database import Database, has_room

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tracker.queries.checks import Check
    from tracker.settings import Settings
    from tracker.store.database import Connection

PATIENCE = 30.0


async def examine_database(settings: Settings, dsn: str, *, embedded: bool) -> list[Check]:
    """What there is to say about the database with that DSN."""
    checks: list[Check] = []
    try:
        async with asyncio.timeout(PATIENCE):
            if embedded and (await migrations.status(dsn)).pending:
                return [warning("schema", "is an earlier version's", "`tracker serve` brings it up to date")]
            await migrations.require_current(dsn)
            async with Database.open(dsn, size=1) as database:
                async with database.connection() as conn:
                    async for check in _examine(conn, settings):
                        checks.append(check)  # noqa: PERF401  (what was found before a fault is told, too)
                checks += await examine_webhooks(settings, database)
    except Misconfigured as error:
        checks.append(problem("database", str(error), "put it right: the service does not start before"))
    except TimeoutError:
        checks.append(problem("database", f"no answer within {PATIENCE:g} s", "see what keeps it busy"))
    except TrackerError as error:
        checks.append(problem("database", str(error), "start it, or put [database] url right"))
    return checks


async def _examine(conn: Connection, settings: Settings) -> AsyncIterator[Check]:
    found = await checkup.look(conn, settings, now, (processor.NAME,), build_providers(settings).keys())
    yield ok("database", f"Postgres {found.postgres}, with this version's schema")
    for check in found.checks:
        yield check
    yield await _room(conn)
    yield await _keys(conn)


async def _room(conn: Connection) -> Check:
    if await has_room(conn):
        return ok("room", "the database can write")
    return problem("room", "the database's disk is full", "make room there now: until then, webhooks are answered 503")


async def _keys(conn: Connection) -> Check:
    if any(key.revoked_at is None for key in await keys.list_all(conn)):
        return ok("keys", "there is one for the API and the dashboard")
    return warning("keys", "nobody can use the API or the dashboard", "`tracker keys create --name me --scope admin`")
