"""The fold of a batch: the log's new facts become posts, and what moved is kept.

It costs one read of the posts, one of the histories of those that got a late fact, and one write of the changes,
however many events the batch holds. An item that nobody can handle is set aside and shown, so that all others go on.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, TypeVar

from tracker.domain.accounts import gathered
from tracker.domain.posts.arrival import about_no_post, arrive_together, is_one_late, with_accounts
from tracker.errors import Unavailable
from tracker.runtime import metrics
from tracker.runtime.batching import bisect
from tracker.runtime.logger import Logger
from tracker.store.checkpoints import subscriptions
from tracker.store.database import AWAY
from tracker.store.log import look_back
from tracker.store.posts import posts
from tracker.store.posts.posts import StoredPost
from tracker.store.session import require_transaction
from tracker.store.wakeups import CHANGES
from tracker.store.waking import wake_after_commit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import date, datetime

    from tracker.domain.posts.change import Change
    from tracker.domain.posts.event import Fact, LoggedEvent
    from tracker.domain.posts.post import Post
    from tracker.providers.base import FactReader
    from tracker.store.database import Connection, Row
    from tracker.store.log.feed import Checkpoint
    from tracker.store.posts.posts import Key, Standing
    from tracker.store.session import Part


log = Logger(__name__)

T = TypeVar("T")


async def handle_or_park(
    conn: Connection,
    name: str,
    items: Sequence[T],
    handle: Callable[[Sequence[T]], Awaitable[object]],
    place: Callable[[T], tuple[int, int]],
    now: datetime,
) -> None:
    """Handle all items at once, or, when one of them is poison, all but that one, which is parked under the name.

    `place` answers the position in the log of the event that an item is about, and its bucket.
    """

    async def attempt(some: Sequence[T]) -> Sequence[None]:
        async with conn.transaction():
            await handle(some)
        return [None] * len(some)

    errors = await bisect(items, attempt, passing=(Unavailable, *AWAY))
    for item, error in zip(items, errors, strict=True):
        if error:
            position, bucket = place(item)
            log.error("subscription.parked", subscription=name, item=position, error=str(error), exc_info=error)
            metrics.parked.labels(name).inc()
            await subscriptions.park(conn, name, position, bucket, f"{type(error).__name__}: {error}", now)


POSITION = itemgetter("position")


@dataclass(frozen=True, slots=True)
class Arrival:
    """A fact and the day of the log that keeps it."""

    fact: Fact
    day: date


@dataclass(frozen=True, slots=True)
class Folded:
    """What a batch has changed, in the order of the log, and what is left to be written."""

    changes: list[Change]
    parts: list[Part]


class Projector:
    """Folds batches of the log for one projection: the current one, or (`version` given) one that is being built.

    `parked_as` names what is set aside of the log.
    """

    def __init__(
        self,
        readers: Mapping[str, FactReader],
        parked_as: str,
        version: int | None = None,
    ) -> None:
        self.readers, self._parked_as, self._version = readers, parked_as, version

    async def fold(
        self, conn: Connection, rows: Sequence[Row], seen: Checkpoint, done: Sequence[Row], moving: Part | None = None
    ) -> Folded:
        """Fold the rows' facts into their posts, which are left to be written, and answer what changed.

        Without a transaction these are left as well, and NeedsTransaction is raised where a fact is late or tells
        something new of an account. `seen`, and `done` of this batch, came before the rows. A place may be `moving` on
        with the first statement. Raises whatever keeps a fact from being folded.
        """
        arrivals = arrivals_of(self.readers, sorted(rows, key=POSITION))
        about_none = [about_no_post(arrival.fact) for key in arrivals if not key[1] for arrival in arrivals[key]]
        about_posts = {key: arrived for key, arrived in arrivals.items() if key[1]}
        standing = await self._standing(conn, about_posts, moving)
        kept = standing.posts
        earlier, starts = await self._history(conn, about_posts, kept, seen, done)
        saved: list[StoredPost] = []
        known = await posts.learn_accounts(conn, standing.version, gathered(facts_in(arrivals)))
        changes = [*with_accounts(about_none, known)]
        for key, arrived in about_posts.items():
            before = kept.get(key)
            facts = [arrival.fact for arrival in arrived]
            post, made = arrive_together(before.post if before else None, facts, earlier.get(key, []), starts.get(key))
            changes += made
            days = [arrival.day for arrival in arrived] + ([before.first_day, before.last_day] if before else [])
            if before is None or post is not before.post or min(days) < before.first_day:
                saved.append(StoredPost(post, min(days), max(days)))
        changes.sort(key=attrgetter("cause"))
        if self._version is None:
            wake_after_commit(conn, CHANGES)
        moved = await posts.keeping(conn, standing.version, changes)
        return Folded(changes, [posts.saving(standing.version, saved), *moved] if saved else [])

    async def _standing(self, conn: Connection, keys: Collection[Key], moving: Part | None) -> Standing:
        if moving is None:
            return await posts.standing(conn, self._version, keys)
        return await posts.standing_once_moved(conn, moving, keys)

    async def _history(
        self,
        conn: Connection,
        arrivals: Mapping[Key, list[Arrival]],
        kept: Mapping[Key, StoredPost],
        seen: Checkpoint,
        done: Sequence[Row],
    ) -> tuple[dict[Key, list[Fact]], dict[Key, Post]]:
        """The facts behind the posts that got a late one, and what stands for facts that are kept no longer."""
        stood = {key: known.post for key, known in kept.items()}
        late = [key for key in arrivals if is_one_late(stood.get(key), [one.fact for one in arrivals[key]])]
        earlier: dict[Key, list[Fact]] = defaultdict(list)
        if not late:
            return earlier, {}
        require_transaction(conn)
        if known := [key for key in late if key in kept]:
            for event in await look_back.of_posts(conn, known, seen=seen, parked_as=self._parked_as):
                for fact in facts_of(self.readers, event):
                    earlier[fact.provider, fact.post or ""].append(fact)
        for key, arrived in arrivals_of(self.readers, sorted(done, key=POSITION)).items():
            if key in late:
                earlier[key] += [arrival.fact for arrival in arrived]
        return earlier, await posts.baselines(conn, late)


def arrivals_of(readers: Mapping[str, FactReader], rows: Iterable[Row]) -> dict[Key, list[Arrival]]:
    """The facts of events by post, in the order of the rows."""
    arrivals: dict[Key, list[Arrival]] = defaultdict(list)
    for row in rows:
        for fact in facts_of(readers, posts.logged(row)):
            arrivals[fact.provider, fact.post or ""].append(Arrival(fact, row["day"]))
    return arrivals


def facts_in(arrivals: Mapping[Key, list[Arrival]]) -> Iterator[Fact]:
    """The facts of all of them."""
    return (arrival.fact for arrived in arrivals.values() for arrival in arrived)


def facts_of(readers: Mapping[str, FactReader], event: LoggedEvent) -> tuple[Fact, ...]:
    """What the event says; raises LookupError when nobody reads events of its source."""
    reader = readers.get(event.source)
    if reader is None:
        raise LookupError(f'no [providers.{event.source}] in the configuration reads events of "{event.source}"')
    return reader.facts(event)
