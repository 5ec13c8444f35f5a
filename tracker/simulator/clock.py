"""When things happen in the simulator: by the wall clock at some speed, or by the hand of a test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Job = Callable[[], Coroutine[Any, Any, object]]

SETTLED = timedelta(days=7)


class Clock(Protocol):
    """Tells the time, and runs jobs at their time; `speed` divides every span, but moves no given moment."""

    speed: float

    def now(self) -> datetime:
        """The moment that is written into webhooks, in UTC."""

    def at(self, moment: datetime, job: Job) -> None:
        """Run the job at that moment, or at once if it has passed."""


def after(clock: Clock, span: timedelta) -> datetime:
    """The moment when this span of a story will have passed."""
    return clock.now() + span / clock.speed


class WallClock:
    """The real time, in which stories pass `speed` times as fast; jobs run side by side."""

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self._alarms: set[asyncio.TimerHandle] = set()
        self._running: set[asyncio.Task[object]] = set()

    def now(self) -> datetime:
        """The real time."""
        return datetime.now(UTC)

    def at(self, moment: datetime, job: Job) -> None:
        """Wake up when the moment comes."""
        alarm: asyncio.TimerHandle

        def ring() -> None:
            self._alarms.discard(alarm)
            task = asyncio.create_task(job())
            self._running.add(task)
            task.add_done_callback(self._ended)

        wait = max(moment - self.now(), timedelta(0)).total_seconds()
        alarm = asyncio.get_running_loop().call_later(wait, ring)
        self._alarms.add(alarm)

    def _ended(self, task: asyncio.Task[object]) -> None:
        if task.cancelled() or task.exception() is None:
            self._running.discard(task)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """On leaving: forget what is due, stop what runs, and raise what went wrong in a job."""
        try:
            yield
        finally:
            for alarm in self._alarms:
                alarm.cancel()
            for task in self._running:
                task.cancel()
            for end in await asyncio.gather(*self._running, return_exceptions=True):
                if isinstance(end, Exception):
                    raise end


class ManualClock:
    """A time that stands still until it is advanced; jobs run one after the other, in the order of their moments."""

    speed = 1.0

    def __init__(self, start: datetime = datetime(2026, 1, 1, 12, tzinfo=UTC)) -> None:
        self._now = start
        self._due: list[tuple[datetime, int, Job]] = []
        self._order = count()

    def now(self) -> datetime:
        """The moment up to which time was advanced."""
        return self._now

    def at(self, moment: datetime, job: Job) -> None:
        """Keep the job until time reaches it."""
        heappush(self._due, (moment, next(self._order), job))

    async def advance(self, span: timedelta) -> None:
        """Let a span pass: when this returns, everything due in it has been done, and nothing is under way."""
        end = self._now + span
        while self._due and self._due[0][0] <= end:
            moment, _, job = heappop(self._due)
            self._now = max(self._now, moment)
            await job()
        self._now = end

    async def settle(self) -> None:
        """Let time pass until nothing more is due (a week at most, for what never ends)."""
        end = self._now + SETTLED
        while self._due and self._due[0][0] <= end:
            await self.advance(max(self._due[0][0] - self._now, timedelta(0)))
