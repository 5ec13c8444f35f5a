"""What a rebuild reads and writes: whole posts in the order of their keys, into tables that get their indexes last."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from tracker.store.database import PLANNED_FOR_ITS_VALUES
from tracker.store.log.feed import EVENTS
from tracker.store.posts.posts import row_of_post, rows_of_moves
from tracker.store.session import page_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterable, Sequence

    from tracker.domain.posts.change import Change
    from tracker.store.database import Connection, Row
    from tracker.store.log.feed import Checkpoint
    from tracker.store.posts.posts import Key, StoredPost

ROWS = 5000


@dataclass(frozen=True, slots=True)
class Span:
    """The posts whose key (provider, id) is from `first` on and below `end`; without `first`, the events of no post."""

    first: Key | None
    end: Key | None = None


SEEN = "(epoch < $1 or epoch = $1 and pg_visible_in_snapshot(xid, $2))"

OF_SPAN = f"""
select {EVENTS.columns} from events
 where {SEEN} and post is not null and (provider, post) >= ($3, $4)
   and ($5::text is null or (provider, post) < ($5, $6))
 order by provider, post, position
"""

OF_NO_POST = f"select {EVENTS.columns} from events where {SEEN} and post is null order by position"

OF_POSITIONS = f"select {EVENTS.columns} from events where position = any($1::bigint[]) order by position"

READ_MUCH = f"set local work_mem = '64MB'; {PLANNED_FOR_ITS_VALUES}"

SAMPLE = """
select provider, post from events tablesample system ($1) where post is not null order by provider, post
"""

BUILD_IN_MEMORY = "set local maintenance_work_mem = '256MB'"

FINISH = "select finish_projection($1, $2::smallint)"


async def spans(conn: Connection, wanted: int, events: int) -> list[Span]:
    """The log cut into about so many spans of posts, as equal as a sample of it tells."""
    found: list[Key] = []
    if wanted > 1:
        rows = await conn.fetch(SAMPLE, min(100.0, 10_000 * wanted / max(events, 1)))
        found = [(row["provider"], row["post"]) for row in rows]
    cuts = list(dict.fromkeys(found[len(found) * n // wanted] for n in range(1, wanted))) if found else []
    return [Span(None), *(Span(*ends) for ends in pairwise([("", ""), *cuts, None]))]


async def posts_of(conn: Connection, span: Span, upto: Checkpoint) -> AsyncIterator[list[list[Row]]]:
    """What `upto` sees of the span, in pages: the events of each post, in their order; those of no post one by one."""
    await conn.execute(READ_MUCH)
    if span.first is None:
        cursor = await conn.cursor(OF_NO_POST, upto.epoch, upto.raw)
    else:
        cursor = await conn.cursor(OF_SPAN, upto.epoch, upto.raw, *span.first, *(span.end or (None, None)))
    begun: list[Row] = []
    while rows := await page_of(conn, cursor, ROWS):
        page: list[list[Row]] = []
        for row in rows:
            if begun and not _of_one_post(begun[0], row):
                page.append(begun)
                begun = []
            begun.append(row)
        yield page
    if begun:
        yield [begun]


async def of_positions(conn: Connection, positions: Collection[int]) -> list[Row]:
    """The events at these positions, in their order."""
    rows: list[Row] = await conn.fetch(OF_POSITIONS, positions)
    return rows


async def fill(conn: Connection, projection: int, posts: Sequence[StoredPost], changes: Iterable[Change]) -> None:
    """Add posts that are not there yet, and what their events moved."""
    await conn.copy_records_to_table(f"posts_v{projection}", records=[row_of_post(projection, kept) for kept in posts])
    moved = rows_of_moves(projection, changes)
    await conn.copy_records_to_table(f"transitions_v{projection}", records=moved)


async def index(conn: Connection, projection: int, kind: str) -> None:
    """Make the table that was filled a partition of `kind`, posts or transitions, with all its indexes."""
    await conn.execute(BUILD_IN_MEMORY)
    await conn.execute(FINISH, kind, projection)


def _of_one_post(one: Row, other: Row) -> bool:
    return bool(one["post"] == other["post"] is not None and one["provider"] == other["provider"])
