"""The event log: appending with dedup in the same transaction, and the order in which it may be read.

Position is not commit order. A sequence gives position 7 to one transaction and 8 to another, and 8 may commit
first. A reader that has seen 8 and remembers "after 8" never sees 7: it is lost, silently, under exactly the load
that matters. Waiting for gaps to fill does not help either, because a rolled back transaction leaves a gap that
never fills, and a long transaction would stall everyone.

So each row carries the id of the transaction that wrote it (`xid`), and a checkpoint is not a number but a
`pg_snapshot`: the set of transactions that had ended when it was taken. The next batch is what the new snapshot
sees and the old one did not:

* rows with xid >= old.xmax that the new snapshot sees: a range of the index (epoch, xid, position);
* rows whose xid was in progress in the old snapshot and has ended since: one probe of that index for each of the
  few transactions named in it. A transaction that stays open for an hour is one probe, not a wider range.

Within a batch rows come by (xid, position), and a batch that is cut for its size is cut between transactions, so
that the checkpoint after it is again a plain snapshot. `feed.py` reads this way.

Transaction ids belong to one cluster. A restored dump starts a new epoch (`epoch.py`), and a reader finishes the
rows of the old one before it goes on in the new.

A row is put into the partition of its day. Once a day is sealed, no row can enter it any more, and a reader whose
checkpoint has seen the seal leaves that partition out.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from datetime import datetime
from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec
from msgspec.structs import replace

from tracker.store.wakeups import EVENTS
from tracker.store.waking import wake_after_commit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from tracker.store.database import Connection, Row

MAX_BATCH = 1000


class Unstorable(Exception):
    """Raised when Postgres cannot hold one of the values; none of the batch was kept."""


class Incoming(msgspec.Struct, frozen=True):
    """One event that asks to be kept. `delivery` and `body_hash` are what it must not share with another one."""

    source: str
    provider: str
    delivery: str
    body_hash: bytes
    kind: str
    post: str | None
    bucket: int
    received_at: datetime
    body: bytes
    headers: Mapping[str, str]
    occurred_at: datetime | None = None
    more_posts: tuple[tuple[str, int], ...] = ()


class Receipt(msgspec.Struct, frozen=True):
    """Where the event is kept; `duplicate` when it was there already."""

    position: int
    duplicate: bool = False


APPENDING = """incoming as materialized (
  select t.*, nextval('events_position_seq') as position,
         coalesce(t.open, (t.received_at at time zone 'UTC')::date) as day
    from unnest($1::smallint[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::text[], $7::text[],
                $8::timestamptz[], $9::timestamptz[], $10::text[], $11::bytea[], $12::date[]) with ordinality
      as t (bucket, source, provider, delivery, body_hash, kind, post,
            occurred_at, received_at, headers, body, open, ord)
   where {wanted}
), claimed as (
  insert into deliveries (source, delivery, body_hash, position, day)
  select source, delivery, body_hash, position, day from incoming order by ord
  on conflict do nothing
  returning position
), appended as (
  insert into events (position, day, epoch, bucket, source, provider, delivery, body_hash, kind, post, part,
                      occurred_at, received_at, conflict, headers, body)
  select position, day, (select max(epoch) from log_epochs), bucket, source, provider, delivery, body_hash, kind, post,
         0, occurred_at, received_at, $13, headers::json, body
    from incoming join claimed using (position)
), kept as (
  select ord::integer - 1 as place, position from incoming join claimed using (position)
)"""
"""Parts of a statement that keeps what is wanted and new of its first thirteen values, by `write`."""

APPEND = f"with {APPENDING.format(wanted='true')} select place, position from kept"

APPEND_FURTHER_PARTS = """
insert into events (day, epoch, bucket, source, provider, delivery, body_hash, kind, post, part,
                    occurred_at, received_at, conflict, headers, body)
select e.day, e.epoch, t.bucket, e.source, e.provider, e.delivery, e.body_hash, e.kind, t.post, t.part::smallint,
       e.occurred_at, e.received_at, e.conflict, e.headers, e.body
  from unnest($2::text[], $3::smallint[]) with ordinality as t (post, bucket, part)
 cross join (select * from events where position = $1 and part = 0) e
"""

FIND_EARLIER_DELIVERY = """
select position, (delivery = $2) as same_delivery, (body_hash = $3) as same_body
  from (select * from deliveries where source = $1 and delivery = $2
        union
        select * from deliveries where source = $1 and body_hash = $3) earlier
 order by same_body desc, same_delivery desc
 limit 1
"""

HOLD_DELIVERY = "select pg_advisory_xact_lock(hashtextextended($1, 0))"

FIND_BODY = "select position from deliveries where source = $1 and body_hash = $2"

FIND_DELIVERY = """
select position from deliveries where source = $1 and delivery >= $2 and delivery <= $2 order by delivery limit 1
"""
"""In the order of its key, so that an index of bodies is never as good."""

RECORD_REPEAT = """
insert into repeats (source, delivery, same, position, received_at) values ($1, $2, $3, $4, $5)
"""

OPEN_DAY_FROM = """
select coalesce(
  (select day from log_days where day = $1 and sealed_by is null),
  (select min(day) from log_days where day > $1 and sealed_by is null),
  (select max(day) + 1 from log_days)
)
"""


async def append(conn: Connection, events: Sequence[Incoming]) -> list[Receipt]:
    """Keep every event once; the answer names, in the same order, where each one is.

    Outside a transaction this is one statement when nothing repeats and no event is about several posts. What another
    is just appending is waited for; where both wait for each other, the one that Postgres stops appends once more.
    Whoever reads the log is woken when it is committed. Raises Unstorable, and keeps none, when Postgres cannot hold
    one of them.
    """
    try:
        async with conn.transaction() if any(event.more_posts for event in events) else nullcontext():
            receipts = await _append(conn, events)
    except (asyncpg.DataError, UnicodeEncodeError) as error:
        raise Unstorable(str(error)) from error
    if not all(receipt.duplicate for receipt in receipts):
        wake_after_commit(conn, EVENTS)
    return receipts


async def append_once(conn: Connection, event: Incoming) -> Receipt:
    """Keep the event unless one of that delivery id is there, whatever it says; in a transaction of the caller's.

    For what tells the same thing again in another moment's words. Raises Unstorable as `append` does.
    """
    await conn.execute(HOLD_DELIVERY, f"{event.source}\n{event.delivery}")
    known = await conn.fetchval(FIND_DELIVERY, event.source, event.delivery)
    if known is None:
        return (await append(conn, [event]))[0]
    await conn.execute(RECORD_REPEAT, event.source, event.delivery, "delivery", known, event.received_at)
    return Receipt(known, duplicate=True)


async def position_of(conn: Connection, source: str, body_hash: bytes) -> int | None:
    """Where an event of that source with the same body is kept: appended once more, it would be a duplicate."""
    found: int | None = await conn.fetchval(FIND_BODY, source, body_hash)
    return found


async def _append(conn: Connection, events: Sequence[Incoming]) -> list[Receipt]:
    new, receipts = await _append_new(conn, events), []
    for place, event in enumerate(events):
        position = new.get(place)
        if position is None:
            receipts.append(await _append_known(conn, event))
            continue
        if event.more_posts:
            await _append_parts(conn, position, event)
        receipts.append(Receipt(position))
    return receipts


async def _append_new(conn: Connection, events: Sequence[Incoming], *, conflict: bool = False) -> dict[int, int]:
    """The positions of those that were not there, by their places among the events."""
    return dict(await write(conn, APPEND, events, conflict=conflict))


async def write(
    conn: Connection, statement: str, events: Sequence[Incoming], *more: object, conflict: bool = False
) -> list[Row]:
    """What a statement of which APPENDING is a part answers, given the events and `more` values.

    It wakes nobody. Outside a transaction it is done once more where Postgres stops it because two wait for each other.
    """
    try:
        async with conn.transaction() if conn.is_in_transaction() else nullcontext():
            return await _insert(conn, statement, events, [], conflict, more)
    except asyncpg.DeadlockDetectedError:
        if conn.is_in_transaction():
            raise
        return await write(conn, statement, events, *more, conflict=conflict)
    except asyncpg.CheckViolationError:
        days = [event.received_at.date() for event in events]
        opened = {day: await _open_day(conn, day) for day in set(days)}
        return await _insert(conn, statement, events, [opened[day] for day in days], conflict, more)


async def _insert(
    conn: Connection,
    statement: str,
    events: Sequence[Incoming],
    days: Sequence[date],
    conflict: bool,
    more: Sequence[object],
) -> list[Row]:
    """`days` are the partitions they go into, where these are not those of when they came."""
    columns: list[list[Any]] = [
        [e.bucket for e in events],
        [e.source for e in events],
        [e.provider for e in events],
        [e.delivery for e in events],
        [e.body_hash for e in events],
        [e.kind for e in events],
        [e.post for e in events],
        [e.occurred_at for e in events],
        [e.received_at for e in events],
        [msgspec.json.encode(e.headers).decode() for e in events],
        [e.body for e in events],
    ]
    rows: list[Row] = await conn.fetch(statement, *columns, days, conflict, *more)
    return rows


async def _append_parts(conn: Connection, position: int, event: Incoming) -> None:
    posts, buckets = zip(*event.more_posts, strict=True)
    await conn.execute(APPEND_FURTHER_PARTS, position, list(posts), list(buckets))


async def _append_known(conn: Connection, event: Incoming) -> Receipt:
    """The delivery id or the body was seen: the same body is a repeat, another body under the same id is kept."""
    row = await conn.fetchrow(FIND_EARLIER_DELIVERY, event.source, event.delivery, event.body_hash)
    if row is None or not row["same_body"]:
        flagged = replace(event, delivery=f"{event.delivery}~{event.body_hash.hex()[:32]}")
        appended = await _append_new(conn, [flagged], conflict=True)
        return Receipt(appended[0]) if appended else await _append_known(conn, flagged)
    same = "delivery" if row["same_delivery"] else "body"
    await conn.execute(RECORD_REPEAT, event.source, event.delivery, same, row["position"], event.received_at)
    return Receipt(row["position"], duplicate=True)


async def ensure_day(conn: Connection, day: date) -> None:
    """Make the partition of a day, if it is not there."""
    await conn.execute("select ensure_log_day($1)", day)


async def _open_day(conn: Connection, day: date) -> date:
    """The day itself when it can take rows, or the next one that can, because its own is sealed."""
    await ensure_day(conn, day)
    opened: date = await conn.fetchval(OPEN_DAY_FROM, day)
    await ensure_day(conn, opened)
    return opened
