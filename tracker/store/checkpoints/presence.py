"""This process's presence: it holds its lock, says which of its agents fail, and notices at once who has died.

A restart of Postgres frees all locks while everybody lives. So one whose lock is free is given a moment to take
another, who was cut off itself begins to watch anew, and whoever has lost its lock neither reads nor claims before it
holds the next one.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tracker.errors import Unavailable
from tracker.runtime.logger import Logger
from tracker.store.checkpoints import processes
from tracker.store.database import AWAY, set_codecs
from tracker.store.session import Bounds, connect

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from datetime import timedelta

    import asyncpg

    from tracker.runtime.supervision import Failing
    from tracker.store.database import Database

log = Logger(__name__)

LOOK_EVERY = 0.5
GRACE = 1.0
"""Seconds for which a lock must have been free. Whoever lives and can reach Postgres has another one before that."""

NOT_SEEN = "the session that shows others that this process lives is cut off"
PATIENCE = 5.0
"""Seconds after which a session that does not answer is given up."""


def nobody_asks() -> None:
    """The `require` of a node without a sign that it lives: it is left to its leases."""


class Presence:
    """The presence of one process, whose agents that keep failing `failing` tells.

    One that `buries` ends the leases of the dead, and tells `on_death`; `longest_call` is how long a call of a provider
    may take.
    """

    def __init__(
        self,
        database: Database,
        node: str,
        roles: Collection[str],
        failing: Callable[[], Mapping[str, Failing]],
        longest_call: timedelta,
        *,
        buries: bool = True,
    ) -> None:
        self._database, self.node, self._roles, self._failing = database, node, roles, failing
        self._longest_call, self._buries = longest_call, buries
        self._holds = asyncio.Event()
        self._number = 0
        self.on_death: Callable[[], None] = lambda: None

    @property
    def holds(self) -> bool:
        """Whether others can see that the process lives."""
        return self._holds.is_set()

    def require(self) -> None:
        """Raise Unavailable while others cannot see that the process lives."""
        if not self.holds:
            raise Unavailable(NOT_SEEN)

    async def arrived(self, seconds: float) -> None:
        """Wait until others can see that the process lives, or that many seconds are over."""
        await asyncio.wait({holding := asyncio.create_task(self._holds.wait())}, timeout=seconds)
        holding.cancel()

    async def run(self) -> None:
        """Show that the process lives, and look for dead ones, until cancelled."""
        while True:
            try:
                await self._live_until_cut_off()
            except AWAY as error:
                log.warning("presence.lost", error=str(error) or type(error).__name__)
            finally:
                self._holds.clear()
                self._database.waker.is_alone = False
            await asyncio.sleep(LOOK_EVERY / 2)

    async def leave(self) -> None:
        """Have the process forgotten, unless something is left that others have to take over."""
        async with self._database.transaction() as conn:
            await processes.forget(conn, self.node, self._number)

    async def _live_until_cut_off(self) -> None:
        session = await connect(self._database.dsn, Bounds(statement=PATIENCE, lock=PATIENCE, pause=PATIENCE))
        try:
            await set_codecs(session)
            told = self._failing()
            self._number = await processes.show_up(session, self.node, self._roles, told)
            self._holds.set()
            free_since: dict[tuple[str, int], float] = {}
            while True:
                free_since = await self._look(session, free_since)
                if (failing := self._failing()) != told:
                    await processes.report_failing(session, self.node, told := failing)
                await asyncio.sleep(LOOK_EVERY)
        finally:
            session.terminate()

    async def _look(
        self, session: asyncpg.Connection, known: Mapping[tuple[str, int], float]
    ) -> dict[tuple[str, int], float]:
        """Bury whose lock has been free for long enough; answers since when the locks of the others are."""
        now = asyncio.get_running_loop().time()
        others = await processes.others(session, self.node)
        self._database.waker.is_alone = not others
        free_since = {one: known.get(one, now) for one, gone in others.items() if gone}
        dead = [one for one, since in free_since.items() if now - since >= GRACE]
        if dead and self._buries:
            await self._bury(dead)
        return free_since

    async def _bury(self, dead: Collection[tuple[str, int]]) -> None:
        try:
            async with self._database.transaction() as conn:
                buried = await processes.bury(conn, dead, self._longest_call)
        except Unavailable as error:
            log.warning("presence.waiting", error=str(error))
        else:
            if buried:
                log.warning("process.died", nodes=buried)
                self.on_death()
