"""The event log as people look at it: pages in the order of position, and one event with what was signed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from tracker.queries.paging import Conditions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from tracker.store.database import Connection, Row


@dataclass(frozen=True, slots=True)
class Filters:
    """All must hold; `after` is a position. `known_providers` are those that may have sent what is not projected."""

    type: str | None = None
    post: str | None = None
    provider: str | None = None
    source: str | None = None
    after: int | None = None
    known_providers: Sequence[str] = ()

    @property
    def picks(self) -> bool:
        """Whether some events are left out for what they are."""
        return (self.type, self.provider, self.source) != (None, None, None)


class After(msgspec.Struct, frozen=True, array_like=True):
    """The last event of a page."""

    position: int


COLUMNS = "position, source, provider, delivery, kind, post, part, occurred_at, received_at, conflict"

LIST = f"""
select {COLUMNS}, (select count(*) from repeats r where r.position = e.position) as repeats
  from {{rows}} e where {{where}} order by e.position {{direction}} limit {{limit}}
"""

# Nothing but its place leads to an event of a certain type: one page looks no further than this many events.
LOOK = 20_000

WITHIN_REACH = f"(select {COLUMNS} from events e where {{bounds}} order by e.position {{direction}} limit {LOOK})"

END_OF_REACH = f"""
select position from events e where {{bounds}} order by e.position {{direction}} offset {LOOK - 1} limit 1
"""

# A post's events are found by the index on (provider, post), so the providers must be named.
OF_KNOWN_PROVIDERS = """
e.provider = any(array(
  select p.provider from posts p
   where p.projection = (select version from projections where current) and p.post = {0}
  union select unnest({1}::text[])))
"""

ONE = """
select e.*, coalesce(r.repeated, '[]') as repeated, jsonb_array_length(coalesce(r.repeated, '[]')) as repeats
  from events e cross join lateral (
       select jsonb_agg(jsonb_build_object('delivery', delivery, 'same', same, 'received_at', received_at)
                        order by received_at, id) as repeated
         from repeats where position = e.position) r
 where e.position = $1
"""

SIGNED = "select position, headers, body, body_hash from events where position = any($1::bigint[])"

BODIES = """
select position, substring(body for $3) as body, length(body) as size
  from events where position = any($1::bigint[]) and day >= $2
"""


async def list_events(
    conn: Connection, filters: Filters, newest_first: bool, after: After | None, limit: int
) -> tuple[list[Row], After | None]:
    """A page of the log, and where the next one begins, which is not at its end when little of the log matches."""
    direction = "desc" if newest_first else "asc"
    bounds = _bounds(filters, newest_first, after)
    where = _where(filters, bounds) if filters.post is not None else bounds
    rows = "events"
    if filters.post is None and filters.picks:
        rows = WITHIN_REACH.format(bounds=bounds, direction=direction)
        where = _where(filters, Conditions(values=tuple(bounds.values)))
    statement = LIST.format(rows=rows, where=where, direction=direction, limit=limit + 1)
    found = await conn.fetch(statement, *where.values)
    if len(found) > limit:
        return found[:limit], After(found[limit - 1]["position"])
    if rows == "events":
        return found, None
    reached = await conn.fetchval(END_OF_REACH.format(bounds=bounds, direction=direction), *bounds.values)
    return found, After(reached) if reached is not None else None


async def one_event(conn: Connection, position: int) -> Row | None:
    """The event at that position, with headers and body as they came, and the deliveries that repeated it."""
    return await conn.fetchrow(ONE, position)


async def signed(conn: Connection, positions: Sequence[int]) -> dict[int, Row]:
    """By position the headers and the body of these events as they came."""
    return {row["position"]: row for row in await conn.fetch(SIGNED, list(positions))}


async def bodies(conn: Connection, positions: Sequence[int], first_day: date, size: int) -> dict[int, Row]:
    """By position the first `size` bytes of each body as it came, and how many bytes it has; from that day on."""
    rows = await conn.fetch(BODIES, list(positions), first_day, size) if positions else []
    return {row["position"]: row for row in rows}


def _bounds(filters: Filters, newest_first: bool, after: After | None) -> Conditions:
    bounds = Conditions()
    if filters.after is not None:
        bounds.add("e.position > {}", filters.after)
    if after:
        bounds.add("e.position < {}" if newest_first else "e.position > {}", after.position)
    return bounds


def _where(filters: Filters, where: Conditions) -> Conditions:
    simple = {"e.kind = {}": filters.type, "e.provider = {}": filters.provider, "e.source = {}": filters.source}
    for fragment, value in simple.items():
        if value is not None:
            where.add(fragment, value)
    if filters.post is not None:
        where.add("e.post = {}", filters.post)
    if filters.post is not None and filters.provider is None:
        where.add(OF_KNOWN_PROVIDERS, filters.post, list(filters.known_providers))
    return where
