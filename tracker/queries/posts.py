"""Which posts are there, and what of one: lists by filters, and one by its id."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import and_, cast, select, true
from sqlalchemy.types import Text
from sqlmodel import col

from tracker.domain.posts.event import State
from tracker.domain.posts.post import Post
from tracker.errors import BadParameter, NotFound
from tracker.parameters import parse_choice, refuse_zero_bytes
from tracker.queries.paging import (
    AnySelect,
    EachOf,
    Keyset,
    Page,
    any_of,
    fetch,
    fitting,
    of_current_projection,
    page_of,
    write_cursor,
)
from tracker.queries.post_filters import PostQuery, filters, says
from tracker.queries.post_views import post_out
from tracker.store.tables.posts import Post as Posts

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tracker.queries.post_views import PostOut
    from tracker.store.database import Connection, Row

TIMES = ("last_event_at", "scheduled_at", "published_at", "failed_at")
SORTS = tuple(sign + time for time in TIMES for sign in ("-", ""))
"""The times by which posts can be sorted, with - for the newest first."""
NEWEST_FIRST = "-last_event_at"
FOLD = cast(col(Posts.fold), Text).label("fold")
PLANNED = (State.DRAFT, State.AWAITING_APPROVAL, State.SCHEDULED)
"""The states of what has a time before it."""
LOOK = 20_000
"""No index leads to a word, nor to what lacks a time: one page looks through no more than this many posts for it."""
MOST_OF_AN_ID = 20
"""Providers that have a post of the same id."""


@dataclass(frozen=True, slots=True)
class Title:
    """By what a post is recognised: the beginning of its text, and whether it has a picture."""

    excerpt: str
    pictured: bool


@dataclass(frozen=True, slots=True)
class FoundPost:
    """A post as it stands, and the first day of the log that has anything of it."""

    post: Post
    first_day: date


async def list_posts(
    conn: Connection, query: PostQuery, sort: str = NEWEST_FIRST, cursor: str | None = None, limit: int = 50
) -> Page[PostOut]:
    """A page of posts as they are shown; `sort` is one of SORTS. Raises BadParameter.

    A search finds the post of that very id first, and then looks through LOOK posts: its page may hold fewer, as may
    one of posts that lack the time they are sorted by.
    """
    posts, following = await page_of_posts(conn, query, sort, cursor, limit)
    return Page([post_out(post) for post in posts], following)


async def page_of_posts(
    conn: Connection, query: PostQuery, sort: str, cursor: str | None, limit: int
) -> tuple[list[Post], str | None]:
    """The posts of a page, and the cursor of the next one.

    Posts that lack the time they are sorted by come last, but first in the list of what was heard of last.
    """
    keyset = keyset_of(parse_choice("sort", sort, SORTS))
    place = keyset.read(cursor)
    posts = await _of_that_id(conn, query) if query.q and place is None else []
    phases = [True, False] if sort == NEWEST_FIRST else [False, True]
    if keyset.at.key == "scheduled_at" and (query.scheduled_from or query.scheduled_to):
        phases = [False]
    for timeless in phases[phases.index(place[0] is None) :] if place else phases:
        rows = await fetch(conn, statement(query, keyset, timeless, place, limit + 1 - len(posts)))
        posts += [_post(row) for row in rows]
        if len(posts) > limit:
            return posts[:limit], _cursor(keyset, posts[limit - 1])
        looks = query.q or _by_looking(keyset, timeless)
        if looks and (rest := await fetch(conn, end_of_look(query, keyset, timeless, place))):
            return posts, _cursor(keyset, _post(rest[0]), timeless)
        place = None
    return posts, None


TITLES = """
select wanted.provider, wanted.post, p.fold->>'excerpt' as excerpt, p.fold->>'thumbnail' is not null as pictured
  from unnest($1::text[], $2::text[]) as wanted (provider, post)
 cross join lateral (select fold from posts
                      where projection = (select version from projections where current)
                        and provider = wanted.provider and post = wanted.post limit 1) p
 where p.fold->>'excerpt' is not null
"""


async def titles_of(conn: Connection, posts: Iterable[tuple[str, str | None]]) -> dict[tuple[str, str], Title]:
    """What these posts, by provider and id, are recognised by; those that say nothing are left out."""
    keys = sorted({(provider, post) for provider, post in posts if post is not None})
    rows = await conn.fetch(TITLES, *([key[place] for key in keys] for place in (0, 1))) if keys else []
    return {(row["provider"], row["post"]): Title(row["excerpt"], row["pictured"]) for row in rows}


async def find_post(conn: Connection, post: str, provider: str | None = None) -> FoundPost:
    """The one post of that id; raises NotFound, and BadParameter where several providers have one."""
    refuse_zero_bytes(id=post, provider=provider)
    rows = await fetch(conn, of_that_id(post, provider))
    if not rows:
        raise NotFound(f'there is no post "{post}"' + (f' of "{provider}"' if provider else ""))
    if len(rows) > 1:
        names = ", ".join(sorted(_post(row).provider for row in rows))
        raise BadParameter("provider", f'several providers have a post "{post}": say provider=, one of {names}')
    return FoundPost(_post(rows[0]), rows[0]["first_day"])


def of_that_id(post: str, provider: str | None) -> AnySelect:
    """The posts of that id, one for each provider that has one."""
    wanted = fitting(Posts, post=post, provider=provider or None)
    return select(FOLD, col(Posts.first_day)).where(of_current_projection(), *wanted)


def keyset_of(sort: str) -> Keyset:
    """The order that `sort`, one of SORTS, asks for."""
    at, key, newest_first = getattr(Posts, sort.lstrip("-")), (col(Posts.provider), col(Posts.post)), sort[0] == "-"
    return Keyset(sort, tuple[datetime | None, str, str], at, key, newest_first=newest_first)


def statement(query: PostQuery, keyset: Keyset, timeless: bool, place: Sequence[Any] | None, limit: int) -> AnySelect:
    """The posts that have the time they are sorted by, or those that lack it (`timeless`), behind `place`."""
    if not query.q and not _by_looking(keyset, timeless):
        return _in_order(query, keyset, timeless, place, limit)
    looked_through = _in_order(query, keyset, timeless, place, LOOK).subquery("looked_through")
    posts = looked_through.c
    where = [says(posts.post, posts.fold, query.q), posts.post != query.q] if query.q else []
    order = keyset.over(looked_through).order()[timeless:]
    return select(posts.fold).where(posts.fits, *where).order_by(*order).limit(limit)


def end_of_look(query: PostQuery, keyset: Keyset, timeless: bool, place: Sequence[Any] | None) -> AnySelect:
    """The last post that one page looks at, if there may be more behind it."""
    looked_through = _in_order(query, keyset, timeless, place, LOOK).subquery("looked_through")
    order = keyset.over(looked_through).order()[timeless:]
    return select(looked_through.c.fold).order_by(*order).offset(LOOK - 1)


def _in_order(query: PostQuery, keyset: Keyset, timeless: bool, place: Sequence[Any] | None, limit: int) -> AnySelect:
    """Posts that fit all filters but the words searched for: each state alone is in order in an index.

    Where no index has those that lack the time, posts in the order of their keys, each with whether it `fits`.
    """
    where = filters(query)
    if timeless or place is None:  # behind a place, the bound says so, and Postgres would reckon with it twice
        where.append(keyset.at.is_(None) if timeless else keyset.at.is_not(None))
    columns = (FOLD, keyset.at, *keyset.key)
    if _by_looking(keyset, timeless):
        where += [any_of(col(Posts.state), query.wanted_states)] if query.wanted_states else []
        posts = select(*columns, and_(*where).label("fits")).where(of_current_projection(), keyset.after(place))
        return posts.order_by(*keyset.order()[1:]).limit(limit)
    states = EachOf(col(Posts.state), query.wanted_states) if query.wanted_states else None
    return page_of(select(*columns, true().label("fits")).where(*where), keyset, place, limit, states)


def _by_looking(keyset: Keyset, timeless: bool) -> bool:
    """Whether no index has the posts that lack the time: only that of the last event holds them."""
    return timeless and keyset.at.key != "last_event_at"


async def _of_that_id(conn: Connection, query: PostQuery) -> list[Post]:
    where = [*filters(query), col(Posts.post) == query.q]
    if query.wanted_states:
        where.append(any_of(col(Posts.state), query.wanted_states))
    first = select(FOLD).where(*where).order_by(col(Posts.provider)).limit(MOST_OF_AN_ID)
    return [_post(row) for row in await fetch(conn, first)]


def _cursor(keyset: Keyset, post: Post, timeless: bool = False) -> str:
    at = None if timeless else getattr(post, str(keyset.at.key))
    return write_cursor(keyset.name, (at, post.provider, post.id))


def _post(row: Row) -> Post:
    return msgspec.json.decode(row["fold"], type=Post)
