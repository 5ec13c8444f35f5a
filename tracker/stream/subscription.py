"""The loop that the projector and the reactor share: read after the checkpoint, handle, move it, one transaction.

Buckets are leased to nodes, in shares. The rows of its shares are locked while a batch is handled, so a node that
has lost its lease finds nothing of its own, and whatever it was about to write is never written. Shares that stand at
one place move on as one.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from operator import attrgetter
from typing import TYPE_CHECKING, Protocol

import structlog

from tracker.errors import Unavailable
from tracker.runtime import metrics
from tracker.runtime.batching import bisect
from tracker.store.checkpoints import assignments, processes, subscriptions
from tracker.store.database import AWAY
from tracker.store.log import feed
from tracker.store.wakeups import keep_stepping

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from tracker.store.checkpoints.snapshot import Checkpoint
    from tracker.store.checkpoints.subscriptions import Held, SubscriptionState
    from tracker.store.database import Connection, Database, Row
    from tracker.store.log.feed import Feed
    from tracker.store.wakeups import Wakeups


log = structlog.get_logger(__name__)

IN_ORDER = attrgetter("order")


class Handler(Protocol):
    """An agent's work on batches of rows; it writes through the connection that it is given and nowhere else."""

    upstream: str | None
    """The subscription whose steps write the feed, where it is not the log itself."""

    async def handle(self, conn: Connection, rows: Sequence[Row], seen: Checkpoint, done: Sequence[Row]) -> None:
        """Handle all rows; `seen`, and `done` of this batch, came before them. Raises when one cannot be handled."""

    async def caught_up(self, conn: Connection, complete: Mapping[int, datetime], now: datetime) -> bool:
        """Do what is due, as all is read up to these moments (by bucket); answers whether there is more to do now."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How many rows at once (`batch`), how long a lease lasts, and how long (`poll`) to wait for a notification."""

    batch: int = 2000
    lease: timedelta = timedelta(seconds=15)
    poll: timedelta = timedelta(seconds=1)


def nobody_asks() -> None:
    """The `require` of a node without a sign that it lives: it is left to its leases."""


class Subscription:
    """One named reader of a feed, on one node; `require` raises Unavailable while others cannot see that it lives."""

    def __init__(
        self,
        name: str,
        source: Feed,
        channel: str,
        handler: Handler,
        database: Database,
        node: str,
        clock: Callable[[], datetime],
        pace: Pace = Pace(),
        require: Callable[[], None] = nobody_asks,
    ) -> None:
        self.name, self._feed, self._channel, self._handler = name, source, channel, handler
        self._database, self._node, self._clock, self._pace = database, node, clock, pace
        self._require, self._tended, self._woken = require, float("-inf"), asyncio.Event()
        self.has_read = False
        """Whether this node has taken a step, or has seen that others who live read everything."""

    async def run(self, wakeups: Wakeups) -> None:
        """Until cancelled: read on, and wait when there is nothing."""
        async with wakeups.on(self._channel) as self._woken:
            self._tended = float("-inf")
            await keep_stepping(self.name, self._woken, self._turn, self._pace.poll)

    async def _turn(self) -> float:
        """Tend where it is time, and step; the seconds until the next turn. Where it fails, that tends."""
        now = asyncio.get_running_loop().time()
        try:
            self._require()
            if now - self._tended >= self._pace.lease.total_seconds() / 3:
                self._tended = now
                await self.tend()
            return 0 if await self.step() else self._pace.poll.total_seconds()
        except Unavailable:
            self._tended = float("-inf")
            raise

    def tend_now(self) -> None:
        """Look at once for what is free, for somebody has died."""
        self._tended = float("-inf")
        self._woken.set()

    async def tend(self) -> None:
        """Renew, share and claim buckets."""
        async with self._database.transaction() as conn:
            await assignments.tend(conn, self.name, self._node, self._pace.lease)

    async def leave(self) -> None:
        """Hand all buckets back."""
        async with self._database.transaction() as conn:
            await assignments.leave(conn, self.name, self._node)

    async def drain(self) -> None:
        """Step until nothing is left that this node may read."""
        while await self.step():
            pass

    async def step(self) -> bool:
        """Handle one batch of the buckets that are furthest behind; answers whether there is more to do at once.

        That one of the rows may be poison is thought of only when a batch has failed.
        """
        try:
            return await self._step(may_park=False)
        except Unavailable:
            raise
        except Exception:
            return await self._step(may_park=True)

    async def _step(self, *, may_park: bool) -> bool:
        async with self._database.transaction() as conn:
            now = self._clock()
            held = await subscriptions.lock_held(conn, self.name, self._node, self._handler.upstream)
            if held is None:
                self.has_read = self.has_read or await processes.read_by_the_living(conn, self.name)
                return False
            hindmost, upto = _hindmost(held)
            seen, buckets = hindmost[0].checkpoint, [bucket for share in hindmost for bucket in share.buckets]
            batch = await feed.read_after(conn, self._feed, seen, upto, buckets, self._pace.batch)
            if batch.rows and may_park:
                await handle_or_park(conn, self._handler, self.name, self._feed, batch.rows, seen, now)
            elif batch.rows:
                await self._handler.handle(conn, batch.rows, seen, [])
            caught_up = batch.reached == held.head
            more = caught_up and await self._handler.caught_up(conn, self._complete(hindmost, now), now)
            moment = now if caught_up else _earliest(share.caught_up_at for share in hindmost)
            await subscriptions.advance(conn, self.name, hindmost, batch.reached, moment)
        self.has_read = True
        metrics.handled.labels(self.name).inc(len(batch.rows))
        return more or not caught_up or len(hindmost) < len(held.standings)

    def _complete(self, shares: Sequence[SubscriptionState], now: datetime) -> Mapping[int, datetime]:
        """For each bucket the moment up to which nothing can come any more of what its feed is made from.

        The log is complete up to now: what is not committed yet has not been acknowledged.
        """
        if self._handler.upstream is None:
            return {bucket: now for share in shares for bucket in share.buckets}
        return {bucket: min(share.complete, now) for share in shares if share.complete for bucket in share.buckets}


def _hindmost(held: Held) -> tuple[list[SubscriptionState], Checkpoint]:
    """The shares that are furthest behind, and how far to read: up to the foremost, to stand together from then on.

    A place in the middle of a batch may have seen what the foremost has not; from there it goes on to the head.
    """
    seen = min((share.checkpoint for share in held.standings), key=IN_ORDER)
    foremost = max((share.checkpoint for share in held.standings), key=IN_ORDER)
    hindmost = [share for share in held.standings if share.checkpoint == seen]
    return hindmost, foremost if foremost != seen and foremost.holds(seen) else held.head


def _earliest(moments: Iterable[datetime | None]) -> datetime | None:
    found = [*moments]
    return min((moment for moment in found if moment), default=None) if all(found) else None


async def handle_or_park(
    conn: Connection, handler: Handler, name: str, source: Feed, rows: Sequence[Row], seen: Checkpoint, now: datetime
) -> None:
    """Handle all rows at once, or, when one of them is poison, all but that one, which is parked and shown."""
    done: list[Row] = []

    async def handle(rows: Sequence[Row]) -> Sequence[None]:
        async with conn.transaction():
            await handler.handle(conn, rows, seen, done)
        done.extend(rows)
        return [None] * len(rows)

    errors = await bisect(rows, handle, passing=(Unavailable, *AWAY))
    for row, error in zip(rows, errors, strict=True):
        if error:
            item = row[source.key]
            log.error("subscription.parked", subscription=name, item=item, error=str(error), exc_info=error)
            metrics.parked.labels(name).inc()
            await subscriptions.park(conn, name, item, row["bucket"], f"{type(error).__name__}: {error}", now)
