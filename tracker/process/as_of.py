"""The past: posts as the log stood at an earlier moment, folded anew from what had arrived by then."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from tracker.domain.posts.lifecycle import ENDED
from tracker.domain.posts.post import Post, fold
from tracker.errors import NotFound, Rejected
from tracker.queries import history_reports
from tracker.store.posts import posts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from tracker.domain.posts.event import Fact, LoggedEvent
    from tracker.providers.base import FactReader
    from tracker.queries.post_reports import Filters
    from tracker.store.database import Connection, Row

DAY = timedelta(days=1)
LOOK = 2000
"""One page of a list looks at so many posts as they are filed now,"""
FOLDED = 400
"""and folds so many of them at most,"""
AT_ONCE = 50
"""a few at a time, so that others are served in between."""


class After(msgspec.Struct, frozen=True, array_like=True):
    """The last post that a page looked at."""

    provider: str
    post: str


class Past:
    """What was known when, read from the log by those who can read its sources."""

    def __init__(self, readers: Mapping[str, FactReader]) -> None:
        self._readers = readers

    async def post(self, conn: Connection, provider: str, post: str, first_day: date, moment: datetime) -> Post:
        """The post as it was known at that moment; `first_day` is the first day of the log that has anything of it.

        Raises NotFound when nothing was known of it by then, and Rejected (no_longer_kept) when the log of that time
        is not kept any more.
        """
        kept = await history_reports.baseline(conn, provider, post)
        through, start = kept or (None, None)
        if through and moment.date() <= through:
            raise Rejected("no_longer_kept", f'the log of "{post}" is kept from {through + DAY} on')
        events = await history_reports.events_by(conn, provider, post, first_day, moment)
        facts = [
            fact for event in events for fact in self._facts(event) if (fact.provider, fact.post) == (provider, post)
        ]
        if not facts and start is None:
            raise NotFound(f'nothing was known of a post "{post}" at {moment:%Y-%m-%dT%H:%M:%SZ}')
        return fold(provider, post, facts, start).post

    async def posts(
        self, conn: Connection, filters: Filters, moment: datetime, after: After | None, limit: int
    ) -> tuple[list[Post], After | None]:
        """A page of the posts as they were known at that moment, by provider and id, and where the next one begins.

        Where few of them fit, a page may hold fewer than `limit`, even none, and another one still follows. Raises
        Rejected (no_longer_kept) when the log of that time is not kept any more.
        """
        first = await history_reports.first_day_kept(conn)
        if first and moment.date() < first:
            raise Rejected("no_longer_kept", f"the log is kept from {first} on")
        begins = (after.provider, after.post) if after else ("", "")
        filed = await history_reports.in_order_of_id(conn, begins, filters.provider, LOOK)
        looked_at = [row for row in filed if _may_fit(row, filters, moment)]
        found: list[Post] = []
        for start in range(0, min(len(looked_at), FOLDED), AT_ONCE):
            for post in await self._as_known(conn, looked_at[start : start + AT_ONCE], moment):
                if fits(post, filters):
                    found.append(post)
                if len(found) == limit:
                    return found, After(post.provider, post.id)
            await asyncio.sleep(0)
        last = looked_at[FOLDED - 1] if len(looked_at) > FOLDED else filed[-1] if len(filed) == LOOK else None
        return found, After(last["provider"], last["post"]) if last else None

    async def _as_known(self, conn: Connection, filed: Sequence[Row], moment: datetime) -> list[Post]:
        """Those of the posts of which something was known, in the same order."""
        keys = [(row["provider"], row["post"]) for row in filed]
        starts = await posts.baselines(conn, keys)
        facts: dict[tuple[str, str], list[Fact]] = defaultdict(list)
        for event in await history_reports.events_of_many_by(conn, filed, moment):
            for fact in self._facts(event):
                facts[fact.provider, fact.post or ""].append(fact)
        return [fold(*key, facts[key], starts.get(key)).post for key in keys if key in facts or key in starts]

    def _facts(self, event: LoggedEvent) -> tuple[Fact, ...]:
        reader = self._readers.get(event.source)
        return reader.facts(event) if reader else ()


def fits(post: Post, filters: Filters) -> bool:
    """Whether a list with these filters shows the post."""
    moved, at, still = post.entered_at, post.last_event_at, filters.still_since
    if post.state == "scheduled" and post.scheduled_at:
        moved = max(moved, post.scheduled_at) if moved else post.scheduled_at
    return (
        (post.state in filters.states if filters.states else not still or post.state not in ENDED)
        and (filters.platform is None or any(one.platform == filters.platform for one in post.targets.values()))
        and (filters.account is None or any(one.account == filters.account for one in post.targets.values()))
        and (filters.since is None or (at is not None and at >= filters.since))
        and (filters.until is None or (at is not None and at < filters.until))
        and (still is None or (moved is not None and moved <= still))
        and (not filters.q or _says(post, filters.q.lower()))
    )


def _says(post: Post, text: str) -> bool:
    said = [post.id, *(part.url for part in post.parts if part.url)]
    said += [word for part in post.parts if part.problem for word in (part.problem.code, part.problem.message)]
    return any(text in word.lower() for word in said)


def _may_fit(filed: Row, filters: Filters, moment: datetime) -> bool:
    """Whether the post, as it is filed now, can have fitted then: what is known of a post only grows."""
    return (
        filed["first_day"] <= moment.date()
        and (filters.platform is None or filters.platform in filed["platforms"])
        and (filters.account is None or filters.account in filed["accounts"])
        and (filters.since is None or (filed["last_event_at"] is not None and filed["last_event_at"] >= filters.since))
    )
