"""The log as a backtest reads it: every change in its order, how posts stood before, and which actions it tells of."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from tracker.domain.posts.change import Change, Move, PostView
from tracker.domain.posts.event import State
from tracker.domain.runs.run_signals import OUTCOMES
from tracker.store.session import page_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
    from datetime import datetime
    from uuid import UUID

    from tracker.store.database import Connection, Row

IN_ORDER = """
select provider, post, event, source, kind, before, after, attempt, occurred_at, received_at, cause, fact,
       moves::text, context::text, detail::text
  from changes
 where projection = $1 and received_at >= $2 and received_at <= $3
 order by id
"""

STOOD = """
select c.context::text as context
  from posts p
 cross join lateral (select context from changes
                      where projection = $1 and provider = p.provider and post = p.post and received_at < $2
                        and context is not null
                      order by id desc limit 1) c
 where p.projection = $1 and (p.last_event_at >= $2 or p.state = any($3::text[]))
   and (c.context->>'state' = any($3::text[])
        or exists (select from json_array_elements(c.context->'targets') t where t->>'state' = any($3::text[])))
"""

ON_RECORD = """
select id from actions
union
select (detail->>'action')::uuid from changes
 where projection = $1 and received_at >= $2 and event = any($3::text[]) and source in ('action', 'manual')
"""

FIRST = "select received_at from changes where projection = $1 order by id limit 1"

_MOVES = msgspec.json.Decoder(tuple[Move, ...])
_VIEW = msgspec.json.Decoder(PostView)
_DETAIL = msgspec.json.Decoder(dict[str, object])
_STATES: dict[str | None, State | None] = {None: None, **{str(state): state for state in State}}


async def in_order(
    conn: Connection, projection: int, since: datetime, until: datetime, page: int
) -> AsyncGenerator[Sequence[Row]]:
    """The changes of a projection that came in from `since` to `until`, as they were recorded, in pages for `written`.

    One page is on its way while another is in use: close it when it is not read to its end. The transaction is the
    caller's.
    """
    cursor = await conn.cursor(IN_ORDER, projection, since, until)
    coming = asyncio.ensure_future(page_of(conn, cursor, page))
    try:
        while rows := await coming:
            coming = asyncio.ensure_future(page_of(conn, cursor, page))
            await asyncio.sleep(0)
            yield rows
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)


def written(row: Row) -> Change:
    """A row of `in_order` as a value, without its notes."""
    provider, post, event, source, kind, before, after, attempt, occurred_at, received_at, cause, fact, *rest = row
    moves, context, detail = rest
    return Change(
        provider, post, event, source, kind, _STATES[before], _STATES[after], attempt, occurred_at, received_at, cause,
        fact,
        moves=() if moves == "[]" else _MOVES.decode(moves),
        context=_VIEW.decode(context) if context else None,
        detail=_DETAIL.decode(detail) if detail else None,
    )  # fmt: skip


async def stood(conn: Connection, projection: int, at: datetime, states: Collection[str]) -> AsyncIterator[PostView]:
    """The posts that were in one of these states (or one of their targets was) at that moment, as they stood."""
    async for row in conn.cursor(STOOD, projection, at, sorted(states)):
        yield _VIEW.decode(row["context"])


async def actions_on_record(conn: Connection, projection: int, since: datetime) -> set[UUID]:
    """The actions that were really asked for: of these the log tells, or will tell, what they came to."""
    return {row["id"] for row in await conn.fetch(ON_RECORD, projection, since, sorted(OUTCOMES))}


async def first_arrival(conn: Connection, projection: int) -> datetime | None:
    """When the first of the changes that are kept came in."""
    first: datetime | None = await conn.fetchval(FIRST, projection)
    return first
