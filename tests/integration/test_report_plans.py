"""The reports that every page and every script asks for read an index, and never a whole table."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from tests.integration.told import NOON, PROVIDER
from tracker.queries import actions, history, pending, posts, rule_status, runs, silences, stats
from tracker.queries.actions import ActionQuery
from tracker.queries.paging import AnySelect, EachOf, compiled, page_of
from tracker.queries.post_filters import PostQuery
from tracker.queries.runs import RunQuery
from tracker.store.log import event_log
from tracker.store.tables.reactions import Action, Firing, Run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncpg import Connection

pytestmark = pytest.mark.anyio

MANY_POSTS = """
insert into posts (projection, provider, post, bucket, state, attempt, version, platforms, accounts, entered_at,
                   scheduled_at, published_at, failed_at, last_event_at, first_day, last_day, fold)
select 1, $1, 'p' || n, 0, case when n % 20 = 0 then 'failed' else 'published' end, 1, 1, '{x}', '{}',
       at, at, case when n % 20 > 0 then at end, case when n % 20 = 0 then at end, at, $2::date, $2::date, '{}'
  from (select n, $2::timestamptz - n * interval '1 second' as at from generate_series(1, 20000) n) one
"""


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every node of the plan."""
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


async def plan_of(connection: Connection, statement: str, values: list[object]) -> list[dict[str, Any]]:
    """The nodes of the plan that touch posts or events, after running it."""
    explained = await connection.fetchval(f"explain (analyze, format json) {statement}", *values)
    return [node for node in nodes(explained[0]["Plan"]) if "Relation Name" in node]


@pytest.fixture(scope="module")
async def full(shared_connection: Connection) -> Connection:
    """Twenty thousand posts."""
    await event_log.ensure_day(shared_connection, NOON.date())
    await shared_connection.execute(MANY_POSTS, PROVIDER, NOON)
    await shared_connection.execute("analyze")
    return shared_connection


@pytest.mark.parametrize(
    ("query", "sort"),
    [
        (PostQuery(), "-last_event_at"),
        (PostQuery(), "last_event_at"),
        (PostQuery(), "-published_at"),
        (PostQuery(), "scheduled_at"),
        (PostQuery(), "-failed_at"),
        (PostQuery(states=["failed"]), "-last_event_at"),
        (PostQuery(scheduled_from=NOON - timedelta(hours=3)), "-scheduled_at"),
        (PostQuery(since=NOON - timedelta(hours=3)), "-last_event_at"),
    ],
)
@pytest.mark.parametrize("deep", [False, True])
async def test_a_page_of_posts_reads_about_a_page(full: Connection, query: PostQuery, sort: str, deep: bool) -> None:
    """Also a page far from the beginning: that is what keyset pages are for."""
    place = (NOON.replace(hour=11), PROVIDER, "p1") if deep else None
    statement, values = compiled(posts.statement(query, posts.keyset_of(sort), False, place, 51))
    read = [node for node in await plan_of(full, statement, values) if node["Relation Name"].startswith("posts")]
    assert {node["Node Type"] for node in read} <= {"Index Scan", "Bitmap Heap Scan"}
    assert sum(node["Actual Rows"] + node.get("Rows Removed by Filter", 0) for node in read) <= 60


@pytest.mark.parametrize(("sort", "most"), [("-failed_at", 60), ("failed_at", 60), ("-last_event_at", 0)])
@pytest.mark.parametrize("deep", [False, True])
async def test_a_page_of_posts_that_lack_a_time_reads_about_a_page(
    full: Connection, sort: str, most: int, deep: bool
) -> None:
    """Where many lack it, they are found on the way; where none does, the index of the last event says so."""
    place = (None, PROVIDER, "p15") if deep else None
    assert await looked_at(full, PostQuery(), sort, place) <= most


@pytest.mark.parametrize("sort", ["-scheduled_at", "published_at"])
@pytest.mark.parametrize("query", [PostQuery(), PostQuery(states=["failed"]), PostQuery(account="none")], ids=str)
@pytest.mark.parametrize("deep", [False, True])
async def test_for_posts_that_lack_a_time_a_page_looks_only_so_far(
    full: Connection, monkeypatch: pytest.MonkeyPatch, sort: str, query: PostQuery, deep: bool
) -> None:
    """However few there are."""
    monkeypatch.setattr(posts, "LOOK", 300)
    place = (None, PROVIDER, "p15") if deep else None
    assert 51 <= await looked_at(full, query, sort, place) <= 300


@pytest.mark.parametrize("query", [PostQuery(account="a1"), PostQuery(platform="none", account="a1")], ids=str)
async def test_where_no_post_has_an_account_none_is_read_for_one(full: Connection, query: PostQuery) -> None:
    """Of what nothing is known, Postgres believes that one in two hundred has it, and would walk over all."""
    statement, values = compiled(posts.statement(query, posts.keyset_of("-last_event_at"), False, None, 51))
    read = [node for node in await plan_of(full, statement, values) if node["Relation Name"].startswith("posts")]
    assert sum(node["Actual Rows"] + node.get("Rows Removed by Filter", 0) for node in read) == 0


async def looked_at(connection: Connection, query: PostQuery, sort: str, place: tuple[None, str, str] | None) -> int:
    """How many posts are read for a page of those that lack the time."""
    statement, values = compiled(posts.statement(query, posts.keyset_of(sort), True, place, 51))
    read = [node for node in await plan_of(connection, statement, values) if node["Relation Name"].startswith("posts")]
    assert {node["Node Type"] for node in read} <= {"Index Scan", "Bitmap Heap Scan"}
    return sum(node["Actual Rows"] + node.get("Rows Removed by Filter", 0) for node in read)


async def test_one_post_is_found_by_its_index(full: Connection) -> None:
    read = await plan_of(full, *compiled(posts.of_that_id("p77", None)))
    found = [node for node in read if node["Relation Name"].startswith("posts")]
    assert {node["Node Type"] for node in found} <= {"Index Scan", "Bitmap Heap Scan"}
    assert sum(node["Actual Rows"] for node in found) == 1


async def test_the_figures_of_a_span_read_the_posts_of_that_span(full: Connection) -> None:
    values: list[object] = [NOON - timedelta(minutes=10), NOON, timedelta(minutes=1)]
    read = [node for node in await plan_of(full, stats.PACE, values) if node["Relation Name"].startswith("posts")]
    assert {node["Node Type"] for node in read} <= {"Index Scan", "Bitmap Heap Scan"}
    assert sum(node["Actual Rows"] + node.get("Rows Removed by Filter", 0) for node in read) <= 610


MANY_REACTIONS = """
with rows as (
  select n, ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid as id,
         $2::timestamptz - n * interval '1 second' as at, 'r' || n % 50 as rule,
         case when n % 400 = 0 then 'active' else 'done' end as state
    from generate_series(1, 8000) n
), ran as (
  insert into runs (id, rule, key, provider, post, state, data, started_at, updated_at)
  select id, rule, 'k' || n, $1, 'p' || n, state, '{}', at, at from rows
), moved as (
  insert into run_moves (run, number, at, said) select id, 1, at, 'step 0' from rows
), armed as (
  insert into timers (rule, key, kind, bucket, due_at, meaning, cause, run, provider, post, data)
  select rule, 'k' || n, 'run ' || id, 0, at, '0', 'c', id, $1, 'p' || n, '{}' from rows
), asked as (
  insert into actions (id, idempotency_key, verb, target, rule, run, bucket, provider, post, payload, state, due_at,
                       created_at, hidden_by)
  select id, id || ':0:1', 'alert', 'ops', rule, id, 0, $1, 'p' || n, '{}',
         case when n % 20 = 0 then 'hidden' else 'done' end, at, at,
         case when n % 20 = 0 then 'silence 00000000-0000-0000-0000-00000000000' || n % 9 end from rows
), silenced as (
  insert into silences (id, match, since, until, by, reason)
  select id, '{}', at, at + case when n % 1000 = 0 then interval '30 days' else interval '1 hour' end, 'a', 'b'
    from rows
), counted as (
  insert into rule_counts (rule, outcome, bucket, firings, last_at)
  select 'r' || n, 'fired', 0, 1, $2 from generate_series(1, 2000) n
)
insert into firings (rule, key, cause, revision, outcome, provider, post, fired_at, occurred_at)
select rule, 'k' || n, 'c', '1', case when n % 7 = 0 then 'suppressed' else 'fired' end, $1, 'p' || n, at, at from rows
"""

SOME_ID = UUID("00000000-0000-0000-0000-000000000777")


@pytest.fixture(scope="module")
async def busy(full: Connection) -> Connection:
    """Eight thousand runs, with as many of all that belongs to them."""
    await full.execute(MANY_REACTIONS, PROVIDER, NOON)
    await full.execute("vacuum analyze")
    return full


async def rows_read(connection: Connection, table: str, statement: str, values: list[object]) -> int:
    """How many rows of the table the statement looks at; a plan that does not go by an index fails."""
    read = [node for node in await plan_of(connection, statement, values) if node["Relation Name"] == table]
    assert read
    assert {node["Node Type"] for node in read} <= {"Index Scan", "Index Only Scan", "Bitmap Heap Scan"}, read
    return sum(
        node["Actual Loops"]
        * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0))
        for node in read
    )


@pytest.mark.parametrize(
    "query",
    [
        RunQuery(),
        RunQuery(states=["active"]),
        RunQuery(states=["active", "queued"]),
        RunQuery(rule="r7"),
        RunQuery(post="p7"),
        RunQuery(post="p7", provider=PROVIDER),
        RunQuery(since=NOON - timedelta(hours=2)),
    ],
    ids=str,
)
@pytest.mark.parametrize("deep", [False, True])
async def test_a_page_of_runs_reads_about_a_page(busy: Connection, query: RunQuery, deep: bool) -> None:
    place = (NOON - timedelta(hours=1), SOME_ID) if deep else None
    each = EachOf(Run.state, query.states) if query.states else None
    statement = page_of(runs.chosen(query), runs.NEWEST_FIRST, place, 51, each)
    assert await rows_read(busy, "runs", *compiled(statement)) <= 110


@pytest.mark.parametrize(
    ("table", "statement"),
    [
        ("run_moves", runs.newest_moves(SOME_ID)),
        ("timers", runs.timers_of(SOME_ID)),
        ("actions", runs.newest_actions(SOME_ID, PROVIDER, "p777", NOON - timedelta(hours=1))),
    ],
)
async def test_one_run_reads_only_what_is_its_own(busy: Connection, table: str, statement: AnySelect) -> None:
    assert await rows_read(busy, table, *compiled(statement)) == 1


@pytest.mark.parametrize("states", [[], ["active"], ["ended"]], ids=str)
@pytest.mark.parametrize("deep", [False, True])
async def test_a_page_of_silences_reads_about_a_page(busy: Connection, states: list[str], deep: bool) -> None:
    """The few that are active are found by when they end."""
    place = (NOON - timedelta(minutes=90), SOME_ID) if deep else None
    statement = page_of(silences.in_states(states, NOON + timedelta(days=1)), silences.NEWEST_FIRST, place, 51)
    assert await rows_read(busy, "silences", *compiled(statement)) <= 60


async def test_what_a_silence_hid_is_counted_and_shown_from_an_index(busy: Connection) -> None:
    name = f"silence {UUID(int=4)}"
    hidden = await busy.fetchval("select count(*) from actions where hidden_by = $1", name)
    assert hidden > 40
    assert await rows_read(busy, "actions", silences.HIDDEN, [[name], 10_000]) == hidden
    assert await rows_read(busy, "actions", silences.NEWEST_HIDDEN, [[name], 5]) == 5


async def test_what_rules_came_to_is_counted_from_indexes(busy: Connection) -> None:
    """In all from the counts that are kept, and lately no further than is counted."""
    assert await rows_read(busy, "rule_counts", rule_status.IN_ALL, [["r7", "r8"]]) == 2
    values: list[object] = [["r7"], ["fired", "suppressed"], NOON - timedelta(days=1), 20]
    assert await rows_read(busy, "firings", rule_status.SINCE, values) == 40


@pytest.mark.parametrize("deep", [False, True])
async def test_a_page_of_firings_reads_about_a_page_of_each_outcome(busy: Connection, deep: bool) -> None:
    place = (NOON - timedelta(hours=1), 4000) if deep else None
    each = EachOf(Firing.outcome, rule_status.OUTCOMES)
    statement = page_of(rule_status.firings_of("r7"), rule_status.NEWEST_FIRST, place, 11, each)
    assert await rows_read(busy, "firings", *compiled(statement)) <= 25


async def test_what_a_post_waits_for_reads_only_what_is_its_own(busy: Connection) -> None:
    for table in ("timers", "runs"):
        assert await rows_read(busy, table, pending.PENDING, [PROVIDER, "p777"]) == 1


async def test_a_page_of_the_past_reads_what_it_looks_at_by_an_index(full: Connection) -> None:
    values: list[object] = [PROVIDER, "p5", None, 100]
    read = [
        node for node in await plan_of(full, history.IN_ORDER_OF_ID, values)
        if node["Relation Name"].startswith("posts")
    ]  # fmt: skip
    assert {node["Node Type"] for node in read} == {"Index Scan"}
    assert sum(node["Actual Rows"] + node.get("Rows Removed by Filter", 0) for node in read) == 100


@pytest.mark.parametrize(
    "query",
    [
        ActionQuery(),
        ActionQuery(states=["hidden"]),
        ActionQuery(states=["dead", "unknown"]),
        ActionQuery(states=["done"]),
        ActionQuery(until=NOON),
    ],
    ids=str,
)
async def test_a_page_of_actions_reads_about_a_page(busy: Connection, query: ActionQuery) -> None:
    """Of each state in which there are any: of two here."""
    statement = page_of(actions.chosen(query, Action), actions.NEWEST_FIRST, None, 51, actions.each_of(query))
    assert await rows_read(busy, "actions", *compiled(statement)) <= 110
