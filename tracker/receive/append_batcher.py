"""Group commit: what arrives while a commit is under way shares the next one.

No delay is added, and the busier the door, the larger the batches. Where many wait, the next commit is begun beside the
one that is under way, so that neither the database nor the door waits for the other. What may wait is bounded, in
number and in bytes, so that memory stays flat; beyond that the sender is asked to come again.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from tracker.errors import Unavailable
from tracker.runtime import metrics
from tracker.runtime.batching import Batcher
from tracker.runtime.logger import Logger
from tracker.store.log import event_log
from tracker.store.log.event_log import Incoming, Receipt, Unstorable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tracker.store.database import Connection, Database


OnReceipt: TypeAlias = "Callable[[Receipt | Exception], None]"

log = Logger(__name__)

CONNECT_SECONDS = 4.0
APPEND_SECONDS = 6.0
"""Together they end before the most hurried provider gives up, who then has our answer and not a guess."""
MOST_BYTES = 64 * 2**20
MANY = 16
"""So many are worth a commit beside the one that is under way."""
LATELY = 60.0
"""Seconds; whoever sends again finds out anew, and where nobody does, a fault must not last for ever."""


class AppendBatcher:
    """Appends to the log; `run` writes what `add` has taken."""

    def __init__(self, database: Database, most: int = 2000) -> None:
        self._database, self._most = database, most
        self._batcher: Batcher[Incoming, Receipt] = Batcher(
            "the log", event_log.MAX_BATCH, Unstorable, lambda event: len(event.body)
        )
        self._arrived = {1: asyncio.Event(), MANY: asyncio.Event()}
        self._fault, self._failed_at = "", float("-inf")
        metrics.pending.set_function(lambda: len(self._batcher))

    @property
    def fault(self) -> str:
        """Why the log could not be written, where it failed lately and has not been written since."""
        return self._fault if time.monotonic() - self._failed_at < LATELY else ""

    def add(self, event: Incoming, on_receipt: OnReceipt) -> None:
        """Take the event; `on_receipt` gets its Receipt, or why there is none. Raises Unavailable where it is full."""
        waiting = len(self._batcher)
        if waiting >= self._most or self._batcher.weight > MOST_BYTES:
            metrics.refused_full.inc()
            raise Unavailable(f"{waiting} deliveries are waiting to be kept already", retry_after=2)
        self._batcher.add(event, on_receipt)
        if not waiting:
            self._arrived[1].set()
        elif waiting + 1 >= MANY:
            self._arrived[MANY].set()

    async def run(self) -> None:
        """Until cancelled: commit what waits, everything at once, then what has come meanwhile."""
        try:
            async with asyncio.TaskGroup() as writers:
                for least in self._arrived:
                    writers.create_task(self._write_on(least), name=f"receiver.commits from {least} on")
        finally:
            self._batcher.refuse(Unavailable("the server is stopping"))

    async def _write_on(self, least: int) -> None:
        while True:
            await self._until_waiting(least)
            try:
                await self._write_while_connected(least)
            except Unavailable as error:
                log.warning("receiver.unavailable", error=str(error), waiting=len(self._batcher))
                self._fault, self._failed_at = str(error), time.monotonic()
                self._batcher.refuse(error)

    async def _write_while_connected(self, least: int) -> None:
        async with self._database.connection(patience=CONNECT_SECONDS, expendable=True) as conn:
            while True:
                await self._until_waiting(least)
                if conn.is_closed():
                    return
                async with asyncio.timeout(APPEND_SECONDS):
                    await self._batcher.write(partial(_append, conn))
                self._fault = ""

    async def _until_waiting(self, least: int) -> None:
        while len(self._batcher) < least:
            self._arrived[least].clear()
            await self._arrived[least].wait()


async def _append(conn: Connection, events: Sequence[Incoming]) -> list[Receipt]:
    metrics.append_batch.observe(len(events))
    with metrics.append_seconds.time():
        return await event_log.append(conn, events)
