"""What asking reads, of providers, of rules and of the log: an index, or the part of the log that it must."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from sqlmodel import col

from tests.integration.test_report_plans import plan_of
from tests.integration.told import NOON, PROVIDER
from tracker.queries import events, plans, quarantine, rule_plan, why
from tracker.queries.events import EventQuery
from tracker.queries.paging import Keyset, compiled, page_of
from tracker.queries.post_filters import PostQuery
from tracker.queries.quarantine import QuarantineQuery
from tracker.queries.reconciliations import NEWEST_FIRST
from tracker.store.calls import provider_heartbeats, reconciliations
from tracker.store.log import event_log, look_back
from tracker.store.posts import listed_posts, overdue_posts
from tracker.store.tables.log import Event
from tracker.store.tables.operations import Plan, Reconciliation
from tracker.stream import shared_waits

if TYPE_CHECKING:
    from asyncpg import Connection

pytestmark = pytest.mark.anyio

HOUR = timedelta(hours=1)
MANY_POSTS = """
insert into posts (projection, provider, post, bucket, state, attempt, version, platforms, accounts, entered_at,
                   scheduled_at, last_event_at, first_day, last_day, fold)
select 1, $1, 'p' || n, 0, case n % 200 when 0 then 'publishing' when 1 then 'scheduled' else 'published' end, 1, 1,
       '{x}', '{}', $2::timestamptz - n * interval '1 second', $2::timestamptz + (n - 10000) * interval '1 minute',
       $2::timestamptz - n * interval '1 second', $2::date, $2::date, '{}'
  from generate_series(1, 20000) n
"""
MANY_TRANSITIONS = """
insert into transitions (cause, received_at, occurred_at, attempt, projection, superseded, again, provider, post,
                         before, after)
select n, at, at, 1, 1, false, false, $1, 'p' || n, 'publishing', 'published'
  from (select n, $2::timestamptz + n * interval '1 minute' as at from generate_series(1, 40000) n) one
"""
A_BUSY_DAY = """
insert into events (position, day, epoch, bucket, source, provider, delivery, body_hash, kind, post, part, occurred_at,
                    received_at, conflict, headers, body)
select 100000 + n, $2::date, 1, 0, $1, $1, 'b' || n, '', 'post.published', 'b' || n, 0, at, at, false, '{}', ''
  from (select n, $2::timestamptz + n * interval '1 second' as at from generate_series(1, 40000) n) one
"""
MANY_EVENTS = """
insert into events (day, epoch, bucket, source, provider, delivery, body_hash, kind, post, part, occurred_at,
                    received_at, conflict, headers, body)
select $2::date, 1, 0, $1, $1, 'd' || n, '', 'post.published', 'e' || n, 0, $2, $2, false, '{}', ''
  from generate_series(1, 20000) n
"""
MANY_REFUSED = """
insert into quarantine (provider, reason, authentic, delivery, body_hash, received_at, headers, body, state)
select $1, 'not_json', n % 2 = 0, 'd' || n, '', $2::timestamptz + n * interval '1 second', '{}', '',
       case when n % 5 = 0 then 'discarded' else 'held' end
  from generate_series(1, 20000) n
"""
MANY_PLANS = """
insert into plans (id, subject, verb, filters, include_all, pace, note, by, created_at, changed_at, next_at, total)
select gen_random_uuid(), 'actions', 'retry', '{}', false, '1 per second', $1, 'Ada', at, at, at, 1
  from (select $2::timestamptz - n * interval '1 minute' as at from generate_series(1, 20000) n) one
"""
MANY_ROUNDS = """
insert into reconciliations (id, job, provider, wanted_at, since, state)
select gen_random_uuid(), 'reconcile', $1, $2::timestamptz - n * interval '10 minutes', $2, 'done'
  from generate_series(1, 20000) n
"""


@pytest.fixture(scope="module")
async def full(shared_connection: Connection) -> Connection:
    """Twenty thousand posts and rounds of questions, and forty thousand transitions over a month."""
    await event_log.ensure_day(shared_connection, NOON.date())
    for statement in (MANY_POSTS, MANY_TRANSITIONS, MANY_ROUNDS, MANY_REFUSED, MANY_PLANS):
        await shared_connection.execute(statement, PROVIDER, NOON)
    await shared_connection.execute("vacuum analyze")  # which is also what tells the index by arrival of new rows
    return shared_connection


def touched(read: list[dict[str, Any]], table: str) -> float:
    """How many rows of the table were looked at, which must not have been read as a whole."""
    nodes = [node for node in read if node["Relation Name"].startswith(table)]
    assert "Seq Scan" not in {node["Node Type"] for node in nodes}
    rows: float = sum(
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0))
        * node["Actual Loops"]
        for node in nodes
    )
    return rows


async def test_the_last_webhook_is_found_at_the_end_of_the_log(full: Connection) -> None:
    """However long the log is, and over all of its days."""
    for day in (NOON.date() - timedelta(days=1), NOON.date()):
        await event_log.ensure_day(full, day)
        await full.execute(MANY_EVENTS, PROVIDER, day)
    await full.execute("analyze events")
    read = await plan_of(full, provider_heartbeats.NEWEST, [NOON.date() - timedelta(days=14), 500, [PROVIDER, "other"]])
    assert 500 <= touched(read, "events") <= 510


async def test_suspicious_posts_are_found_among_the_many_that_are_not(full: Connection) -> None:
    overdue = await plan_of(full, overdue_posts.OVERDUE, [PROVIDER, NOON, NOON, 500])
    assert touched(overdue, "posts") <= 110
    still = await plan_of(full, overdue_posts.STILL, [PROVIDER, NOON - HOUR, NOON, 500, ["publishing", "retrying"]])
    assert touched(still, "posts") <= 110


async def test_rules_of_the_clock_list_posts_without_looking_at_the_others(full: Connection) -> None:
    """Of what is in a state, or due in an hour: however many posts there are, and however many stand so for longer."""
    standing = await plan_of(full, listed_posts.STANDING, [["failed", "publishing"], NOON - HOUR, 20])
    assert 20 < touched(standing, "posts") <= 45
    due = await plan_of(full, listed_posts.DUE, [["scheduled", "published"], NOON, 500, NOON, NOON + HOUR])
    assert 60 <= touched(due, "posts") <= 70


MANY_RUNS = """
insert into runs (id, rule, key, provider, post, state, data, started_at, updated_at, alone)
select gen_random_uuid(), 'r' || n % 20, 'k' || n, $1, 'p' || n, case n % 400 when 0 then 'active' else 'done' end,
       '{"phase": "holding"}', $2, $2, true
  from generate_series(1, 20000) n
"""
MANY_TIMERS = """
insert into timers (rule, key, kind, bucket, due_at, meaning, cause, provider, data)
select 'r' || n % 20, 'k' || n, 'while', 0, $2, 'm' || n % 2, 'c', $1, '{}' from generate_series(1, 20000) n
"""


async def test_what_a_plan_of_rules_groups_it_reads_once_and_of_runs_only_those_that_are_open(full: Connection) -> None:
    for statement in (MANY_RUNS, MANY_TIMERS):
        await full.execute(statement, PROVIDER, NOON)
    await full.execute("vacuum analyze runs, timers")
    assert touched(await plan_of(full, rule_plan.OPEN_RUNS, [20]), "runs") <= 100
    read = await plan_of(full, rule_plan.TIMERS_SET, [20])
    assert [node["Actual Loops"] for node in read] == [1]


@pytest.mark.parametrize("place", [(NOON, "", ""), (NOON - HOUR, PROVIDER, "p3600")], ids=["first", "deep"])
async def test_a_page_of_what_was_heard_of_since_reads_about_a_page(
    full: Connection, place: tuple[datetime, str, str]
) -> None:
    """For what a new rule waits for, of all that is published on accounts, from the last of it on."""
    read = await plan_of(full, shared_waits.HEARD_SINCE, [NOON - 5 * HOUR, *place, 500])
    assert 500 <= touched(read, "posts") <= 510


async def test_a_round_begins_where_the_last_one_came_to_without_reading_the_others(full: Connection) -> None:
    values = [uuid4(), "hourly", PROVIDER, NOON, None, None, HOUR]
    read = await plan_of(full, reconciliations.WANT, values)
    assert touched(read, "reconciliations") <= 2
    listed = page_of(select(Reconciliation), NEWEST_FIRST, (NOON - HOUR, uuid4()), 51)
    assert touched(await plan_of(full, *compiled(listed)), "reconciliations") <= 60


@pytest.mark.parametrize(
    ("query", "ids", "most"),
    [
        (PostQuery(), None, 10),
        (PostQuery(states=["publishing"]), None, 110),
        (PostQuery(states=["publishing"], since=NOON - timedelta(minutes=30)), None, 20),
        (PostQuery(), [(None, "p7"), (PROVIDER, "p9")], 10),
    ],
)
async def test_an_order_about_few_of_many_posts_reads_about_those(
    full: Connection, query: PostQuery, ids: list[tuple[str | None, str]] | None, most: int
) -> None:
    chosen = compiled(plans.which_posts(plans.parse_order("posts", "retry", {}), query, ids))
    assert touched(await plan_of(full, *chosen), "posts") <= most


@pytest.mark.parametrize("number", [1, 150])
async def test_a_turn_of_a_plan_reads_about_those_whose_turn_it_is(full: Connection, number: int) -> None:
    plan = await full.fetchval("select id from plans limit 1")
    await full.execute(
        "insert into plan_items (plan, number, provider, post) select $1, n, $2, 'p' || n"
        "  from generate_series(1, 20000) n on conflict do nothing", plan, PROVIDER,
    )  # fmt: skip
    await full.execute("analyze plan_items")
    statement = plans.JUDGED_POSTS.format(which=plans.NEXT_OF_PLAN, verb="retry")
    read = await plan_of(full, statement, [plan, 10_000, number])
    assert touched(read, "plan_items") <= number
    assert touched(read, "posts") <= number


@pytest.mark.parametrize(
    "query",
    [
        QuarantineQuery(authentic=True),
        QuarantineQuery(authentic=False),
        QuarantineQuery(),
        QuarantineQuery(("held",)),
        QuarantineQuery(provider=PROVIDER),
    ],
    ids=str,
)
@pytest.mark.parametrize("place", [None, (10_000,)], ids=str)
async def test_a_page_of_the_quarantine_reads_about_a_page(
    full: Connection, query: QuarantineQuery, place: tuple[int] | None
) -> None:
    for keyset in (quarantine.NEWEST_FIRST, quarantine.OLDEST_FIRST):
        listed = page_of(quarantine.chosen(query), keyset, place, 51)
        assert touched(await plan_of(full, *compiled(listed)), "quarantine") <= 110


@pytest.mark.parametrize("place", [None, (NOON - HOUR, uuid4())], ids=["first", "deep"])
async def test_a_page_of_plans_reads_about_a_page(full: Connection, place: tuple[datetime, UUID] | None) -> None:
    listed = page_of(select(Plan), plans.NEWEST_FIRST, place, 51)
    assert touched(await plan_of(full, *compiled(listed)), "plans") <= 60


@pytest.mark.parametrize(
    "query",
    [
        EventQuery(post="e7", provider=PROVIDER),
        EventQuery(post="e7", known_providers=(PROVIDER, "another")),
        EventQuery(post="e7", known_providers=(PROVIDER,), sort="-position"),
    ],
    ids=str,
)
async def test_the_events_of_a_post_are_found_by_the_post(full: Connection, query: EventQuery) -> None:
    await full.execute(MANY_EVENTS, PROVIDER, NOON.date())
    await full.execute("analyze events")
    keyset = Keyset(query.sort, tuple[int], col(Event.position), newest_first=query.sort == "-position")
    read = await plan_of(full, *compiled(events.statement(query, keyset, None, 51)))
    assert 1 <= touched(read, "events") <= 10


async def test_what_moved_since_is_found_by_when_it_came(full: Connection) -> None:
    """An hour of the month, within the two ranges of a coarse index that it may lie in."""
    month_later = NOON + timedelta(minutes=39_000)
    assert touched(await plan_of(full, events.SINCE, [month_later, "", 500]), "transitions") <= 16_000


async def test_what_came_in_a_part_of_a_day_is_found_by_when_it_came(full: Connection) -> None:
    """For digests, for rules that wait for what happens to other posts, for a backtest and for the deadman."""
    day = (NOON + timedelta(days=30)).replace(hour=0)
    await event_log.ensure_day(full, day.date())
    await full.execute(A_BUSY_DAY, PROVIDER, day)
    await full.execute("vacuum analyze events")
    since = day + 6 * HOUR
    asked: list[tuple[str, list[object]]] = [
        (look_back.GATHERED, [since, since + HOUR, ["post.published"], [], 50_000]),
        (look_back.OF_PROVIDER, [PROVIDER, since + 5 * HOUR, 2**62, 5000]),
        (provider_heartbeats.TAKE_NOTE, [since + 5 * HOUR, since + 6 * HOUR]),
        (look_back.IN_ORDER, [since, 100_000 + 6 * 3600, since + HOUR]),
    ]
    for statement, values in asked:
        assert touched(await plan_of(full, statement, values), "events") <= 20_000


async def test_why_reads_what_is_about_the_post(full: Connection) -> None:
    asked: list[tuple[str, list[object]]] = [
        (why.FIRINGS, [PROVIDER, "p7", None, 50]),
        (look_back.OF_POSTS, [[PROVIDER], ["no"], 2**62, None, None, "processor", None]),
    ]
    for statement, values in asked:
        read = await plan_of(full, statement, values)
        assert sum(node["Actual Rows"] for node in read) == 0
