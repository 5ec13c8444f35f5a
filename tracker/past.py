"""The past: a post as the log stood at an earlier moment, folded anew from what had arrived by then."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from tracker.domain.post import fold
from tracker.errors import NotFound, Rejected
from tracker.store import history_reports

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from tracker.domain.post import Post
    from tracker.providers.base import FactReader
    from tracker.store.database import Connection

DAY = timedelta(days=1)


async def post_at(
    conn: Connection, readers: Mapping[str, FactReader], provider: str, post: str, first_day: date, moment: datetime
) -> Post:
    """The post as it was known at that moment; `first_day` is the first day of the log that has anything of it.

    Raises NotFound when nothing was known of it by then, and Rejected (no_longer_kept) when the log of that time is
    not kept any more.
    """
    kept = await history_reports.baseline(conn, provider, post)
    through, start = kept or (None, None)
    if through and moment.date() <= through:
        raise Rejected("no_longer_kept", f'the log of "{post}" is kept from {through + DAY} on')
    events = await history_reports.events_by(conn, provider, post, first_day, moment)
    facts = [
        fact
        for event in events
        if event.source in readers
        for fact in readers[event.source].facts(event)
        if (fact.provider, fact.post) == (provider, post)
    ]
    if not facts and start is None:
        raise NotFound(f'nothing was known of a post "{post}" at {moment:%Y-%m-%dT%H:%M:%SZ}')
    return fold(provider, post, facts, start).post
