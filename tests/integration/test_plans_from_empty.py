"""Plans that were made while every table was empty, and stay: they find a row by its key when there are many, too."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from tests.integration.told import NOON
from tracker.store.actions import action_claims, action_outcomes
from tracker.store.posts import posts
from tracker.store.reactions import runs

if TYPE_CHECKING:
    from asyncpg import Connection

    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

POSTS = """
insert into posts (projection, provider, post, bucket, state, attempt, version, platforms, accounts, entered_at,
                   scheduled_at, last_event_at, first_day, last_day, fold)
select 1, 'p', 'p' || n, 0, 'published', 1, 1, '{x}', '{}', $1, $1, $1, $2, $2, '{}' from generate_series(1, 5000) n
"""
FIRINGS = """
insert into firings (rule, key, cause, revision, outcome, provider, post, fired_at, occurred_at)
select 'r', 'p', 'c' || n, 'one', 'fired', 'p', 'p', $1, $1 from generate_series(1, 5000) n
"""
ACTIONS = """
insert into actions (id, idempotency_key, verb, target, payload, due_at, provider, post, bucket, state, lease,
                     attempts, created_at)
select lpad(n::text, 32, '0')::uuid, n, 'send', 'sink', '{}', $1, 'p', 'p' || n, 0,
       case when n <= 20 then 'pending' else 'claimed' end, 1, 1, $1
  from generate_series(1, 5000) n
"""
ATTEMPTS = "insert into action_attempts (action, attempt, lease, started_at) select id, 1, 1, $1 from actions"
NO_EVENTS: list[object] = [*[[]] * 12, False, []]
ENDED = [UUID(f"{n:032}") for n in (100, 2000, 4000)]
PAGES = {"posts": 20, "firings": 20, "claims": 400, "outcomes": 150}

WORK: dict[str, tuple[str, list[object]]] = {
    "posts": (posts.STANDING, [1, ["p"] * 3, ["p1", "p2000", "p5000"]]),
    "firings": (runs.KNOWN, [["r"] * 3, ["p"] * 3, ["c1", "c2000", "new"]]),
    "claims": (action_claims.CLAIM, [NOON, 16, 8, [], [], "node", timedelta(seconds=30), False]),
    "outcomes": (
        action_outcomes.RECORD,
        [
            *NO_EVENTS,
            ENDED,
            *[[one] * 3 for one in (1, "done", "ok", None, None, 1, "done", None, NOON, False)],
            [],
            [],
            [],
            [],
        ],
    ),
}


@pytest.mark.parametrize("work", WORK)
async def test_a_plan_made_while_it_was_empty_reads_few_pages_when_it_is_full(database: Database, work: str) -> None:
    statement, values = WORK[work]
    async with database.transaction() as conn:
        await prepared(conn, statement)
        empty = await explained(conn, values, "")
        await conn.execute(POSTS, NOON, NOON.date())
        for filling in (FIRINGS, ACTIONS, ATTEMPTS):
            await conn.execute(filling, NOON)
        full = await explained(conn, values, "analyze, buffers, ")
    assert "Seq Scan" not in json.dumps(empty)
    assert full["Plan"]["Shared Hit Blocks"] <= PAGES[work]


async def prepared(conn: Connection, statement: str) -> None:
    await conn.execute(f"prepare work as {statement}")
    await explained(conn, [None] * max(map(int, re.findall(r"\$(\d+)", statement))), "")


async def explained(conn: Connection, values: list[object], how: str) -> dict[str, Any]:
    literals = ", ".join([await conn.fetchval("select quote_nullable($1)", _written(value)) for value in values])
    found: list[dict[str, Any]] = await conn.fetchval(f"explain ({how}format json) execute work({literals})")
    return found[0]


def _written(value: object) -> str | None:
    """As Postgres reads it."""
    if isinstance(value, list):
        return "{" + ",".join(_written(one) or "NULL" for one in value) + "}"
    return None if value is None else str(value)
