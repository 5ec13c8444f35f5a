"""Runs as people look at them: newest first, by filters, and one with its moves, its actions and its timer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec

from tracker.domain.runs.run import Run, RunState
from tracker.errors import NotFound
from tracker.queries.paging import Conditions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracker.store.database import Connection, Row

STATES = tuple(str(state) for state in RunState)
MOST_SHOWN = 500


@dataclass(frozen=True, slots=True)
class Filters:
    """All must hold; `since` bounds the beginning."""

    states: Sequence[str] = ()
    rule: str | None = None
    provider: str | None = None
    post: str | None = None
    since: datetime | None = None


class After(msgspec.Struct, frozen=True, array_like=True):
    """The last run of a page."""

    started_at: datetime
    id: UUID


LIST = "select r.data from runs r where {where} order by r.started_at desc, r.id limit {limit}"

# State by state, so that each is read in order from the index.
LIST_BY_STATE = """
select r.data
  from unnest({states}::text[]) as wanted (state)
 cross join lateral (select r.data, r.started_at, r.id from runs r where r.state = wanted.state and {where}
                      order by r.started_at desc, r.id limit {limit}) r
 order by r.started_at desc, r.id
 limit {limit}
"""

# A post's runs are found by the index on (provider, post), so the providers must be named.
OF_KNOWN_PROVIDERS = """
r.provider = any(array(
  select p.provider from posts p
   where p.projection = (select version from projections where current) and p.post = {}))
"""

ONE = "select data from runs where id = $1"

LOCK = "select data from runs where id = $1 for update"

MOVES = "select number, at, said from run_moves where run = $1 order by number desc limit $2"

TIMERS = "select due_at, kind, meaning from timers where run = $1 order by due_at"

ACTIONS = "select * from actions where run = $1 order by created_at desc, id limit $2"


async def list_runs(
    conn: Connection, filters: Filters, after: After | None, limit: int
) -> tuple[list[Run], After | None]:
    """A page of runs, the newest first, and where the next one begins."""
    statement, values = page(filters, after, limit + 1)
    found = [Run.from_data(row["data"]) for row in await conn.fetch(statement, *values)]
    last = found[limit - 1] if len(found) > limit else None
    return found[:limit], After(last.started_at, last.id) if last else None


async def one_run(conn: Connection, run: UUID) -> Run | None:
    """The run as it is now."""
    row = await conn.fetchrow(ONE, run)
    return Run.from_data(row["data"]) if row else None


async def lock(conn: Connection, run: UUID) -> Run:
    """The run, held for this transaction; raises NotFound."""
    row = await conn.fetchrow(LOCK, run)
    if row is None:
        raise NotFound(f"there is no run {run}")
    return Run.from_data(row["data"])


async def moves(conn: Connection, run: UUID) -> list[Row]:
    """The run's last moves, the first one first."""
    rows: list[Row] = await conn.fetch(MOVES, run, MOST_SHOWN)
    return rows[::-1]


async def timers(conn: Connection, run: UUID) -> list[Row]:
    """What the run waits for on the clock."""
    rows: list[Row] = await conn.fetch(TIMERS, run)
    return rows


async def actions(conn: Connection, run: UUID) -> list[Row]:
    """The newest actions that the run asked for, the first one first."""
    rows: list[Row] = await conn.fetch(ACTIONS, run, MOST_SHOWN)
    return rows[::-1]


def page(filters: Filters, after: After | None, limit: int) -> tuple[str, list[object]]:
    """The statement and its values for one page."""
    where = Conditions()
    simple = {
        "r.rule = {}": filters.rule,
        "r.provider = {}": filters.provider,
        "r.post = {}": filters.post,
        "r.started_at >= {}": filters.since,
    }
    for fragment, value in simple.items():
        if value is not None:
            where.add(fragment, value)
    if filters.post is not None and filters.provider is None:
        where.add(OF_KNOWN_PROVIDERS, filters.post)
    if after:
        where.add("r.started_at <= {}", after.started_at)
        where.add("(r.started_at < {0} or r.id > {1})", after.started_at, after.id)
    if not filters.states:
        return LIST.format(where=where, limit=limit), where.values
    states = f"${len(where.values) + 1}"
    return LIST_BY_STATE.format(states=states, where=where, limit=limit), [*where.values, list(filters.states)]
