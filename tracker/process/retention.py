"""Retention: a day of the log is sealed when it is over, and dropped, once folded into baselines, when it is old."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING

from tracker.domain.posts.post import fold
from tracker.errors import Unavailable
from tracker.runtime.logger import Logger
from tracker.store.actions import plans
from tracker.store.log import event_log, quarantine, retention
from tracker.store.posts import posts
from tracker.store.reactions import holds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date, datetime

    from tracker.domain.posts.event import Fact
    from tracker.domain.posts.post import Post
    from tracker.providers.base import FactReader
    from tracker.settings import Retention
    from tracker.store.database import Connection, Database

    Progress = Callable[[int, int], None]

log = Logger(__name__)

DAYS_AHEAD = 3
OPEN_FOR = timedelta(days=2)
PAGE = 1000


def _ignore(_done: int, _total: int) -> None:
    """The `progress` for when nobody watches."""


async def open_days_ahead(database: Database, now: datetime) -> None:
    """Make the partitions of today and the next days, so that no request has to."""
    for days in range(DAYS_AHEAD + 1):
        async with database.transaction() as conn:
            await event_log.ensure_day(conn, (now + timedelta(days=days)).date())


async def seal_past_days(database: Database, now: datetime) -> list[date]:
    """Close days that ended long enough ago; one that is in use at the moment is left for the next time."""
    async with database.connection() as conn:
        days = await retention.open_days_before(conn, (now - OPEN_FOR).date())
    sealed = []
    for day in days:
        try:
            async with database.transaction() as conn:
                await retention.wait_briefly(conn)
                await retention.seal(conn, day)
            sealed.append(day)
        except Unavailable as error:
            log.info("log.seal_postponed", day=str(day), error=str(error))
    return sealed


async def prune(
    database: Database, readers: Mapping[str, FactReader], now: datetime, kept: Retention, progress: Progress = _ignore
) -> list[date]:
    """Drop and forget what is older than it is kept; answers the days of the log that were dropped."""
    days = await drop_old_days(database, readers, now, kept.events, progress)
    await prune_records(database, now, kept.repeats, kept.quarantine, kept.actions)
    await prune_refused(database, kept.forged)
    return days


async def days_to_drop(database: Database, now: datetime, keep: timedelta) -> list[date]:
    """The sealed days older than `keep` that everybody has read."""
    async with database.connection() as conn:
        return await retention.droppable_days_before(conn, (now - keep).date())


async def drop_old_days(
    database: Database,
    readers: Mapping[str, FactReader],
    now: datetime,
    keep: timedelta,
    progress: Progress = _ignore,
) -> list[date]:
    """Drop sealed days older than `keep`; the posts keep what those days said of them.

    `progress` is told (days dropped, days to drop).
    """
    days = await days_to_drop(database, now, keep)
    for done, day in enumerate(days, 1):
        async with database.transaction(unhurried=True) as conn:
            await _fold_away(conn, readers, day)
            await retention.wait_briefly(conn)
            await posts.keep_accounts_for_good(conn)
            await retention.drop(conn, day)
        log.info("log.day_dropped", day=str(day))
        progress(done, len(days))
    return days


async def prune_records(
    database: Database, now: datetime, repeats: timedelta, held: timedelta, done: timedelta
) -> None:
    """Forget repeats, quarantined deliveries, and ended actions, runs and pauses that are older than they are kept."""
    async with database.transaction(unhurried=True) as conn:
        await retention.prune_repeats(conn, now - repeats)
    async with database.transaction(unhurried=True) as conn:
        await retention.prune_quarantine(conn, now - held)
    async with database.transaction(unhurried=True) as conn:
        await retention.prune_actions(conn, now - done)
        await holds.forget(conn, now - done)
        await plans.forget(conn, now - done)


async def prune_refused(database: Database, kept: int) -> None:
    """Forget what exceeds the bound of each provider: one that was lowered, or of a provider that is gone."""
    async with database.connection() as conn:
        for provider in await quarantine.providers_refused(conn):
            while await quarantine.prune_unauthentic(conn, provider, kept) == quarantine.PRUNED_AT_ONCE:
                pass


async def _fold_away(conn: Connection, readers: Mapping[str, FactReader], day: date) -> None:
    after = ("", "")
    while keys := await retention.posts_of_day(conn, day, after, PAGE):
        after = keys[-1]
        ended = await retention.posts_that_ended_by(conn, day, keys)
        going_on = sorted(set(keys) - {(post.provider, post.id) for post in ended})
        await retention.save_baselines(conn, day, [*ended, *await _folded_through(conn, readers, day, going_on)])


async def _folded_through(
    conn: Connection, readers: Mapping[str, FactReader], day: date, keys: Sequence[tuple[str, str]]
) -> list[Post]:
    """Posts that go on after the day, as its events and what came before them made them."""
    starts = await posts.baselines(conn, keys)
    facts: dict[tuple[str, str], list[Fact]] = defaultdict(list)
    for event in await retention.events_of_day(conn, day, keys):
        for fact in readers[event.source].facts(event):
            facts[fact.provider, fact.post or ""].append(fact)
    return [fold(*key, facts[key], starts.get(key)).post for key in keys]
