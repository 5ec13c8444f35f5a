"""What failed and why, in sum: by which parts of posts, within which span, and what is read for it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.integration.test_report_plans import plan_of
from tests.integration.told import NOON, PROVIDER
from tracker.errors import BadParameter
from tracker.queries.causes import SLOTS, USUAL, causing, list_causes
from tracker.queries.post_filters import PostQuery

if TYPE_CHECKING:
    from asyncpg import Connection

pytestmark = pytest.mark.anyio

FILL = """
insert into posts (projection, provider, post, bucket, state, attempt, version, platforms, accounts, last_event_at,
                   entered_at, first_day, last_day, fold)
select 1, $1, 'p' || n, 0, case when n % 200 = 0 then 'failed' when n % 200 = 1 then 'partial' else 'published' end, 1,
       1, array['instagram', 'x'], array['a1', 'a2'], at, at, $2::date, $2::date, $3::text::json
  from (select n, $2::timestamptz - n * interval '1 minute' as at from generate_series(1, 20000) n) one
"""
EXPIRED = {"code": "auth_expired", "message": "sign in again"}
FOLD = {
    "targets": {
        "instagram:a1": {"platform": "instagram", "account": "a1", "state": "failed", "problem": EXPIRED},
        "x:a2": {"platform": "x", "account": "a2", "state": "published"},
    }
}
NOBODYS = {"whole": {"platform": "", "state": "failed", "problem": {"code": "rejected"}}}
ADD = """
insert into posts (projection, provider, post, bucket, state, attempt, version, platforms, accounts, last_event_at,
                   entered_at, first_day, last_day, fold, terms)
select 1, 'other', 'q', 0, 'failed', 1, 1, '{}', '{}', at, at, at::date, at::date, $2::text::json, '{!rejected}'
  from (select $1::timestamptz as at) one
"""


@pytest.fixture(scope="module")
async def full(shared_connection: Connection) -> Connection:
    """Of twenty thousand posts of two weeks one in a hundred has failed for one reason, and one more for another."""
    await shared_connection.execute(FILL, PROVIDER, NOON, json.dumps(FOLD))
    await shared_connection.execute(ADD, NOON - timedelta(minutes=1), json.dumps(NOBODYS))
    await shared_connection.execute("analyze posts")
    return shared_connection


async def test_causes_are_counted_by_the_parts_that_failed(full: Connection) -> None:
    causes = await list_causes(full, PostQuery(), NOON)
    assert (causes.since, causes.until, causes.complete) == (NOON - timedelta(hours=24), NOON, True)
    first, second = causes.items
    assert (first.error, first.platform, first.account, first.provider) == ("auth_expired", "instagram", "a1", None)
    assert (first.posts, sum(first.pace), len(first.pace), first.message) == (15, 15, SLOTS, "sign in again")
    assert (second.error, second.account, second.posts, second.pace[-1]) == ("rejected", None, 1, 1)


@pytest.mark.parametrize(
    ("query", "by", "expected"),
    [
        (PostQuery(), ("provider", "provider"), [(None, PROVIDER, 15), (None, "other", 1)]),
        (PostQuery(error="rejected"), ("error", "provider"), [("rejected", "other", 1)]),
        (PostQuery(platform="x"), ("error",), []),
        (PostQuery(account="a1", states=["partial"]), ("error",), [("auth_expired", None, 8)]),
        (PostQuery(since=NOON - timedelta(days=7)), ("error",), [("auth_expired", None, 101), ("rejected", None, 1)]),
        (PostQuery(until=NOON - timedelta(days=20)), ("error",), []),
    ],
)  # fmt: skip
async def test_any_grouping_and_filter(
    full: Connection, query: PostQuery, by: tuple[str, ...], expected: list[tuple[str | None, str | None, int]]
) -> None:
    causes = await list_causes(full, query, NOON, by)
    assert [(one.error, one.provider, one.posts) for one in causes.items if one.error or one.provider] == expected


async def test_what_nothing_can_be_counted_by_is_refused(full: Connection) -> None:
    with pytest.raises(BadParameter, match='did you mean "platform"'):
        await list_causes(full, PostQuery(), NOON, ("platfrom",))


async def test_only_what_failed_within_the_span_is_read(full: Connection) -> None:
    text, values = causing(PostQuery(since=NOON - timedelta(hours=24)), NOON - timedelta(hours=24), NOON, USUAL)
    read = [node for node in await plan_of(full, text, values) if node["Relation Name"].startswith("posts")]
    assert {node["Node Type"] for node in read} <= {"Index Scan", "Bitmap Heap Scan"}
    assert sum(node["Actual Rows"] * node["Actual Loops"] for node in read) <= 40
