"""Actions as people look at them: newest first, by filters, and one with each of its attempts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec

from tracker.queries.paging import Conditions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracker.store.database import Connection, Row

STATES = ("pending", "claimed", "done", "dead", "unknown", "discarded", "shadow", "hidden")


@dataclass(frozen=True, slots=True)
class Filters:
    """All must hold; `since` and `until` bound when it was asked for, `redelivery` is the plan that did it again."""

    states: Sequence[str] = ()
    verb: str | None = None
    target: str | None = None
    rule: str | None = None
    provider: str | None = None
    post: str | None = None
    reason: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    redelivery: UUID | None = None


class After(msgspec.Struct, frozen=True, array_like=True):
    """The last action of a page."""

    created_at: datetime
    id: UUID


LIST = """
select * from actions a where {where} order by a.created_at desc, a.id limit {limit}
"""

ONE = "select * from actions where id = $1"

ATTEMPTS = "select * from action_attempts where action = $1 order by attempt"

ATTEMPTS_OF = "select * from action_attempts where action = any($1::uuid[]) order by action, attempt"

COUNTS = "select state, count(*) as actions from actions where state = any($1::text[]) group by state"


async def list_actions(
    conn: Connection, filters: Filters, after: After | None, limit: int
) -> tuple[list[Row], After | None]:
    """A page of actions, the newest first, and where the next one begins."""
    where = fitting(filters)
    if after:
        where.add("a.created_at <= {}", after.created_at)
        where.add("(a.created_at < {0} or a.id > {1})", after.created_at, after.id)
    rows = await conn.fetch(LIST.format(where=where, limit=limit + 1), *where.values)
    last = rows[limit - 1] if len(rows) > limit else None
    return rows[:limit], After(last["created_at"], last["id"]) if last else None


def fitting(filters: Filters) -> Conditions:
    """What must hold of the rows of `actions a`."""
    where = Conditions()
    if len(filters.states) == 1:  # said as an equality, so that the index by state also gives the order
        where.add("a.state = {}", filters.states[0])
    elif filters.states:
        where.add("a.state = any({}::text[])", list(filters.states))
    for column in ("verb", "target", "rule", "provider", "post", "reason"):
        if (value := getattr(filters, column)) is not None:
            where.add(f"a.{column} = {{}}", value)
    if filters.since:
        where.add("a.created_at >= {}", filters.since)
    if filters.until:
        where.add("a.created_at < {}", filters.until)
    if filters.redelivery:
        where.add("a.id in (select again from redelivery_items where redelivery = {})", filters.redelivery)
    return where


async def one_action(conn: Connection, action: UUID) -> tuple[Row, list[Row]] | None:
    """The action and its attempts, the first one first."""
    row = await conn.fetchrow(ONE, action)
    return (row, await conn.fetch(ATTEMPTS, action)) if row else None


async def attempts_of(conn: Connection, actions: Sequence[UUID]) -> list[Row]:
    """The attempts at each of the actions, the first one first."""
    rows: list[Row] = await conn.fetch(ATTEMPTS_OF, list(actions))
    return rows


async def counts(conn: Connection, states: Sequence[str]) -> dict[str, int]:
    """How many actions are in each of the states."""
    return {row["state"]: row["actions"] for row in await conn.fetch(COUNTS, list(states))}
