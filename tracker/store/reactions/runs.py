"""Runs in Postgres, with every move that they made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracker.domain.posts.event import bucket_of
from tracker.domain.runs.run import Run
from tracker.errors import NotFound
from tracker.store.reactions.firings import KNOWN
from tracker.store.session import Part, columns_of

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime
    from uuid import UUID

    from tracker.domain.runs.engine_state import Movement
    from tracker.domain.runs.firing import Identity
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

SAVE = """
insert into runs (id, rule, revision, key, cause, bucket, provider, post, target, state, data, started_at, updated_at,
                  alone)
select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::smallint[], $7::text[],
                     $8::text[], $9::text[], $10::text[], $11::jsonb[], $12::timestamptz[], $13::timestamptz[],
                     $14::boolean[])
    on conflict (id) do update
   set state = excluded.state, revision = excluded.revision, data = excluded.data, updated_at = excluded.updated_at
"""

SAVE_MOVES = """
insert into run_moves (run, number, at, said)
select * from unnest($1::uuid[], $2::integer[], $3::timestamptz[], $4::text[])
on conflict do nothing
"""

RECALL = f"""
with known as ({KNOWN}
), told as (
  select rule, key, data from runs where id = any($4::uuid[]) for update
), wanted as (
  select rule, key from unnest($5::text[], $6::text[]) as touched (rule, key) union select rule, key from told
), open as (
  select r.data
    from wanted join runs r on r.rule = wanted.rule and r.key = wanted.key and r.state in ('active', 'queued')
   order by r.started_at, r.id
     for update of r
), spent as (
  select rule, sum(firings)::bigint as firings from rule_counts
   where rule = any($7::text[]) and outcome in ('fired', 'queued')
   group by rule
)
select (select array_agg(array[rule, key, cause]) from known) as known,
       array(select data from told) as told,
       array(select data from open) as open,
       (select json_object_agg(rule, firings) from spent) as totals,
       exists (select from pauses where until > $8) or exists (select from silences where until > $8) as is_held
"""
"""All that most batches need of what rules have begun, in one look; what few need is asked for besides."""


@dataclass(frozen=True, slots=True)
class Recalled:
    """What is on record: firings by identity, the runs asked for, and those that are open for the keys or theirs.

    `totals` are how often rules have ever fired, of those that have; `is_held`: there are pauses or silences.
    """

    known: set[Identity]
    told: list[Run]
    open: list[Run]
    totals: dict[str, int]
    is_held: bool


async def recall(
    conn: Connection,
    identities: Collection[Identity],
    ids: Collection[UUID],
    keys: Collection[tuple[str, str]],
    rules: Collection[str],
    since: datetime,
) -> Recalled:
    """The firings among these, these runs and the open ones of these (rule, key), and how often the rules fired.

    The runs are held for this transaction; pauses and silences count that last until `since` or longer.
    """
    wanted = (*columns_of(identities, 3), list(ids), *columns_of(keys, 2), list(rules), since)
    row = await conn.fetchrow(RECALL, *wanted)
    told, still_open = ([Run.from_data(data) for data in row[name]] for name in ("told", "open"))
    known = {(rule, key, cause) for rule, key, cause in row["known"] or ()}
    return Recalled(known, told, still_open, row["totals"] or {}, row["is_held"])


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


def saving(runs: Collection[Run], moves: Collection[Movement]) -> list[Part]:
    """The runs as they are now, with the moves they made; those that end come first, so their keys are free."""
    ended_first = sorted(runs, key=lambda run: run.state == "active")
    rows = [
        (r.id, r.rule, r.revision, r.key, r.cause, bucket_of(r.provider, r.post), r.provider, r.post, r.target,
         r.state, r.to_data(), r.started_at, r.updated_at, r.alone)
        for r in ended_first
    ]  # fmt: skip
    made = [(move.run, move.number, move.at, move.said) for move in moves]
    parts = [Part((("saved_runs", SAVE),), columns_of(rows, 14))] if rows else []
    return [*parts, Part((("saved_moves", SAVE_MOVES),), columns_of(made, 4))] if made else parts


async def lock(conn: Connection, run: UUID) -> Run:
    """The run, held for this transaction; raises NotFound."""
    row = await conn.fetchrow(LOCK, run)
    if row is None:
        raise NotFound(f"there is no run {run}")
    return Run.from_data(row["data"])
