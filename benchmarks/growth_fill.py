"""A store with many events in it, filled by SQL: posts, the log, its ledger, transitions, and actions that are done."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

from benchmarks import lists
from tracker.process import processor
from tracker.store import keys
from tracker.store.checkpoints import assignments
from tracker.store.database import Database
from tracker.store.log import feed

if TYPE_CHECKING:
    from tracker.store.database import Connection

PER_POST, PER_ACTION = 5, 10
CHUNK = 500_000

LEDGER = """
insert into deliveries (source, delivery, body_hash, position, day)
select source, delivery, body_hash, position, day from events where position >= $1 and position < $2
"""

ACTIONS = """
insert into actions (id, idempotency_key, verb, target, payload, due_at, provider, post, bucket, state, reason,
                     attempts, lease, created_at, finished_at)
select md5('old-' || n)::uuid, 'old-' || n, 'send', 'sink-' || n % 50, '{}', at, 'sosyalkopru', 'post_' || n, n % 16,
       'done', 'ok', 1, 1, at, at
  from (select n, $3::timestamptz - n * interval '1 s' as at from generate_series($1::bigint, $2::bigint - 1) n) one
"""

ATTEMPTS = """
insert into action_attempts (action, attempt, lease, started_at, finished_at, outcome, reason, latency_ms)
select md5('old-' || n)::uuid, 1, 1, at, at, 'done', 'ok', 5
  from (select n, $3::timestamptz - n * interval '1 s' as at from generate_series($1::bigint, $2::bigint - 1) n) one
"""


async def fill(dsn: str, events: int) -> str:
    """So many, of a fifth as many posts, all of them read by everybody; answers a key that may read."""
    with redirect_stdout(sys.stderr):
        await lists.fill(dsn, max(lists.OF_THE_BIG, events // PER_POST), events)
    async with Database.open(dsn, size=1) as database, database.connection() as conn:
        await _in_chunks(conn, LEDGER, events)
        await _in_chunks(conn, ACTIONS, events // PER_ACTION, lists.NOW)
        await _in_chunks(conn, ATTEMPTS, events // PER_ACTION, lists.NOW)
        await conn.execute("vacuum analyze")
        here = await feed.head(conn)
        await assignments.create(conn, processor.NAME, here)
        _, key = await keys.create(conn, "benchmark", ["read"], lists.NOW)
    return key


async def _in_chunks(conn: Connection, statement: str, count: int, *more: object) -> None:
    for begin in range(1, count + 1, CHUNK):
        await conn.execute(statement, begin, min(begin + CHUNK, count + 1), *more, timeout=3600)
