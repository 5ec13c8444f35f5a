"""Waking others once it is committed: here at once, elsewhere by one notification at a time.

A transaction that notifies holds one lock of the whole cluster until its commit is on disk, so that all who commit
work and notify in it would do so one after the other. Therefore nothing notifies where work is done: what is to be
told is remembered until the commit, and goes out on a connection that does nothing else. What comes meanwhile shares
the next one. A notification that is lost costs a poll.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import asyncpg

from tracker.runtime.logger import Logger
from tracker.store.session import Bounds, connect, hang_up

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tracker.store.database import Connection
    from tracker.store.session import Session

NOTIFY = "select pg_notify(channel, '') from unnest($1::text[]) as told (channel)"
NOTIFYING = Bounds(statement=5, lock=5, pause=5)
LAST_WORDS = 2.0

PAUSES, SHORTEST_PAUSE, LONGEST_PAUSE = 3, 0.02, 0.05
"""A notification is a commit of its own: so many times as long as it took, the disk is left to those who do work. One
webhook wakes five times, and those that come soon after one another share a notification."""

log = Logger(__name__)


class Waker:
    """Tells of what one process has committed."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._channels: set[str] = set()
        self._telling: asyncio.Task[None] | None = None
        self._line: Session | None = None
        self._leaving = asyncio.Event()
        self.listeners: set[Callable[[str], None]] = set()
        """Who hears of it in this process, without a detour."""
        self.is_alone = False
        """Whether no other process is there to be told. One that is just arriving polls for as long as that is news."""

    @property
    def backend(self) -> int | None:
        """The server's process from which the notifications come."""
        return self._line.get_server_pid() if self._line and not self._line.is_closed() else None

    def wake(self, channels: Iterable[str]) -> None:
        """Wake everybody who waits on the channels; returns at once."""
        for channel in channels:
            self._channels.add(channel)
            for hear in self.listeners:
                hear(channel)
        if self.is_alone:
            self._channels.clear()
        if self._channels and (self._telling is None or self._telling.done()):
            self._telling = asyncio.create_task(self._tell(), name="waker")

    async def close(self) -> None:
        """Say what is left to say, for a moment."""
        self._leaving.set()
        if self._telling:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._telling, LAST_WORDS)
        if self._line:
            await hang_up(self._line)

    async def _tell(self) -> None:
        clock = asyncio.get_running_loop().time
        while self._channels:
            channels, self._channels = self._channels, set()
            began = clock()
            try:
                if self._line is None or self._line.is_closed():
                    self._line = await connect(self._dsn, NOTIFYING)
                await self._line.execute(NOTIFY, sorted(channels))
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
                log.debug("wakeups.not_told", error=str(error) or type(error).__name__)
            await self._breathe(min(max(PAUSES * (clock() - began), SHORTEST_PAUSE), LONGEST_PAUSE))

    async def _breathe(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._leaving.wait()


def wake_after_commit(conn: Connection, channel: str) -> None:
    """Once what was written on this connection is committed, wake whoever waits on the channel.

    On a connection that is not of a Database nobody is woken.
    """
    waker: Waker | None = getattr(conn, "waker", None)
    if waker and (conn.is_in_transaction() or conn.itself.tells_later):
        conn.itself.told.add(channel)
    elif waker:
        waker.wake([channel])
