"""The reports that every page and every script asks for read an index, and never a whole table."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.told import NOON, PROVIDER
from tracker.store import event_log, post_reports
from tracker.store.post_reports import After, Filters

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncpg import Connection

pytestmark = pytest.mark.anyio

MANY_POSTS = """
insert into posts (projection, provider, post, bucket, state, attempt, version, platforms, accounts, entered_at,
                   last_event_at, first_day, last_day, fold)
select 1, $1, 'p' || n, 0, case when n % 100 = 0 then 'failed' else 'published' end, 1, 1, '{x}', '{}',
       $2::timestamptz - n * interval '1 second', $2::timestamptz - n * interval '1 second',
       $2::date, $2::date, '{}'
  from generate_series(1, 20000) n
"""


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every node of the plan."""
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


async def plan_of(connection: Connection, statement: str, values: list[object]) -> list[dict[str, Any]]:
    """The nodes of the plan that touch posts or events, after running it."""
    explained = await connection.fetchval(f"explain (analyze, format json) {statement}", *values)
    return [node for node in nodes(json.loads(explained)[0]["Plan"]) if "Relation Name" in node]


@pytest.fixture
async def full(connection: Connection) -> Connection:
    """Twenty thousand posts."""
    await event_log.ensure_day(connection, NOON.date())
    await connection.execute(MANY_POSTS, PROVIDER, NOON)
    await connection.execute("analyze")
    return connection


@pytest.mark.parametrize(
    ("filters", "sort"),
    [
        (Filters(), "-last_event_at"),
        (Filters(), "last_event_at"),
        (Filters(states=["failed"]), "-last_event_at"),
        (Filters(since=NOON - timedelta(hours=3)), "-last_event_at"),
    ],
)
@pytest.mark.parametrize("deep", [False, True])
async def test_a_page_of_posts_reads_about_a_page(full: Connection, filters: Filters, sort: str, deep: bool) -> None:
    """Also a page far from the beginning: that is what keyset pages are for."""
    after = After(NOON.replace(hour=11), PROVIDER, "p1") if deep else None
    statement, values = post_reports.page(filters, sort, False, after, 51)
    read = [node for node in await plan_of(full, statement, values) if node["Relation Name"].startswith("posts")]
    assert {node["Node Type"] for node in read} <= {"Index Scan", "Bitmap Heap Scan"}
    assert sum(node["Actual Rows"] + node.get("Rows Removed by Filter", 0) for node in read) <= 60


async def test_one_post_is_found_by_its_index(full: Connection) -> None:
    read = await plan_of(full, post_reports.ONE, ["p77", None])
    posts = [node for node in read if node["Relation Name"].startswith("posts")]
    assert {node["Node Type"] for node in posts} <= {"Index Scan", "Bitmap Heap Scan"}
    assert sum(node["Actual Rows"] for node in posts) == 1
