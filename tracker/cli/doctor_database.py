"""What the doctor sees in the database: its schema and clock, who reads, and what waits for a person."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING

from tracker.cli.context import now
from tracker.cli.doctor import Finding, ok, problem, warning
from tracker.cli.doctor_providers import examine_drift, examine_heard, examine_standings, examine_webhooks
from tracker.cli.output import written
from tracker.domain.duration import TOLERANCE
from tracker.domain.posts.post import FOLD_VERSION
from tracker.errors import Misconfigured, TrackerError
from tracker.process import processor
from tracker.queries import actions, health
from tracker.store import keys, migrations
from tracker.store.checkpoints import processes
from tracker.store.database import Database, has_room
from tracker.store.posts import projections
from tracker.store.reactions import rule_book

if TYPE_CHECKING:
    from tracker.queries.health import Reader
    from tracker.settings import Settings
    from tracker.store.database import Connection

PATIENCE = 30.0
LATELY = timedelta(days=1)
SEEN = 200
NOTHING_LOST = "set synchronous_standby_names = 'ANY 1 (…)' with your standbys, and leave synchronous_commit on"


async def examine_database(settings: Settings, dsn: str, *, embedded: bool) -> list[Finding]:
    """What there is to say about the database with that DSN."""
    findings: list[Finding] = []
    try:
        async with asyncio.timeout(PATIENCE):
            if embedded and (await migrations.status(dsn)).pending:
                return [warning("schema", "is an earlier version's", "`tracker serve` brings it up to date")]
            await migrations.require_current(dsn)
            async with Database.open(dsn, size=1) as database:
                async with database.connection() as conn:
                    async for finding in _examine(conn, settings):
                        findings.append(finding)  # noqa: PERF401  (what was found before a fault is told, too)
                findings += await examine_webhooks(settings, database)
    except Misconfigured as error:
        findings.append(problem("database", str(error), "put it right: the service does not start before"))
    except TimeoutError:
        findings.append(problem("database", f"no answer within {PATIENCE:g} s", "see what keeps it busy"))
    except TrackerError as error:
        findings.append(problem("database", str(error), "start it, or put [database] url right"))
    return findings


async def _examine(conn: Connection, settings: Settings) -> AsyncIterator[Finding]:
    yield ok("database", f"Postgres {await health.server_version(conn)}, with this version's schema")
    yield await _clock(conn)
    async for finding in _agents(conn):
        yield finding
    if ahead := await health.fired_after(conn, now() + TOLERANCE):
        yield warning(
            "firings", f"dated in the future, up to {max(ahead.values()):%Y-%m-%d %H:%M} UTC: {', '.join(ahead)}",
            "a clock was ahead; if it is right now, nothing is to be done: they hold nothing back",
        )  # fmt: skip
    readers = await health.readers(conn, (processor.NAME,), settings.engine.silence)
    for reader in readers:
        yield _reader(reader)
    if any(reader.buckets for reader in readers) and not await health.open_days(conn, now()):
        yield warning("log", "no day is ready for the next events", "let a process run with the role scheduler")
    for doubt in (await _made_anew(conn), await _refused(conn)):
        if doubt:
            yield doubt
    if risk := await health.may_lose(conn):
        yield warning("replication", risk, NOTHING_LOST)
    for look in (_room, _parked, _held, _forged, _actions, _keys):
        yield await look(conn)
    heard = examine_heard(conn, settings, now())
    for findings in (examine_standings(conn, settings), heard, examine_drift(conn, settings)):
        async for finding in findings:
            yield finding


async def _agents(conn: Connection) -> AsyncIterator[Finding]:
    for process in await processes.living(conn):
        for name, how in process.failing.items():
            advice = "its log says more; it is begun again until it runs, and until then its work is not done"
            yield problem("agents", f"the {name} of {process.node} {how}", advice)


async def _clock(conn: Connection) -> Finding:
    difference = await health.clock_difference(conn, now)
    found = f"{difference.total_seconds():.1f} s from the database's"
    advice = "let both machines keep their time by NTP: leases and times of arrival go by it"
    if difference > health.CLOCK_FAR_OFF:
        return problem("clock", found, advice)
    return warning("clock", found, advice) if difference > health.CLOCK_OFF else ok("clock", found)


async def _made_anew(conn: Connection) -> Finding | None:
    """Whether the posts are what this version makes of the log."""
    making = await projections.making(conn)
    if making.busy and making.filled is not None:
        return warning(
            "posts", f"are being made anew: {making.filled:.0%} of the log is folded",
            "nothing is to be done: those in use are served until then",
        )  # fmt: skip
    if making.fold < FOLD_VERSION:
        return warning("posts", "were made by an earlier version", "`tracker serve` makes them anew as it runs")
    return None


async def _refused(conn: Connection) -> Finding | None:
    known = await rule_book.standing(conn)
    if not known.refused_at:
        return None
    instead = f"the last good rules, of {written(known.kept_at)}, are" if known.kept_at else "no rule is"
    found = f"refused since {written(known.refused_at)}; {instead} in force: {known.refused}"
    return problem("rules", found, "put it right; `tracker rules check` says when it is")


def _reader(reader: Reader) -> Finding:
    if not reader.buckets:
        return warning(reader.name, reader.fault, "`tracker serve` begins it")
    if reader.fault:
        return problem(reader.name, reader.fault, "start `tracker serve`, or look into its log")
    behind = timedelta(seconds=round(reader.lag or 0))
    if behind > health.BEHIND:
        tell = problem if behind > health.FAR_BEHIND else warning
        return tell(reader.name, f"is {written(behind)} behind", "let more processes run with the role worker")
    return ok(reader.name, "reads, and is not behind")


async def _room(conn: Connection) -> Finding:
    if await has_room(conn):
        return ok("room", "the database can write")
    return problem("room", "the database's disk is full", "make room there now: until then, webhooks are answered 503")


async def _parked(conn: Connection) -> Finding:
    rows = await health.parked(conn, SEEN)
    if not rows:
        return ok("parked", "nothing was set aside")
    newest = rows[0]
    many = f"{SEEN} or more" if len(rows) == SEEN else str(len(rows))
    return problem(
        "parked", f"{many} set aside, the newest by the {newest.subscription}: {newest.error}",
        "update to a version that can handle it, then `tracker log rebuild`",
    )  # fmt: skip


async def _held(conn: Connection) -> Finding:
    if held := await health.held_in_quarantine(conn):
        return warning("quarantine", f"{held} held", "`tracker quarantine list`, then replay or discard them")
    return ok("quarantine", "nothing is held")


async def _forged(conn: Connection) -> Finding:
    forged = await health.forged(conn, now() - LATELY)
    if not forged:
        return ok("signatures", "all were right in the last day")
    return warning(
        "signatures", f"{sum(forged.values())} wrong in the last day: {', '.join(forged)}",
        "if the provider sent them, put its webhook_secrets right, then `tracker quarantine replay`",
    )  # fmt: skip


async def _actions(conn: Connection) -> Finding:
    if waiting := await actions.count_by_state(conn, ("dead", "unknown")):
        found = ", ".join(f"{number} {state}" for state, number in sorted(waiting.items()))
        return warning("actions", found, "retry or discard them, on the dashboard or by the API")
    return ok("actions", "none is dead or unknown")


async def _keys(conn: Connection) -> Finding:
    if any(key.revoked_at is None for key in await keys.list_all(conn)):
        return ok("keys", "there is one for the API and the dashboard")
    return warning("keys", "nobody can use the API or the dashboard", "`tracker keys create --name me --scope admin`")
