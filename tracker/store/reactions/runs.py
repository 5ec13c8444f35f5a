"""Runs in Postgres, with every move that they made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracker.domain.posts.event import bucket_of
from tracker.domain.runs.run import Run
from tracker.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from uuid import UUID

    from tracker.domain.runs.engine_state import Movement
    from tracker.store.database import Connection

LOAD_OPEN = """
select r.data
  from unnest($1::text[], $2::text[]) as wanted (rule, key)
  join runs r on r.rule = wanted.rule and r.key = wanted.key and r.state in ('active', 'queued')
 order by r.started_at, r.id
   for update of r
"""

LOAD_TRYING = """
select r.data
  from unnest($1::text[], $2::text[]) as wanted (provider, post)
  join runs r on r.provider = wanted.provider and r.post = wanted.post and r.state = 'active'
 where r.data ->> 'phase' in ('backoff', 'acting', 'watching')
 order by r.started_at, r.id
   for update of r
"""

LOCK = "select data from runs where id = $1 for update"

LOAD = "select data from runs where id = any($1::uuid[]) for update"

SAVE = """
with saved as (
  insert into runs (id, rule, revision, key, cause, bucket, provider, post, target, state, data, started_at,
                    updated_at, alone)
  select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::smallint[], $7::text[],
                       $8::text[], $9::text[], $10::text[], $11::jsonb[], $12::timestamptz[], $13::timestamptz[],
                       $14::boolean[])
      on conflict (id) do update
     set state = excluded.state, revision = excluded.revision, data = excluded.data, updated_at = excluded.updated_at
)
insert into run_moves (run, number, at, said)
select * from unnest($15::uuid[], $16::integer[], $17::timestamptz[], $18::text[])
on conflict do nothing
"""


async def load_open(conn: Connection, wanted: Collection[tuple[str, str]]) -> list[Run]:
    """The active and the queued runs of these (rule, key), the oldest first, held for this transaction."""
    if not wanted:
        return []
    columns = (list(column) for column in zip(*wanted, strict=True))
    return [Run.from_data(row["data"]) for row in await conn.fetch(LOAD_OPEN, *columns)]


async def load_trying(conn: Connection, posts: Collection[tuple[str, str]]) -> list[Run]:
    """The active runs that are at a retry of these (provider, post), the oldest first, held for this transaction."""
    if not posts:
        return []
    columns = (list(column) for column in zip(*posts, strict=True))
    return [Run.from_data(row["data"]) for row in await conn.fetch(LOAD_TRYING, *columns)]


async def load(conn: Connection, ids: Collection[UUID]) -> list[Run]:
    """These runs, whatever their state, held for this transaction."""
    return [Run.from_data(row["data"]) for row in await conn.fetch(LOAD, list(ids))] if ids else []


async def save(conn: Connection, runs: Collection[Run], moves: Collection[Movement]) -> None:
    """Write the runs as they are now, with the moves they made; those that end come first, so their keys are free."""
    ended_first = sorted(runs, key=lambda run: run.state == "active")
    rows = [
        (r.id, r.rule, r.revision, r.key, r.cause, bucket_of(r.provider, r.post), r.provider, r.post, r.target,
         r.state, r.to_data(), r.started_at, r.updated_at, r.alone)
        for r in ended_first
    ]  # fmt: skip
    made = [(move.run, move.number, move.at, move.said) for move in moves]
    if rows or made:
        await conn.execute(SAVE, *_columns(rows, 14), *_columns(made, 4))


async def lock(conn: Connection, run: UUID) -> Run:
    """The run, held for this transaction; raises NotFound."""
    row = await conn.fetchrow(LOCK, run)
    if row is None:
        raise NotFound(f"there is no run {run}")
    return Run.from_data(row["data"])


def _columns(rows: Sequence[tuple[object, ...]], width: int) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]
