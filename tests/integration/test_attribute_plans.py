"""Posts of an attribute are found by its index, which holds no others; and what else an answer tells is kept once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from tests.integration.corridor import Corridor
from tests.integration.test_reconciler import Books, asking, page, says
from tests.integration.told import NOON, PROVIDER, told
from tracker.domain.posts.event import State
from tracker.queries.paging import compiled
from tracker.queries.posts import PostQuery, keyset_of, list_posts, statement

if TYPE_CHECKING:
    from asyncpg import Connection

    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

POSTS, ALIKE = 20_000, 40
FILL = """
insert into posts (projection, provider, post, bucket, state, attempt, version, platforms, accounts, last_event_at,
                   entered_at, first_day, last_day, fold, attributes)
select 1, $1, 'p' || n, 0, 'published', 1, 1, array['x'], array['a' || n % 4], at, at, $2::date, $2::date,
       jsonb_build_object('provider', $1::text, 'id', 'p' || n, 'state', 'published', 'last_event_at', at),
       case when n % ($3 / $4) = 0 then array['campaign:spring', 'author:Ada'] else '{}' end
  from (select n, $2::timestamptz - n * interval '1 second' as at from generate_series(1, $3::integer) n) one
"""


async def test_an_attribute_leads_to_its_posts(shared_connection: Connection) -> None:
    await shared_connection.execute(FILL, PROVIDER, NOON, POSTS, ALIKE)
    await shared_connection.execute("analyze posts")
    query = PostQuery.parse(NOON, attribute=["campaign:spring"])
    found = await list_posts(shared_connection, query, limit=100)
    assert len(found.items) == ALIKE
    text, values = compiled(statement(query, keyset_of("-last_event_at"), False, None, 50))
    plan = str(await shared_connection.fetchval(f"explain (format json) {text}", *values))
    assert "attributes" in plan.partition("Index Cond")[2], plan
    size = "select pg_relation_size(indexrelid::regclass) from pg_stat_user_indexes where indexrelname ~ $1"
    assert await shared_connection.fetchval(size, "posts_v1_attributes") < 5 * 8192


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
