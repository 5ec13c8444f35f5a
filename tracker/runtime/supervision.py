"""Supervision: each agent runs for ever; one that fails is begun again after a pause, and is known by name."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from msgspec import Struct

from tracker.errors import Unavailable
from tracker.runtime.logger import Logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Agent = Callable[[], Awaitable[None]]

MANY = 3
LONG = timedelta(seconds=10)
SHORTEST_PROOF, LONGEST_PROOF = timedelta(seconds=5), timedelta(minutes=1)


class Failing(Struct, frozen=True):
    """An agent that failed so many times in a row, the first time at `since`, the last time with `error`.

    `ran` is for how long it had run when it failed last, which counts from the second time on.
    """

    failures: int
    since: datetime
    error: str
    ran: timedelta = timedelta()

    def __str__(self) -> str:
        return f"failed {self.failures} times since {self.since:%Y-%m-%dT%H:%M:%SZ}, the last time with {self.error}"

    def keeps_on(self, now: datetime) -> bool:
        """Whether that is more than a mishap: it happened often, or for long."""
        return self.failures >= MANY or (self.failures > 1 and now - self.since >= LONG)

    def is_over(self, running: timedelta) -> bool:
        """Whether it runs well again, and not only for as long as it did before it failed."""
        return running > min(max(2 * self.ran, SHORTEST_PROOF), LONGEST_PROOF)


def failed(before: Failing | None, now: datetime, ran: timedelta, error: str) -> Failing:
    """How an agent stands that fails now, having run for so long."""
    if before is None or ran > LONGEST_PROOF or (before.ran and before.is_over(ran)):
        return Failing(1, now, error)
    return Failing(before.failures + 1, before.since, error, ran)


log = Logger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
LONGEST_WAIT = 2.0
"""Seconds between two looks whether what was away is back."""


class Supervision:
    """The agents of one process, and how those that fail do so."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._failing: dict[str, Failing] = {}
        self._began: dict[str, float] = {}

    def start(self, name: str, agent: Agent) -> None:
        """Run the agent until `stop`."""
        self._tasks[name] = asyncio.create_task(self._supervise(name, agent), name=name)

    async def stop(self, but: str = "") -> None:
        """End all of them, or all but one."""
        ending = [task for name, task in self._tasks.items() if name != but]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    def failing(self) -> dict[str, Failing]:
        """The agents that keep failing, by name."""
        now = self._clock()
        return {
            name: how for name, how in self._failing.items() if how.keeps_on(now) and not how.is_over(self._ran(name))
        }

    async def _supervise(self, name: str, agent: Agent) -> None:
        pause = FIRST_PAUSE
        while True:
            self._began[name] = asyncio.get_running_loop().time()
            longest = LONGEST_PAUSE
            try:
                await agent()
                self._fails(name, "it ended")
            except Unavailable as error:
                longest = LONGEST_WAIT
                log.warning("agent.waiting", agent=name, error=str(error))
                self._fails(name, str(error))
            except Exception as error:
                log.error("agent.failed", agent=name, error=str(error), exc_info=error)
                self._fails(name, f"{type(error).__name__}: {error}")
            if self._ran(name) > timedelta(seconds=LONGEST_PAUSE):
                pause = FIRST_PAUSE
            del self._began[name]
            await asyncio.sleep(min(pause, longest))
            pause = min(pause * 2, LONGEST_PAUSE)

    def _fails(self, name: str, error: str) -> None:
        self._failing[name] = failed(self._failing.get(name), self._clock(), self._ran(name), error)

    def _ran(self, name: str) -> timedelta:
        """For how long it has run; nothing while it waits to be begun again."""
        began = self._began.get(name)
        return timedelta() if began is None else timedelta(seconds=asyncio.get_running_loop().time() - began)
