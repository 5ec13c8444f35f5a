"""Waking up: one LISTEN connection that turns notifications into events, and comes back when it is cut off.

A notification says only that there is something to read, so a lost one costs a poll and never an event. The server is
asked for a sign of life again and again, because a network that has forgotten the connection is silent, too. What this
process has committed itself it hears of without that detour.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING

from tracker.errors import Unavailable
from tracker.runtime.logger import Logger
from tracker.store.database import AWAY
from tracker.store.session import Bounds, connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from datetime import timedelta

    from tracker.store.waking import Waker

EVENTS, SHARES, CHANGES, ACTIONS, RULES, RECONCILIATIONS, PLANS = CHANNELS = (
    "tracker_events",
    "tracker_shares",
    "tracker_changes",
    "tracker_actions",
    "tracker_rules",
    "tracker_reconciliations",
    "tracker_plans",
)

SIGN_OF_LIFE = 2.0
"""Seconds between two questions to a server that says nothing, and how long it may take to answer one."""

LISTENING = Bounds(statement=3, lock=3, pause=3)

log = Logger(__name__)


class Wakeups:
    """For each channel those who are called at a notification; `wait` returns on one or when its time is over."""

    def __init__(self, dsn: str, waker: Waker | None = None) -> None:
        self._dsn, self._waker = dsn, waker
        self._waiting: dict[str, set[Callable[[], None]]] = {name: set() for name in CHANNELS}

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Wakeups]:
        """Listen for as long as the block runs."""
        task = asyncio.create_task(self._listen(), name="wakeups")
        if self._waker:
            self._waker.listeners.add(self.wake)
        try:
            yield self
        finally:
            if self._waker:
                self._waker.listeners.discard(self.wake)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    @asynccontextmanager
    async def on(self, channel: str) -> AsyncIterator[asyncio.Event]:
        """An event of the caller's own that is set at each notification."""
        event = asyncio.Event()
        with self.calling(channel, event.set):
            yield event

    @contextmanager
    def calling(self, channel: str, on_notification: Callable[[], None]) -> Iterator[None]:
        """Call that at each notification, for as long as the block runs."""
        self._waiting[channel].add(on_notification)
        try:
            yield
        finally:
            self._waiting[channel].discard(on_notification)

    def wake(self, channel: str) -> None:
        """Wake everybody in this process who waits on the channel."""
        for on_notification in [*self._waiting[channel]]:
            on_notification()

    async def _listen(self) -> None:
        while True:
            try:
                await self._listen_until_cut_off()
            except AWAY as error:
                log.warning("listen.lost", error=str(error) or type(error).__name__)
                await asyncio.sleep(1)

    async def _listen_until_cut_off(self) -> None:
        session = await connect(self._dsn, LISTENING)
        try:
            for channel in self._waiting:
                await session.add_listener(channel, self._hear)
            for channel in self._waiting:
                self.wake(channel)
            while True:
                await session.execute("select")
                await asyncio.sleep(SIGN_OF_LIFE)
        finally:
            session.terminate()

    def _hear(self, _: object, backend: int, channel: str, __: object) -> None:
        if self._waker is None or backend != self._waker.backend:
            self.wake(channel)


async def wait(event: asyncio.Event, seconds: float) -> None:
    """Until the event is set or the time is over; the event is cleared."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):  # in Python 3.11, wait_for loses a cancellation that meets the event
            await event.wait()
    event.clear()


async def keep_stepping(
    agent: str, woken: asyncio.Event, step: Callable[[], Awaitable[float]], poll: timedelta
) -> None:
    """Until cancelled: step, again when woken or after the seconds that it answers; after `poll` where it can't yet."""
    while True:
        try:
            pause = await step()
        except Unavailable as error:
            log.warning("agent.waiting", agent=agent, error=str(error))
            pause = poll.total_seconds()
        await wait(woken, pause)
