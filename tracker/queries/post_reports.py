"""Posts as people look at them: filtered lists by keyset, one post with what is about to happen to it, counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from tracker.domain.posts.event import State
from tracker.domain.posts.lifecycle import ENDED
from tracker.domain.posts.post import Post
from tracker.queries.paging import Conditions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracker.store.database import Connection, Row

SORTS = ("last_event_at", "entered_at", "scheduled_at", "published_at", "failed_at")
"""The times by which posts can be sorted."""


@dataclass(frozen=True, slots=True)
class Filters:
    """All must hold; `since` and `until` bound the last event, `still_since` the time since when nothing moved."""

    states: Sequence[str] = ()
    platform: str | None = None
    account: str | None = None
    provider: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    still_since: datetime | None = None
    q: str | None = None


class After(msgspec.Struct, frozen=True, array_like=True):
    """The last post of a page."""

    at: datetime | None
    provider: str
    post: str


CURRENT = "p.projection = (select version from projections where current)"

STILL = "greatest(p.entered_at, case p.state when 'scheduled' then p.scheduled_at end) <= {}"

SAYS = """
(p.post ilike {0} or p.fold::text ilike {1} and exists (
  select from jsonb_path_query(p.fold::jsonb, '$.**.problem.*') word where word #>> '{{}}' ilike {0}
  union all
  select from jsonb_path_query(p.fold::jsonb, '$.**.url') word where word #>> '{{}}' ilike {0}))
"""
"""What the text of a post holds somewhere, is looked for where people see it."""

LIST = "select {what} from posts p where {where} order by {order} limit {limit}"

# Each state alone is read from the index by state, in the right order.
LIST_OF_STATES = """
select {what} from unnest({states}::text[]) as wanted
 cross join lateral (select * from posts p where p.state = wanted and {where} order by {order} limit {limit}) p
 order by {order} limit {limit}
"""

MOST_OF_AN_ID = 20
"""Providers that have a post of the same id."""

# No index leads to a word: one page looks no further than this many posts.
LOOK = 20_000

SEARCH = "select p.fold::text from ({looked_through}) p where {says} order by {order} limit {limit}"

END_OF_SEARCH = "select p.fold::text from ({looked_through}) p order by {order} offset {look} - 1"

ONE = """
select p.first_day, p.fold::text from posts p
 where p.projection = (select version from projections where current)
   and p.post = $1 and ($2::text is null or p.provider = $2)
"""

PENDING = """
select t.due_at,
       case when t.run is null then t.kind
            when r.data->>'phase' = 'backoff' then 'retry'
            when r.data->>'phase' = 'waiting' then 'wait'
            when r.data->>'phase' = 'holding' then 'repeat'
            else 'run' end as what,
       t.rule, t.run, t.meaning, null as verb, t.target, null::uuid as action, null as state, 0 as attempts,
       null::timestamptz as created_at
  from timers t left join runs r on r.id = t.run
 where t.provider = $1 and t.post = $2
union all
select due_at, 'action', rule, run, '', verb, target, id, state, attempts, created_at
  from actions where provider = $1 and post = $2 and state in ('pending', 'claimed')
 order by due_at, rule
"""

COUNTS = """
select state, count(*) as posts from posts
 where projection = (select version from projections where current)
 group by state order by state
"""


async def list_posts(
    conn: Connection, filters: Filters, sort: str, after: After | None, limit: int
) -> tuple[list[Post], After | None]:
    """A page of posts, and where the next one begins. `sort` is one of SORTS, with a - in front for newest first.

    A search finds the post of that very id first, and then looks through LOOK posts: its page may hold fewer.
    """
    phases = [True, False] if sort.startswith("-") else [False, True]  # posts that lack the time come first, or last
    posts = await _of_that_id(conn, filters) if filters.q and not after else []
    for without in phases[phases.index(after.at is None) :] if after else phases:
        statement, values = page(filters, sort, without, after, limit + 1 - len(posts))
        posts += [_post(row) for row in await conn.fetch(statement, *values)]
        if len(posts) > limit:
            return posts[:limit], _place(posts[limit - 1], sort)
        if filters.q and (end := await conn.fetchrow(*_end_of_search(filters, sort, without, after))):
            return posts, _place(_post(end), sort)
        after = None
    return posts, None


async def find_posts(conn: Connection, post: str, provider: str | None) -> list[tuple[Post, Row]]:
    """The posts of that id, one for each provider that has one, each with its row."""
    return [(_post(row), row) for row in await conn.fetch(ONE, post, provider)]


async def pending(conn: Connection, provider: str, post: str) -> list[Row]:
    """What is going to happen to the post, the soonest first: timers and open actions."""
    rows: list[Row] = await conn.fetch(PENDING, provider, post)
    return rows


async def counts(conn: Connection) -> dict[str, int]:
    """How many posts are in each state."""
    return {row["state"]: row["posts"] for row in await conn.fetch(COUNTS)}


def page(filters: Filters, sort: str, without: bool, after: After | None, limit: int) -> tuple[str, list[object]]:
    """The statement and its values for posts that have the time they are sorted by, or for those `without` it."""
    if not filters.q:
        statement, order, where = _in_order(filters, sort, without, after, "p.fold::text", limit)
        return statement, where.values
    looked_through, order, where = _in_order(filters, sort, without, after, "p.*", LOOK)
    words = (f"%{_literally(q)}%" for q in (filters.q, msgspec.json.encode(filters.q).decode()[1:-1]))
    says = Conditions(values=tuple(where.values)).add(SAYS, *words).add("p.post <> {}", filters.q)
    return SEARCH.format(looked_through=looked_through, says=says, order=order, limit=limit), says.values


def _end_of_search(filters: Filters, sort: str, without: bool, after: After | None) -> tuple[object, ...]:
    """The statement with its values for the last post that a search looks at, if there may be more behind it."""
    looked_through, order, where = _in_order(filters, sort, without, after, "p.*", LOOK)
    return END_OF_SEARCH.format(looked_through=looked_through, order=order, look=LOOK), *where.values


def _in_order(
    filters: Filters, sort: str, without: bool, after: After | None, what: str, limit: int
) -> tuple[str, str, Conditions]:
    """The statement for posts that fit all filters but the words searched for, its order, and its conditions."""
    where = _where(filters)
    column, newest_first = sort.lstrip("-"), sort.startswith("-")
    where.add(f"p.{column} is null" if without else f"p.{column} is not null")
    direction, rest, beyond = ("desc", "asc", ">") if newest_first else ("asc", "desc", "<")
    if after and after.at is None:
        where.add(f"(p.provider, p.post) {beyond} ({{}}, {{}})", after.provider, after.post)
    elif after:
        on, past = ("<=", "<") if newest_first else (">=", ">")
        where.add(f"p.{column} {on} {{0}}", after.at).add(
            f"(p.{column} {past} {{0}} or (p.provider, p.post) {beyond} ({{1}}, {{2}}))",
            after.at, after.provider, after.post,
        )  # fmt: skip
    order = f"p.{column} {direction}, p.provider {rest}, p.post {rest}"
    states = list(filters.states) or (sorted(set(State) - ENDED) if filters.still_since else [])
    if len(states) <= 1:
        where = where.add("p.state = {}", states[0]) if states else where
        return LIST.format(what=what, where=where, order=order, limit=limit), order, where
    wanted = f"${len(where.values) + 1}"
    statement = LIST_OF_STATES.format(what=what, states=wanted, where=where, order=order, limit=limit)
    where.values.append(states)
    return statement, order, where


def _place(post: Post, sort: str) -> After:
    return After(getattr(post, sort.lstrip("-")), post.provider, post.id)


async def _of_that_id(conn: Connection, filters: Filters) -> list[Post]:
    where = _where(filters).add("p.post = {}", filters.q)
    if filters.states:
        where.add("p.state = any({}::text[])", list(filters.states))
    statement = LIST.format(what="p.fold::text", where=where, order="p.provider", limit=MOST_OF_AN_ID)
    return [_post(row) for row in await conn.fetch(statement, *where.values)]


def _where(filters: Filters) -> Conditions:
    where = Conditions(CURRENT)
    simple = {
        "p.platforms @> array[{}::text]": filters.platform,
        "p.accounts @> array[{}::text]": filters.account,
        "p.provider = {}": filters.provider,
        "p.last_event_at >= {}": filters.since,
        "p.last_event_at < {}": filters.until,
        STILL: filters.still_since,
    }
    for fragment, value in simple.items():
        if value is not None:
            where.add(fragment, value)
    return where


def _literally(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _post(row: Row) -> Post:
    return msgspec.json.decode(row["fold"], type=Post)
