"""The past: posts as the log stood at an earlier moment, folded anew from what had arrived by then."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from tracker.domain.posts.post import Post, fold
from tracker.errors import BadParameter, NotFound, Rejected
from tracker.queries import history
from tracker.queries.paging import Page, read_cursor, write_cursor
from tracker.queries.post_views import OnePostOut, PostOut, one_post_out, post_out
from tracker.store.log import look_back
from tracker.store.posts import posts
from tracker.stream import changes

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from tracker.domain.posts.change import Change
    from tracker.domain.posts.event import Fact
    from tracker.queries.post_filters import PostQuery
    from tracker.queries.posts import FoundPost
    from tracker.store.database import Connection, Row
    from tracker.store.posts.posts import Key
    from tracker.stream.changes import Readers

DAY = timedelta(days=1)
LOOK = 2000
"""One page of a list looks at so many posts as they are filed now,"""
FOLDED = 400
"""and folds so many of them at most,"""
AT_ONCE = 50
"""a few at a time, so that others are served in between."""


class Past:
    """What was known when, and what changed it, read from the log by those who can read its sources."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers

    async def changes(self, conn: Connection, post: Post) -> list[Change]:
        """All that changed the post, as far as the log is kept."""
        return await changes.of_post(conn, self._readers, (post.provider, post.id))

    async def one_post(self, conn: Connection, now: FoundPost, moment: datetime) -> OnePostOut:
        """The post as it was shown at that moment, with nothing pending; raises as `post` does."""
        return one_post_out(await self.post(conn, now.post.provider, now.post.id, moment), [])

    async def post(self, conn: Connection, provider: str, post: str, moment: datetime) -> Post:
        """The post as it was known at that moment.

        Raises NotFound when nothing was known of it by then, and Rejected (no_longer_kept) when the log of that time
        is not kept any more.
        """
        start, through = (await posts.dated_baselines(conn, [(provider, post)])).get((provider, post), (None, None))
        if through and moment.date() <= through:
            raise Rejected("no_longer_kept", f'the log of "{post}" is kept from {through + DAY} on')
        facts = (await self._facts(conn, [(provider, post)], moment))[provider, post]
        if not facts and start is None:
            raise NotFound(f'nothing was known of a post "{post}" at {moment:%Y-%m-%dT%H:%M:%SZ}')
        return fold(provider, post, facts, start).post

    async def list_posts(
        self, conn: Connection, query: PostQuery, moment: datetime, sort: str | None, cursor: str | None, limit: int
    ) -> Page[PostOut]:
        """A page of the posts as they were known at that moment, by provider and id: no other order can be had.

        Where few of them fit, a page may hold fewer than `limit`, even none, and another one still follows. Raises
        BadParameter, and Rejected (no_longer_kept) when the log of that time is not kept any more.
        """
        if sort is not None:
            raise BadParameter("sort", "leave it out: with `as_of`, posts come in the order of provider and id")
        first = await history.first_day_kept(conn)
        if first and moment.date() < first:
            raise Rejected("no_longer_kept", f"the log is kept from {first} on")
        order = f"as_of {moment.isoformat()}"
        begins = read_cursor(cursor, order, tuple[str, str]) if cursor else ("", "")
        filed = await history.in_order_of_id(conn, begins, query.provider, LOOK)
        looked_at = [row for row in filed if _may_fit(row, query, moment)]
        fitting: list[PostOut] = []
        for start in range(0, min(len(looked_at), FOLDED), AT_ONCE):
            for post in await self._as_known(conn, looked_at[start : start + AT_ONCE], moment):
                if fits(post, query):
                    fitting.append(post_out(post))
                if len(fitting) == limit:
                    return Page(fitting, write_cursor(order, (post.provider, post.id)))
            await asyncio.sleep(0)
        last = looked_at[FOLDED - 1] if len(looked_at) > FOLDED else filed[-1] if len(filed) == LOOK else None
        return Page(fitting, write_cursor(order, (last["provider"], last["post"])) if last else None)

    async def _as_known(self, conn: Connection, filed: Sequence[Row], moment: datetime) -> list[Post]:
        """The posts of which something was known at the moment, in the order of `filed`."""
        keys = [(row["provider"], row["post"]) for row in filed]
        starts = await posts.baselines(conn, keys)
        facts = await self._facts(conn, keys, moment)
        return [fold(*key, facts[key], starts.get(key)).post for key in keys if key in facts or key in starts]

    async def _facts(self, conn: Connection, keys: Collection[Key], moment: datetime) -> dict[Key, list[Fact]]:
        """What had arrived of these posts by that moment."""
        events = await look_back.of_posts(conn, keys)
        return changes.facts_of(self._readers, [event for event in events if event.received_at <= moment])


def fits(post: Post, query: PostQuery) -> bool:
    """Whether the list shows the post."""
    moved, at, planned, still = post.entered_at, post.last_event_at, post.scheduled_at, query.still_since
    if post.state == "scheduled" and planned:
        moved = max(moved, planned) if moved else planned
    return (
        (not query.wanted_states or post.state in query.wanted_states)
        and (query.platform is None or any(one.platform == query.platform for one in post.targets.values()))
        and (query.account is None or any(one.account == query.account for one in post.targets.values()))
        and (query.since is None or (at is not None and at >= query.since))
        and (query.until is None or (at is not None and at < query.until))
        and (still is None or (moved is not None and moved <= still))
        and (query.scheduled_from is None or (planned is not None and planned >= query.scheduled_from))
        and (query.scheduled_to is None or (planned is not None and planned < query.scheduled_to))
        and set(query.terms) <= set(post.terms)
        and (not query.q or _says(post, query.q.lower()))
    )


def _says(post: Post, text: str) -> bool:
    said = [post.id, *(part.url for part in post.parts if part.url)]
    said += [post.excerpt or "", *post.attributes.values(), *post.labels.values()]
    said += [target.account for target in post.targets.values() if target.account]
    said += [word for part in post.parts if part.problem for word in (part.problem.code, part.problem.message)]
    return any(text in word.lower() for word in said)


def _may_fit(filed: Row, query: PostQuery, moment: datetime) -> bool:
    """Whether the post, as it is filed now, can have fitted then: what is known of a post only grows."""
    return (
        filed["first_day"] <= moment.date()
        and (query.platform is None or query.platform in filed["platforms"])
        and (query.account is None or query.account in filed["accounts"])
        and (query.since is None or (filed["last_event_at"] is not None and filed["last_event_at"] >= query.since))
    )
