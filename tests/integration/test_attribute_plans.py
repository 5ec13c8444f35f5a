"""Posts of an attribute, a label or an error are found by one index, which holds no others; and counts have bounds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from tests.integration.corridor import Corridor
from tests.integration.test_reconciler import Books, asking, page, says
from tests.integration.test_report_plans import plan_of
from tests.integration.told import NOON, PROVIDER, told
from tracker.domain.posts.event import State
from tracker.queries.paging import compiled
from tracker.queries.post_counts import (
    CHOICES,
    COUNTED,
    COUNTED_OF_A_STATE,
    count_fitting,
    counting,
    list_choices,
)
from tracker.queries.post_filters import STATES, PostQuery
from tracker.queries.posts import keyset_of, list_posts, statement

if TYPE_CHECKING:
    from asyncpg import Connection

    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

POSTS, ALIKE = 20_000, 40
FILL = """
insert into posts (projection, provider, post, bucket, state, attempt, version, platforms, accounts, last_event_at,
                   entered_at, first_day, last_day, fold, terms)
select 1, $1, 'p' || n, 0, 'published', 1, 1, array['x'], array['a' || n % 4], at, at, $2::date, $2::date,
       jsonb_build_object('provider', $1::text, 'id', 'p' || n, 'state', 'published', 'last_event_at', at),
       case when n % ($3 / $4) = 0 then array['campaign:spring', '#owner:Ada', '!auth_expired'] else '{}' end
  from (select n, $2::timestamptz - n * interval '1 second' as at from generate_series(1, $3::integer) n) one
"""


@pytest.fixture(scope="module")
async def full(shared_connection: Connection) -> Connection:
    """Twenty thousand posts, of which forty have something to be found by."""
    await shared_connection.execute(FILL, PROVIDER, NOON, POSTS, ALIKE)
    await shared_connection.execute("analyze posts")
    return shared_connection


@pytest.mark.parametrize(
    "filters", [{"attribute": ["campaign:spring"]}, {"label": ["owner:Ada"]}, {"error": "auth_expired"}], ids=str
)
async def test_what_a_post_is_filed_under_leads_to_it(full: Connection, filters: dict[str, Any]) -> None:
    query = PostQuery.parse(NOON, **filters)
    assert len((await list_posts(full, query, limit=100)).items) == ALIKE
    for asked in (
        statement(query, keyset_of("-last_event_at"), False, None, 50), counting(query, STATES, COUNTED_OF_A_STATE),
    ):  # fmt: skip
        text, values = compiled(asked)
        plan = str(await full.fetchval(f"explain (format json) {text}", *values))
        assert "terms" in plan.partition("Index Cond")[2], plan
        read = await plan_of(full, text, values)
        assert "Seq Scan" not in {node["Node Type"] for node in read if node["Relation Name"].startswith("posts")}


async def test_counting_ends_at_its_bound_and_by_an_index(full: Connection) -> None:
    """Of the twenty thousand no more are read than the bound, but for words, which nothing counts."""
    query = PostQuery.parse(NOON, since="2026-01-01")
    counts = await count_fitting(full, query)
    assert counts is not None
    assert (counts.states["published"], counts.states["failed"]) == (COUNTED_OF_A_STATE + 1, 0)
    assert counts.found == COUNTED + 1
    read = await plan_of(full, *compiled(counting(query, STATES, COUNTED_OF_A_STATE)))
    assert sum(node["Actual Rows"] for node in read if node["Relation Name"].startswith("posts")) <= 1100
    assert await count_fitting(full, PostQuery.parse(NOON, q="spring")) is None
    exact = await count_fitting(full, PostQuery.parse(NOON, label=["owner:Ada"], state=["published"]))
    assert (exact and exact.found, exact and exact.states["published"]) == (ALIKE, ALIKE)


async def test_values_to_choose_from_are_those_of_the_newest_posts(full: Connection) -> None:
    choices = await list_choices(full)
    assert (choices["platform"], choices["provider"]) == (["x"], [PROVIDER])
    assert choices["account"] == ["a0", "a1", "a2", "a3"]
    assert (choices["attribute"], choices["label"]) == (["campaign:spring"], ["owner:Ada"])
    assert choices["error"] == ["auth_expired"]
    read = await plan_of(full, CHOICES, [])
    assert sum(node["Actual Rows"] for node in read if node["Relation Name"].startswith("posts")) <= 2000
    size = "select pg_relation_size(indexrelid::regclass) from pg_stat_user_indexes where indexrelname ~ $1"
    assert await full.fetchval(size, "posts_v1_terms") < 5 * 8192


def described(report_state: State, **more: Any) -> Any:
    return replace(says(report_state, 10), **more)


async def test_what_an_answer_tells_beside_states_is_kept_once_and_not_counted_as_missed(database: Database) -> None:
    corridor = await Corridor(database, []).open()
    await corridor.tell(told("p1", "published", 10, targets={"x": "published"}))
    books = Books({"": page(p1=described(State.PUBLISHED, excerpt="hello", attributes={"campaign": "spring"}))})
    corridor.at = 60
    assert ((await asking(corridor, books)).appended, (await asking(corridor, books)).appended) == (1, 0)
    (fold,) = await corridor.rows("select fold::text from posts")
    assert json.loads(str(fold[0]))["excerpt"] == "hello"
    assert await corridor.rows("select count(*) from findings") == [(0,)]
