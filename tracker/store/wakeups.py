"""Waking up: one LISTEN connection that turns notifications into events, and comes back when it is cut off.

A notification says only that there is something to read, so a lost one costs a poll and never an event.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import asyncpg
import structlog

from tracker.store.database import AWAY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

EVENTS, CHANGES, ACTIONS, RULES, RECONCILIATIONS, REDELIVERIES = CHANNELS = (
    "tracker_events",
    "tracker_changes",
    "tracker_actions",
    "tracker_rules",
    "tracker_reconciliations",
    "tracker_redeliveries",
)

log = structlog.get_logger(__name__)


class Wakeups:
    """For each channel an asyncio.Event per listener; `wait` returns on a notification or when `poll` is over."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._waiting: dict[str, set[asyncio.Event]] = {name: set() for name in CHANNELS}

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Wakeups]:
        """Listen for as long as the block runs."""
        task = asyncio.create_task(self._listen(), name="wakeups")
        try:
            yield self
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    @asynccontextmanager
    async def on(self, channel: str) -> AsyncIterator[asyncio.Event]:
        """An event of the caller's own that is set at each notification."""
        event = asyncio.Event()
        self._waiting[channel].add(event)
        try:
            yield event
        finally:
            self._waiting[channel].discard(event)

    def wake(self, channel: str) -> None:
        """Wake everybody in this process who waits on the channel."""
        for event in self._waiting[channel]:
            event.set()

    async def _listen(self) -> None:
        while True:
            try:
                await self._listen_until_cut_off()
            except AWAY as error:
                log.warning("listen.lost", error=str(error) or type(error).__name__)
                await asyncio.sleep(1)

    async def _listen_until_cut_off(self) -> None:
        connection = await asyncpg.connect(self._dsn, timeout=10)
        gone = asyncio.Event()
        connection.add_termination_listener(lambda _: gone.set())
        try:
            for channel in self._waiting:
                await connection.add_listener(channel, lambda _c, _pid, name, _payload: self.wake(str(name)))
            for channel in self._waiting:
                self.wake(channel)
            await gone.wait()
        finally:
            connection.terminate()


async def wait(event: asyncio.Event, seconds: float) -> None:
    """Until the event is set or the time is over; the event is cleared."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):  # in Python 3.11, wait_for loses a cancellation that meets the event
            await event.wait()
    event.clear()
