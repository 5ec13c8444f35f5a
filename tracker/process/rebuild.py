"""Rebuilding: the whole log folded again into a new version of the projection, beside the one in use.

First all that the processor has read is folded post by post (`tracker/process/bulk_fold.py`); then the new version
follows the processor's checkpoint and never passes it. At the end the processor is held still for the last few events,
so that at the switch both versions have read exactly the same: nothing is skipped, nothing is read twice. A rebuild is
the fold alone, so nothing fires.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracker.domain.accounts import merged
from tracker.domain.posts.event import BUCKETS
from tracker.errors import Unavailable
from tracker.process.bulk_fold import SPAN, Filling, fill
from tracker.process.processor import NAME as PROCESSOR
from tracker.process.processor import PLACE
from tracker.process.projector import Projector, handle_or_park
from tracker.store.checkpoints import subscriptions
from tracker.store.log import feed
from tracker.store.log.feed import beginning
from tracker.store.posts import posts, projections, rebuild_rows
from tracker.store.posts.posts import StoredPost
from tracker.store.session import write_at_once

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from tracker.domain.accounts import Account
    from tracker.providers.base import FactReader
    from tracker.store.database import Connection, Database, Row
    from tracker.store.log.feed import Checkpoint
    from tracker.store.posts.posts import Key

NAME = "rebuild"
PAGE = 5000
SAMPLE = 20


@dataclass(frozen=True, slots=True)
class Difference:
    """What the new version of the projection says otherwise; `sample` holds (provider, post, before, after)."""

    version: int
    events: int
    posts: int
    only_new: int
    only_old: int
    different: int
    sample: Sequence[tuple[str, str, str | None, str | None]]

    @property
    def none(self) -> bool:
        """Whether both versions say the same."""
        return not (self.only_new or self.only_old or self.different)


class Rebuild:
    """One rebuild, of the `version` that it has begun; `progress` is told (events read, events in the log)."""

    def __init__(
        self,
        database: Database,
        readers: Mapping[str, FactReader],
        clock: Callable[[], datetime],
        progress: Callable[[int, int], None],
        processes: int | None = None,
    ) -> None:
        self._database, self._readers, self._clock, self._progress = database, readers, clock, progress
        self._processes = processes
        self._read = 0
        self.version: int | None = None
        self._accounts: dict[Key, Account] = {}

    async def run(self, *, keep_old: bool = False) -> Difference:
        """Build, compare and (unless `keep_old`) switch; raises Unavailable while another rebuild runs."""
        async with self._database.connection() as guard:
            if not await projections.take_rebuild_lock(guard):
                raise Unavailable("another rebuild is running; wait until it ends")
            async with self._database.transaction(unhurried=True) as conn:
                await projections.drop_left_over(conn)
                await posts.forget_left_over_accounts(conn)
                self.version = version = await projections.create_next(conn)
                total = await projections.count_events(conn)
                filling = Filling(self._readers, version, await self._hindmost(conn))
            left = await self._fill(filling, total)
            handler = Projector(self._readers, NAME, version)
            async with self._database.transaction(unhurried=True) as conn:
                await self._seed(conn, version)
                await posts.learn_accounts(conn, version, self._accounts)
                await posts.seed_accounts(conn, version)
                await self._complete(conn, filling, left)
            seen = await self._follow(handler, filling.upto, total)
            difference = await self._finish(handler, version, seen, keep_old)
            async with self._database.transaction(unhurried=True) as conn:
                await projections.drop_left_over(conn)
                await posts.forget_left_over_accounts(conn)
            return difference

    async def _hindmost(self, conn: Connection) -> Checkpoint:
        """Where the processor's hindmost bucket stands."""
        places = [share.checkpoint for share in await subscriptions.stands(conn, PROCESSOR)]
        return min(places, key=lambda checkpoint: checkpoint.order, default=beginning(1))

    async def _fill(self, filling: Filling, total: int) -> list[int]:
        """Fold what the processor has read, and make the indexes; answers where the events stand that are left."""
        left: list[int] = []
        async with self._database.transaction(unhurried=True) as conn:
            spans = await rebuild_rows.spans(conn, 1 + total // SPAN, total)
        async with aclosing(fill(self._database, filling, spans, self._processes)) as filled:
            async for part in filled:
                self._read += part.events
                left += part.left
                for key, one in part.accounts.items():
                    self._accounts[key] = merged(self._accounts[key], one) if key in self._accounts else one
                self._progress(self._read, max(total, self._read))
        await asyncio.gather(*(self._index(filling.version, kind) for kind in ("posts", "transitions")))
        return left

    async def _index(self, version: int, kind: str) -> None:
        async with self._database.transaction(unhurried=True) as conn:
            await rebuild_rows.index(conn, version, kind)

    async def _seed(self, conn: Connection, version: int) -> None:
        page: list[StoredPost] = []
        async for post, through in projections.baselines_alone(conn, version):
            page.append(StoredPost(post, through, through))
            if len(page) == PAGE:
                await posts.save(conn, version, page)
                page = []
        if page:
            await posts.save(conn, version, page)

    async def _complete(self, conn: Connection, filling: Filling, left: Sequence[int]) -> None:
        """What has poison in it goes the processor's own way, which parks the poison."""
        if rows := await rebuild_rows.of_positions(conn, left):
            handler = Projector(self._readers, NAME, filling.version)
            await self._fold_or_park(conn, handler, rows, beginning(1))

    async def _follow(self, handler: Projector, seen: Checkpoint, total: int) -> Checkpoint:
        """Read on until the processor's hindmost bucket is reached."""
        while True:
            async with self._database.transaction(unhurried=True) as conn:
                upto = await self._hindmost(conn)
                if seen == upto:
                    return seen
                seen = await self._page(conn, handler, seen, upto, range(BUCKETS))
            self._progress(self._read, max(total, self._read))

    async def _finish(self, handler: Projector, version: int, seen: Checkpoint, keep_old: bool) -> Difference:
        """Hold the processor, read each bucket up to where it stands, compare, and switch."""
        async with self._database.transaction(unhurried=True) as conn:
            for held in await subscriptions.hold_still(conn, PROCESSOR):
                at = seen
                while at != held.checkpoint:
                    at = await self._page(conn, handler, at, held.checkpoint, held.buckets)
            current = await posts.current_projection(conn)
            found = await projections.compare(conn, current, version, SAMPLE)
            if not keep_old:
                await projections.switch(conn, current, version, NAME, PROCESSOR)
        return Difference(
            version, self._read, found.posts, found.only_new, found.only_old, found.different, found.sample,
        )  # fmt: skip

    async def _page(
        self, conn: Connection, handler: Projector, seen: Checkpoint, upto: Checkpoint, buckets: Sequence[int]
    ) -> Checkpoint:
        batch = await feed.read_after(conn, feed.EVENTS, seen, upto, buckets, PAGE)
        self._read += len(batch.rows)
        if batch.rows:
            await self._fold_or_park(conn, handler, batch.rows, seen)
        return batch.reached

    async def _fold_or_park(self, conn: Connection, handler: Projector, rows: Sequence[Row], seen: Checkpoint) -> None:
        done: list[Row] = []

        async def fold(some: Sequence[Row]) -> None:
            await write_at_once(conn, (await handler.fold(conn, some, seen, done)).parts)
            done.extend(some)

        await handle_or_park(conn, NAME, rows, fold, PLACE, self._clock())
