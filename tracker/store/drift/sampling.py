"""Some of the webhooks that came since the last look, of each provider and event: what shapes are learnt from.

Where more came than one look reads, the rest is passed over: shapes are usual, and a few of many tell them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracker.domain.posts.event import BUCKETS
from tracker.store.log.feed import Checkpoint, Feed, head, read_after
from tracker.store.session import into

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from datetime import date, datetime

    from tracker.store.database import Connection

COLUMNS = "position, day, provider, kind, post, received_at"
WEBHOOKS = Feed(COLUMNS, only="source = provider and part = 0")

PAGE, PAGES = 5000, 4
"""Rows without their bodies that one look reads, at most."""

OF_EACH, OF_A_PROVIDER = 100, 1000
"""Bodies of one event, and of all events of one provider, that one look reads, at most."""

LARGEST = 65_536
"""A larger body is passed over; in bytes."""

AT_ONCE = 50

LAST_READ = "select epoch, seen from shapes_read for update"

READ = """
insert into shapes_read (name, epoch, seen, read_at) values ('webhooks', $1, $2, $3)
    on conflict (name) do update set epoch = excluded.epoch, seen = excluded.seen, read_at = excluded.read_at
"""

NEWEST = f"""
select {COLUMNS} from events
 where day >= $1 and source = provider and part = 0
 order by position desc limit $2
"""

BODIES = """
select position, body from events
 where position = any($1::bigint[]) and day = any($2::date[]) and octet_length(body) <= $3
"""


AT = f"select {COLUMNS} from events where position = any($1::bigint[]) and day >= $2 order by position"


@dataclass(frozen=True, slots=True)
class Sampled:
    """A webhook of the log, without its body."""

    position: int
    day: date
    provider: str
    kind: str
    post: str | None
    received_at: datetime


async def read_on(conn: Connection, since: datetime, now: datetime) -> list[Sampled]:
    """A sample of what came since the last look, in the order of the log; the first looks at the newest there are."""
    rows = await _new(conn, since, now)
    by_event: dict[str, dict[str, list[Sampled]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        by_event[row.provider][row.kind].append(row)
    chosen: list[Sampled] = []
    for events in by_event.values():
        each = max(1, min(OF_EACH, OF_A_PROVIDER // len(events)))
        for some in events.values():
            chosen += evenly(some, each)
    return sorted(chosen, key=lambda one: one.position)


async def at(conn: Connection, positions: Sequence[int], since: date) -> list[Sampled]:
    """Those that stand at these positions, of days from `since` on."""
    return [into(Sampled, row) for row in await conn.fetch(AT, positions, since)]


async def bodies(conn: Connection, sampled: Sequence[Sampled]) -> AsyncIterator[tuple[Sampled, bytes]]:
    """Each with its body, a few at a time."""
    for begin in range(0, len(sampled), AT_ONCE):
        some = sampled[begin : begin + AT_ONCE]
        positions, days = [one.position for one in some], sorted({one.day for one in some})
        found = {row["position"]: row["body"] for row in await conn.fetch(BODIES, positions, days, LARGEST)}
        for one in some:
            if one.position in found:
                yield one, found[one.position]


async def _new(conn: Connection, since: datetime, now: datetime) -> list[Sampled]:
    last, upto = await conn.fetchrow(LAST_READ), await head(conn)
    if last is None:
        rows = list(reversed(await conn.fetch(NEWEST, since.date(), PAGE * PAGES)))
    else:
        seen, rows = Checkpoint.of(last["epoch"], last["seen"]), []
        for _ in range(PAGES):
            batch = await read_after(conn, WEBHOOKS, seen, upto, range(BUCKETS), PAGE)
            rows += batch.rows
            seen = batch.reached
            if seen == upto:
                break
    await conn.execute(READ, upto.epoch, upto.raw, now)
    return [into(Sampled, row) for row in rows]


def evenly(some: Sequence[Sampled], number: int) -> Sequence[Sampled]:
    """So many of them, from the first to the last."""
    if len(some) <= number:
        return some
    return [some[len(some) * nth // number] for nth in range(number)]
