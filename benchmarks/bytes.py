"""What an event leaves behind, by table and by index, and what of it retention frees."""

from __future__ import annotations

import asyncio
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg

from benchmarks.comparing import Comparison, Failed
from benchmarks.placing import OTHERS
from benchmarks.processing import readers
from benchmarks.programs import a_server, free_port, python
from benchmarks.reaction import RULE
from benchmarks.serving import tracker, until_ready
from benchmarks.stories import PER_COMMIT, STORY, append_all, webhooks
from tracker.process import retention
from tracker.runtime.telemetry import configure_logging
from tracker.settings.sections import Retention
from tracker.store.database import Database

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.bench import Bench

EVENTS = 20_000
ALL = "all of it"
LATER, KEPT = timedelta(days=800), Retention()
STEP = timedelta(microseconds=100)
PATIENCE = 300.0
LEAST = 10.0
"""Bytes an event: what is less is a table's first page."""

TABLES = """
select coalesce(parent.relname, c.relname) as name, sum(pg_table_size(c.oid))::bigint as heap,
       sum(pg_indexes_size(c.oid))::bigint as indexes
  from pg_class c
  left join pg_inherits i on i.inhrelid = c.oid
  left join pg_class parent on parent.oid = i.inhparent
 where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
 group by 1
"""

INDEXES = """
select coalesce(parent.relname, c.relname) as name, coalesce(parent_table.relname, t.relname) as table,
       min(regexp_replace(pg_get_indexdef(c.oid), '.* USING ', '')) as columns,
       sum(pg_relation_size(c.oid))::bigint as bytes
  from pg_class c
  join pg_index x on x.indexrelid = c.oid
  join pg_class t on t.oid = x.indrelid
  left join pg_inherits i on i.inhrelid = c.oid
  left join pg_class parent on parent.oid = i.inhparent
  left join pg_inherits it on it.inhrelid = t.oid
  left join pg_class parent_table on parent_table.oid = it.inhparent
 where c.relnamespace = 'public'::regnamespace and c.relkind = 'i'
 group by 1, 2
"""

DAYS = "select count(*) from log_days"
DONE = """
select count(*) from events e join subscriptions s on s.name = 'processor' and s.bucket = e.bucket
 where e.kind = 'action.done' and (e.epoch < s.epoch or e.epoch = s.epoch and pg_visible_in_snapshot(e.xid, s.snapshot))
"""


def compare(bench: Bench) -> list[Comparison]:
    """Once: the same events leave the same rows."""
    configure_logging("json", "error")
    events = max(bench.events, default=EVENTS)
    found = Comparison("bytes", f"What each of {events:,} events leaves, five to a post, of which one makes a rule act")
    bench.tell(f"bytes: {events:,} events")
    with bench.store.fresh() as dsn, tempfile.TemporaryDirectory() as folder:
        sink = free_port()
        with (
            a_server(python("benchmarks.sink", sink, Path(folder) / "heard"), sink, cores=OTHERS),
            tracker(dsn, rules=RULE, sink=sink) as (server, port),
        ):
            until_ready(port, server)
            asyncio.run(_measured(found, dsn, events))
    return [found]


async def _measured(found: Comparison, dsn: str, events: int) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await _append(dsn, events)
        await _until(connection, DONE, events // len(STORY), "calls made")
        await connection.execute("vacuum")
        tables, indexes, rows = await _sizes(connection), await connection.fetch(INDEXES), await _rows(connection)
        await _forget(dsn, connection)
        await connection.execute("vacuum")
        after, left = await _sizes(connection), await _rows(connection)
    finally:
        await connection.close()
    for name in sorted(tables, key=lambda name: -sum(tables[name])):
        heap, index = tables[name]
        remains = (heap + index) * left.get(name, 0) / rows[name] if rows[name] else sum(after.get(name, (0, 0)))
        sizes = {"bytes": heap + index, "heap": heap, "indexes": index, "remains": remains}
        if _add(found, name, "", events, sizes) and rows[name] >= events // 10:
            for one in indexes:
                if one["table"] == name:
                    _add(found, f"  {one['name']}", one["columns"], events, {"bytes": one["bytes"]})
    measures = ("bytes", "heap", "indexes", "remains")
    whole = {one: sum(runs[0][one] for runs in found.runs.values() if "heap" in runs[0]) for one in measures}
    found.runs = {ALL: [whole], **found.runs}
    found.about[ALL] = "without tables of less than ten bytes an event"


async def _append(dsn: str, events: int) -> None:
    """A rule does not act on what was before it, nor on what is still to come."""
    began = datetime.now(UTC)
    await asyncio.sleep(events * STEP.total_seconds())
    async with Database.open(dsn, size=2) as database, database.connection() as conn:
        await append_all(conn, webhooks(events, start=began, step=STEP), PER_COMMIT)


def _add(found: Comparison, name: str, about: str, events: int, sizes: Mapping[str, float]) -> bool:
    """Whether it is worth a line: most tables have nothing to do with events."""
    figures = {measure: size / events for measure, size in sizes.items()}
    if max(figures.values()) < LEAST and "heap" in figures:
        return False
    found.runs[name] = [figures]
    if about:
        found.about[name] = about
    return True


async def _sizes(connection: asyncpg.Connection) -> dict[str, tuple[int, int]]:
    return {row["name"]: (row["heap"], row["indexes"]) for row in await connection.fetch(TABLES)}


async def _rows(connection: asyncpg.Connection) -> dict[str, int]:
    names = [row["name"] for row in await connection.fetch(TABLES)]
    return {name: await connection.fetchval(f"select count(*) from {name}") for name in names}


async def _forget(dsn: str, connection: asyncpg.Connection) -> None:
    """As the jobs do it, when all of this is older than anything is kept; the service reads on meanwhile."""
    later = datetime.now(UTC) + LATER
    async with Database.open(dsn, size=2) as database:
        await retention.seal_past_days(database, later)
        deadline = time.monotonic() + PATIENCE
        while await connection.fetchval(DAYS) > len(await retention.days_to_drop(database, later, KEPT.events)):
            if time.monotonic() > deadline:
                raise Failed("the processor has not read beyond the last of the days")
            await asyncio.sleep(0.2)
        await retention.prune(database, readers(), later, KEPT)


async def _until(connection: asyncpg.Connection, query: str, count: int, what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while await connection.fetchval(query) < count:
        if time.monotonic() > deadline:
            raise Failed(f"not {count:,} {what} within {PATIENCE:.0f} s")
        await asyncio.sleep(0.5)
