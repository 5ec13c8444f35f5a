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

    from tracker.domain.event import Fact, LoggedEvent
    from tracker.domain.post import Post
    from tracker.providers.base import FactReader
    from tracker.store.database import Connection

DAY = timedelta(days=1)


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

    def _facts(self, event: LoggedEvent) -> tuple[Fact, ...]:
        reader = self._readers.get(event.source)
        return reader.facts(event) if reader else ()
