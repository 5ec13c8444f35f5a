"""The calendar: where posts stand in it, which filters hold, what a day of a zone is, and what is read for it."""

from __future__ import annotations

from datetime import UTC, date, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from tests.integration.test_report_plans import plan_of
from tests.integration.told import NOON, PROVIDER
from tracker.errors import BadParameter
from tracker.queries.calendar import COUNTED, MOST_DAYS, days_between, days_of, list_days, on_days
from tracker.queries.post_filters import PostQuery

if TYPE_CHECKING:
    from asyncpg import Connection

pytestmark = pytest.mark.anyio

ISTANBUL = ZoneInfo("Europe/Istanbul")
TODAY = NOON.date()
FILL = """
insert into posts (projection, provider, post, bucket, state, attempt, version, platforms, accounts, entered_at,
                   scheduled_at, published_at, failed_at, last_event_at, first_day, last_day, fold)
select 1, $1, 'p' || n, 0, state, 1, 1, array['x'], array['a' || n % 4], at, at,
       case when state = 'published' then at end, case when state = 'failed' then at end, least(at, $2), at::date,
       at::date, json_build_object('provider', $1::text, 'id', 'p' || n, 'state', state)
  from (select n, $2::timestamptz + (n - 30000) * interval '20 seconds' as at,
               case when n > 30000 then 'scheduled' when n % 100 = 0 then 'failed' else 'published' end as state
          from generate_series(1, 40000) n) one
"""
"""Seven days of posts that came out, and two of what is planned, more than four thousand in each."""


@pytest.fixture(scope="module")
async def full(shared_connection: Connection) -> Connection:
    await shared_connection.execute(FILL, PROVIDER, NOON)
    await shared_connection.execute("analyze posts")
    return shared_connection


async def add(connection: Connection, post: str, state: str, **times: Any) -> None:
    """One more post, of another provider."""
    names = ", ".join(times)
    places = ", ".join(f"${place}" for place in range(3, 3 + len(times)))
    await connection.execute(
        f"insert into posts (projection, provider, post, bucket, state, attempt, version, platforms, accounts,"
        f" first_day, last_day, fold, {names}) select 1, 'other', $1, 0, $2, 1, 1, '{{}}', '{{}}', now(), now(),"
        f" json_build_object('provider', 'other', 'id', $1::text, 'state', $2::text), {places}",
        post, state, *times.values(),
    )  # fmt: skip


async def test_a_post_stands_where_it_came_out_and_until_then_where_it_is_planned(connection: Connection) -> None:
    early, late = NOON - timedelta(days=1), NOON + timedelta(days=1)
    await add(connection, "out", "published", scheduled_at=early, published_at=NOON)
    await add(connection, "short", "partial", scheduled_at=early, published_at=NOON, failed_at=NOON)
    await add(connection, "late", "publishing", scheduled_at=early)
    await add(connection, "again", "scheduled", scheduled_at=late, published_at=early)
    await add(connection, "off", "cancelled", scheduled_at=late)
    await add(connection, "removed", "removed", published_at=early)
    await add(connection, "unplanned", "draft", last_event_at=NOON)
    days = days_between(early - timedelta(hours=2), late + timedelta(hours=2), UTC)
    found = await list_days(connection, PostQuery(), days, 10)
    assert [sorted(one.post.id for one in day.posts) for day in found] == [
        ["late", "removed"], ["out", "short"], ["again"],
    ]  # fmt: skip
    assert [day.number for day in found] == [2, 2, 1]
    assert [one.at for one in found[2].posts] == [late]
    only = await list_days(connection, PostQuery(states=["cancelled"]), days, 10)
    assert [day.number for day in only] == [0, 0, 0]


async def test_filters_hold_and_days_are_cut_to_what_is_shown(full: Connection) -> None:
    days = days_of(TODAY - timedelta(days=1), 3, UTC)
    found = await list_days(full, PostQuery(), days, 3)
    assert [(day.number, len(day.posts)) for day in found] == [(COUNTED, 3)] * 3
    assert [day.posts[0].at for day in found] == [day.begins for day in days]
    failed = await list_days(full, PostQuery(states=["failed"]), days, 500)
    assert [day.number for day in failed] == [43, 22, 0]
    of_account = await list_days(full, PostQuery(account="a1", platform="x", provider=PROVIDER), days[2:], 5)
    assert {account for day in of_account for one in day.posts for account in [one.post.id[-1] in "13579"]} == {True}
    assert (await list_days(full, PostQuery(account="nobody"), days, 5))[0].number == 0


@pytest.mark.parametrize("query", [PostQuery(), PostQuery(states=["failed"]), PostQuery(provider=PROVIDER)], ids=str)
async def test_a_month_is_read_from_three_indexes_and_each_day_to_its_bound(full: Connection, query: PostQuery) -> None:
    """Of the past, too, where all that was planned has come out, nothing is walked over to find what has not."""
    text = on_days(query, days_of(TODAY - timedelta(days=20), 42, UTC), 8)
    assert text is not None
    read = [node for node in await plan_of(full, *text) if node["Relation Name"].startswith("posts")]
    assert {node["Node Type"] for node in read} <= {"Index Scan", "Bitmap Heap Scan"}
    rows = ((node["Actual Rows"] + node.get("Rows Removed by Filter", 0), node["Actual Loops"]) for node in read)
    assert sum(of_a_day * loops for of_a_day, loops in rows) <= 42 * (COUNTED + 60)


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 12, 1), 24)]
)  # fmt: skip
def test_a_day_is_as_long_as_it_is_in_its_zone(day: date, hours: int) -> None:
    (found,) = days_of(day, 1, ZoneInfo("Europe/Berlin"))
    assert found.ends - found.begins == timedelta(hours=hours)


def test_a_span_touches_whole_days_of_the_zone() -> None:
    begin = NOON.replace(hour=20, minute=59)
    assert [day.day for day in days_between(begin, begin + timedelta(minutes=1), ISTANBUL)] == [TODAY]
    assert [day.day for day in days_between(begin, begin + timedelta(minutes=2), ISTANBUL)][-1] == TODAY + timedelta(1)
    for since, until in ((NOON, NOON), (NOON, NOON + timedelta(days=MOST_DAYS))):
        with pytest.raises(BadParameter):
            days_between(since, until, UTC)
