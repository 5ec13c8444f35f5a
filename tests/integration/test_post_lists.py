"""Lists of posts that no single index gives: several states in one order, and words that are looked for."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.told import NOON, PROVIDER
from tracker.domain.posts.event import State
from tracker.queries import posts as queried
from tracker.queries.paging import write_cursor
from tracker.queries.post_filters import PostQuery
from tracker.queries.posts import list_posts

if TYPE_CHECKING:
    from asyncpg import Connection

pytestmark = pytest.mark.anyio

NEWEST_FIRST = "-last_event_at"
FILL = """
insert into posts (projection, provider, post, bucket, state, attempt, version, platforms, accounts, last_event_at,
                   entered_at, first_day, last_day, fold)
select 1, $1, 'p' || n, 0, state, 1, 1, array['x'], array['a' || n % 4], at, at, $2::date, $2::date,
       jsonb_build_object('provider', $1::text, 'id', 'p' || n, 'state', state, 'last_event_at', at, 'entered_at', at)
  from (select n, (array['failed', 'published', 'publishing', 'scheduled'])[1 + n % 4] as state,
               case when n % 5 = 0 then null else $2::timestamptz - n / 2 * interval '1 second' end as at
          from generate_series(1, 40) n) one
"""


@pytest.fixture(scope="module")
async def forty(shared_connection: Connection) -> Connection:
    """Forty posts in four states, two at each moment, and every fifth without a last event."""
    await shared_connection.execute(FILL, PROVIDER, NOON)
    return shared_connection


async def all_pages(conn: Connection, query: PostQuery, limit: int, sort: str = NEWEST_FIRST) -> list[list[str]]:
    """The ids on each page to the end."""
    cursor, pages = None, []
    while True:
        page = await list_posts(conn, query, sort, cursor, limit)
        pages.append([post.id for post in page.items])
        if (cursor := page.next) is None:
            return pages


def expected(states: set[str]) -> list[str]:
    """The newest first, of two at a moment by their ids, and those without a last event before all others."""
    names = {f"p{n}": ("failed", "published", "publishing", "scheduled")[n % 4] for n in range(1, 41)}
    chosen = [name for name, state in names.items() if state in states]
    key = {name: (int(name[1:]) % 5 != 0, int(name[1:]) // 2 if int(name[1:]) % 5 else 0, name) for name in chosen}
    return sorted(chosen, key=key.__getitem__)


@given(
    states=st.sets(st.sampled_from(["failed", "published", "publishing", "scheduled", "removed"]), min_size=1),
    limit=st.integers(1, 50),
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors])
async def test_several_states_stand_in_one_order_page_by_page(forty: Connection, states: set[str], limit: int) -> None:
    found = await all_pages(forty, PostQuery(states=sorted(states)), limit)
    assert [post for page in found for post in page] == expected(states)
    assert all(len(page) == limit for page in found[:-1])


MESSAGE = 'Sunucu "İptal" dedi: C:\\tmp\n100 % _bitti_'


@pytest.mark.parametrize("q", ['"İ', "İptal", "c:\\TMP", "tmp\n100", "0 % _B", MESSAGE])
async def test_a_word_is_found_as_people_see_it_however_it_is_written_down(forty: Connection, q: str) -> None:
    async with forty.transaction():
        fold = await forty.fetchval("select fold from posts where post = 'p7'")
        fold["targets"] = {"x": {"platform": "x", "ordinal": 1, "problem": {"code": "a", "message": MESSAGE}}}
        await forty.execute("update posts set fold = $1 where post = 'p7'", fold)
        assert await all_pages(forty, PostQuery(q=q), 3) == [["p7"]]
        assert await all_pages(forty, PostQuery(q=f"{q}!"), 3) == [[]]
        await forty.execute("update posts set fold = fold::jsonb where post = 'p7'")
        assert await all_pages(forty, PostQuery(q=q), 3) == [["p7"]]


async def test_what_only_the_record_says_is_not_found(forty: Connection) -> None:
    assert await all_pages(forty, PostQuery(q="last_event"), 100) == [[]]


async def test_a_search_looks_through_so_many_and_goes_on_there(
    forty: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each page of the search looks at nine posts; what is found is the same as by looking at all."""
    whole = await all_pages(forty, PostQuery(q="P1"), 100)
    monkeypatch.setattr(queried, "LOOK", 9)
    pages = await all_pages(forty, PostQuery(q="P1"), 100)
    assert len(pages) >= 40 // 9
    assert [] in pages
    assert [post for page in pages for post in page] == whole[0]
    assert sorted(whole[0]) == ["p1", *(f"p{n}" for n in range(10, 20))]
    none = await all_pages(forty, PostQuery(q="nothing"), 100)
    assert set(map(tuple, none)) == {()}


async def test_the_post_of_that_very_id_comes_first_and_once(
    forty: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queried, "LOOK", 5)
    pages = await all_pages(forty, PostQuery(q="p1"), 3)
    assert pages[0][0] == "p1"
    found = [post for page in pages for post in page]
    assert sorted(found) == ["p1", *(f"p{n}" for n in range(10, 20))]
    assert await all_pages(forty, PostQuery(q="p39", states=["failed"]), 3) == [[]] * 2
    assert [post for page in await all_pages(forty, PostQuery(q="p39", states=["scheduled"]), 3) for post in page] == [
        "p39"
    ]


async def test_what_has_not_moved_is_looked_for_in_every_state_that_has_not_ended(forty: Connection) -> None:
    pages = await all_pages(forty, PostQuery(still_since=NOON - timedelta(seconds=10)), 4)
    found = [post for page in pages for post in page]
    assert found == [
        name for name in expected({"publishing", "scheduled"}) if int(name[1:]) >= 20 and int(name[1:]) % 5
    ]


async def test_the_posts_of_an_account_are_those_that_have_it(forty: Connection) -> None:
    (page,) = await all_pages(forty, PostQuery(account="a2", platform="x"), 100)
    assert {int(name[1:]) % 4 for name in page} == {2}
    assert len(page) == 10
    assert await all_pages(forty, PostQuery(account="a2", platform="tiktok"), 100) == [[]]
    cursor = write_cursor(NEWEST_FIRST, (NOON - timedelta(seconds=5), PROVIDER, "p10"))
    rest = await list_posts(forty, PostQuery(account="a2"), NEWEST_FIRST, cursor, 100)
    assert [post.id for post in rest.items] == [name for name in page if int(name[1:]) >= 11 and int(name[1:]) % 5]


async def test_states_are_words_of_ours(forty: Connection) -> None:
    all_four = expected({"failed", "published", "publishing", "scheduled"})
    assert await all_pages(forty, PostQuery(states=list(State)), 100) == [all_four]
