"""Events appended: `python -m benchmarks.appending append|insert|insert_pages DSN COUNT PER_COMMIT`."""

from __future__ import annotations

import sys
from itertools import islice
from typing import TYPE_CHECKING

from benchmarks.stories import append_all, webhooks
from benchmarks.tables import PLAIN_EVENTS
from benchmarks.turns import done, go, rounds
from tracker.runtime import tuning
from tracker.store.database import Database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracker.store.database import Connection
    from tracker.store.log.event_log import Incoming

INSERT = """
insert into plain_events (source, delivery, body_hash, kind, post, occurred_at, headers, body)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict do nothing
"""


async def insert_each(conn: Connection, events: Iterator[Incoming], _per_commit: int) -> None:
    """The baseline: a row for each, by a statement of its own."""
    for e in events:
        await conn.execute(INSERT, e.source, e.delivery, e.body_hash, e.kind, e.post, e.occurred_at, e.headers, e.body)


async def insert_pages(conn: Connection, events: Iterator[Incoming], per_commit: int) -> None:
    """The same rows, many to a commit."""
    while page := list(islice(events, per_commit)):
        rows = [(e.source, e.delivery, e.body_hash, e.kind, e.post, e.occurred_at, e.headers, e.body) for e in page]
        await conn.executemany(INSERT, rows)


KINDS = {"append": append_all, "insert": insert_each, "insert_pages": insert_pages}


async def run(how: str, dsn: str, count: int, per_commit: int) -> None:
    async with Database.open(dsn, size=1) as database, database.connection() as conn:
        await conn.execute(PLAIN_EVENTS)
        for number in rounds():
            events = iter(list(webhooks(count, number)))
            go()
            await KINDS[how](conn, events, per_commit)
            done(count)


if __name__ == "__main__":
    tuning.run(run(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
