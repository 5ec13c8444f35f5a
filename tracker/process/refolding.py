"""Posts that an older fold has made are made anew beside those in use, while the service goes on.

The log is folded again in a process of its own, which gives way to all others; then both versions are compared and
switched. Nothing fires for it: changes that are worked out anew are not live, and timers are set only for what is still
to come. A service that stops meanwhile begins again at its next start.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from multiprocessing import get_context
from typing import TYPE_CHECKING

from tracker.domain.posts.post import FOLD_VERSION
from tracker.errors import TrackerError, Unavailable
from tracker.process.bulk_fold import ends_with_parent
from tracker.process.rebuild import Rebuild
from tracker.runtime import tuning
from tracker.runtime.logger import Logger
from tracker.runtime.tuning import collected_seldom
from tracker.store.database import AWAY, Database
from tracker.store.posts import projections

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from multiprocessing.connection import Connection as Pipe

    from tracker.process.rebuild import Difference
    from tracker.providers.base import FactReader
    from tracker.store.database import Connection

log = Logger(__name__)

LOOK, TELL = 30.0, 1.0
GIVES_WAY = 10


class Refolding:
    """Keeps the posts what this version's fold makes of the log; `anew` rebuilds them, and `arm` sets timers."""

    def __init__(
        self,
        database: Database,
        arm: Callable[[Connection], Awaitable[int]],
        anew: Callable[[], Awaitable[Difference]],
    ) -> None:
        self._database, self._arm, self._anew = database, arm, anew

    async def run(self) -> None:
        """Until cancelled. What goes wrong is told and tried again: the posts in use stay, and are served."""
        while True:
            try:
                await self.look()
            except (*AWAY, TrackerError) as error:
                log.info("refolding.waits", error=str(error))
            except Exception as error:
                log.error("refolding.failed", error=str(error), exc_info=error)
            await asyncio.sleep(LOOK)

    async def look(self) -> bool:
        """Make the posts anew if an older fold has made them; answers whether it did."""
        async with self._database.transaction() as conn:
            made = await projections.made_by(conn)
            if made.empty and made.fold < FOLD_VERSION:
                await projections.note_fold(conn)
        again = not made.empty and made.fold < FOLD_VERSION
        if again:
            log.info("refolding.begun", made_by=made.fold, fold=FOLD_VERSION)
            found = await self._anew()
            log.info("refolding.switched", version=found.version, posts=found.posts, different=found.different)
        if again or not made.armed:
            async with self._database.transaction() as conn:
                timers = await self._arm(conn)
                await projections.note_armed(conn)
            log.info("refolding.armed", timers=timers)
        return again


async def rebuilt_apart(dsn: str, readers: Mapping[str, FactReader]) -> Difference:
    """A rebuild in a process of its own; raises Unavailable where it does not come to its end."""
    context = get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_rebuild, args=(dsn, readers, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        found = await asyncio.to_thread(_received, ours)
    finally:
        process.terminate()
        ours.close()
    if isinstance(found, str):
        raise Unavailable(found)
    return found


def _received(pipe: Pipe) -> Difference | str:
    with suppress(EOFError, OSError):
        found: Difference | str = pipe.recv()
        return found
    return "the process that made the posts anew has ended before its time"


def _rebuild(dsn: str, readers: Mapping[str, FactReader], pipe: Pipe) -> None:
    ends_with_parent()
    os.nice(GIVES_WAY)
    with collected_seldom():
        pipe.send(tuning.run(_rebuilt(dsn, readers)))


async def _rebuilt(dsn: str, readers: Mapping[str, FactReader]) -> Difference | str:
    async with Database.open(dsn, size=3) as database:
        told = [0, 1]

        def note(done: int, total: int) -> None:
            told[:] = done, total

        rebuild = Rebuild(database, readers, _now, note, processes=1)
        telling = asyncio.create_task(_tell(database, rebuild, told))
        try:
            found = await rebuild.run()
            return replace(found, sample=list(found.sample))
        except TrackerError as error:
            return str(error)
        finally:
            telling.cancel()


async def _tell(database: Database, rebuild: Rebuild, told: list[int]) -> None:
    """Let the doctor see how far it is."""
    while True:
        await asyncio.sleep(TELL)
        if rebuild.version is not None:
            with suppress(*AWAY, TrackerError):
                async with database.transaction() as conn:
                    await projections.note_progress(conn, rebuild.version, told[0] / max(told[1], 1))


def _now() -> datetime:
    return datetime.now(UTC)
