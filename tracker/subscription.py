"""The loop that the projector and the reactor share: read after the checkpoint, handle, move it, one transaction.

Buckets are leased to nodes. The rows that hold the checkpoints are locked while a batch is handled, so a node that
has lost its lease finds nothing of its own, and whatever it was about to write is never written.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

import structlog

from tracker import telemetry
from tracker.errors import Unavailable
from tracker.store import feed, subscriptions
from tracker.store.database import AWAY
from tracker.store.wakeups import wait

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from datetime import datetime

    from tracker.store.database import Connection, Database, Row
    from tracker.store.feed import Feed
    from tracker.store.snapshot import Checkpoint
    from tracker.store.wakeups import Wakeups

    Handle = Callable[[Connection, Sequence[Row], Checkpoint, Sequence[Row]], Awaitable[None]]

log = structlog.get_logger(__name__)


class Handler(Protocol):
    """What is done with a batch; it writes through the connection it is given and nowhere else."""

    async def handle(self, conn: Connection, rows: Sequence[Row], seen: Checkpoint, done: Sequence[Row]) -> None:
        """All rows at once; `seen`, and `done` of this batch, came before them. Raises when one cannot be handled."""

    async def upstream(self, conn: Connection, buckets: Sequence[int], now: datetime) -> Mapping[int, datetime]:
        """For each bucket the moment up to which the feed itself is complete; asked before the batch is read."""

    async def caught_up(self, conn: Connection, complete: Mapping[int, datetime], now: datetime) -> bool:
        """Nothing is left to read up to these moments; answers whether there is more to do at once."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How much at once, how long a lease lasts, and how long to wait for a notification."""

    batch: int = 2000
    lease: timedelta = timedelta(seconds=15)
    poll: timedelta = timedelta(seconds=1)


class Subscription:
    """One named reader of a feed, on one node."""

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
    ) -> None:
        self.name, self._feed, self._channel, self._handler = name, source, channel, handler
        self._database, self._node, self._clock, self._pace = database, node, clock, pace

    async def run(self, wakeups: Wakeups) -> None:
        """Until cancelled: read on, and wait when there is nothing."""
        tend_every = self._pace.lease.total_seconds() / 3
        async with wakeups.on(self._channel) as woken:
            loop = asyncio.get_running_loop()
            tended = float("-inf")
            while True:
                try:
                    if loop.time() - tended >= tend_every:
                        await self.tend()
                        tended = loop.time()
                    if not await self.step():
                        await wait(woken, self._pace.poll.total_seconds())
                except Unavailable as error:
                    log.warning("subscription.waiting", subscription=self.name, error=str(error))
                    await wait(woken, self._pace.poll.total_seconds())

    async def tend(self) -> None:
        """Renew, share and claim buckets."""
        async with self._database.transaction() as conn:
            await subscriptions.tend(conn, self.name, self._node, self._pace.lease)

    async def leave(self) -> None:
        """Hand all buckets back."""
        async with self._database.transaction() as conn:
            await subscriptions.leave(conn, self.name, self._node)

    async def drain(self) -> None:
        """Step until nothing is left that this node may read."""
        while await self.step():
            pass

    async def step(self) -> bool:
        """One batch of the buckets that are furthest behind; answers whether there is more to do at once.

        That one of the rows may be poison is thought of only when a batch has failed.
        """
        try:
            return await self._step(self._handler.handle)
        except Unavailable:
            raise
        except Exception:
            return await self._step(self._handle_or_park)

    async def _step(self, handle: Handle) -> bool:
        async with self._database.transaction() as conn:
            now = self._clock()
            held = await subscriptions.lock_held(conn, self.name, self._node)
            if not held:
                return False
            seen = min((bucket.checkpoint for bucket in held), key=lambda checkpoint: checkpoint.order)
            buckets = [bucket.bucket for bucket in held if bucket.checkpoint == seen]
            complete = await self._handler.upstream(conn, buckets, now)
            upto = await feed.head(conn)
            batch = await feed.read_after(conn, self._feed, seen, upto, buckets, self._pace.batch)
            if batch.rows:
                await handle(conn, batch.rows, seen, [])
            caught_up = batch.reached == upto
            more = caught_up and await self._handler.caught_up(conn, complete, now)
            await subscriptions.advance(
                conn, self.name, self._node, buckets, batch.reached, now if caught_up else None, self._pace.lease
            )
        telemetry.handled.labels(self.name).inc(len(batch.rows))
        return more or not caught_up or len(buckets) < len(held)

    async def _handle_or_park(
        self, conn: Connection, rows: Sequence[Row], seen: Checkpoint, done: Sequence[Row]
    ) -> None:
        await handle_or_park(conn, self._handler, self.name, self._feed, rows, seen, [*done], self._clock())


async def handle_or_park(
    conn: Connection,
    handler: Handler,
    name: str,
    source: Feed,
    rows: Sequence[Row],
    seen: Checkpoint,
    done: list[Row],
    now: datetime,
) -> None:
    """All rows at once, or, when one of them is poison, all but that one, which is parked and shown."""
    try:
        async with conn.transaction():
            await handler.handle(conn, rows, seen, done)
        done += rows
    except (Unavailable, *AWAY):
        raise
    except Exception as error:
        if len(rows) == 1:
            item = rows[0][source.key]
            log.error("subscription.parked", subscription=name, item=item, error=str(error), exc_info=error)
            telemetry.parked.labels(name).inc()
            await subscriptions.park(conn, name, item, rows[0]["bucket"], f"{type(error).__name__}: {error}", now)
            return
        half = len(rows) // 2
        await handle_or_park(conn, handler, name, source, rows[:half], seen, done, now)
        await handle_or_park(conn, handler, name, source, rows[half:], seen, done, now)
