"""Poison: an item that nobody can handle is set aside and shown, so that all others go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import structlog

from tracker.errors import Unavailable
from tracker.runtime import metrics
from tracker.runtime.batching import bisect
from tracker.store.checkpoints import subscriptions
from tracker.store.database import AWAY

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    from tracker.store.database import Connection

log = structlog.get_logger(__name__)

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
