"""Rebuilding: the whole log folded again into a new version of the projection, beside the one in use.

First all that the projector has read is folded post by post (`tracker/process/rebuild.py`); then the new version
follows the projector's checkpoint and never passes it. At the end the projector is held still for the last few events,
so that at the switch both versions have read exactly the same: nothing is skipped, nothing is read twice. Its changes
are not live, so nothing fires.
"""

from __future__ import annotations

import asyncio
import os
import signal
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from itertools import chain
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import TYPE_CHECKING

from tracker.domain.posts.event import BUCKETS
from tracker.errors import Unavailable
from tracker.process import projector
from tracker.process.projector import Projector, about_no_post, arrivals_of, follow
from tracker.runtime import tuning
from tracker.runtime.batching import bisect
from tracker.runtime.tuning import collected_seldom
from tracker.store.checkpoints import subscriptions
from tracker.store.checkpoints.snapshot import beginning
from tracker.store.database import AWAY, Database
from tracker.store.log import feed
from tracker.store.posts import posts, projections, rebuild_rows
from tracker.store.posts.posts import StoredPost
from tracker.stream.subscription import handle_or_park

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
    from datetime import datetime

    from tracker.domain.posts.change import Change
    from tracker.providers.base import FactReader
    from tracker.store.checkpoints.snapshot import Checkpoint
    from tracker.store.database import Connection, Row
    from tracker.store.posts.rebuild_rows import Span

SPAN = 50_000
"""About so many events are one span."""


@dataclass(frozen=True, slots=True)
class Filling:
    """A version of the projection that is filled with what `upto` sees; its changes are numbered from `first` on."""

    readers: Mapping[str, FactReader]
    version: int
    first: int
    upto: Checkpoint


@dataclass(frozen=True, slots=True)
class Filled:
    """How many events were read, and where those stand that are `left` because their posts could not be written."""

    events: int
    left: Sequence[int]


async def fill(database: Database, filling: Filling, spans: Sequence[Span]) -> AsyncGenerator[Filled]:
    """Fold the spans, each as it comes; a single one needs no process of its own."""
    processes = min(workers(), len(spans) - 1)
    if processes <= 1:
        with collected_seldom():
            for span in spans:
                yield await _fold(database, filling, span)
        return
    pool = ProcessPoolExecutor(processes, get_context("spawn"), _begin)
    loop = asyncio.get_running_loop()
    try:
        waiting = [loop.run_in_executor(pool, _fold_apart, database.dsn, filling, span) for span in spans]
        for filled in asyncio.as_completed(waiting):
            yield await filled
    except BrokenProcessPool as error:
        await asyncio.gather(*waiting, return_exceptions=True)
        raise Unavailable("a process that folded has ended before its time: rebuild again") from error
    finally:
        pool.shutdown(cancel_futures=True)


def workers() -> int:
    """How many processes are worth while; one processor folds within the process that asks."""
    processors = os.cpu_count() or 1
    return processors + processors // 2


def _begin() -> None:
    """The process that asked decides when to stop; when it is gone, so are we."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    if parent := parent_process():
        parent.join()
        os._exit(1)


def _fold_apart(dsn: str, filling: Filling, span: Span) -> Filled:
    async def fold() -> Filled:
        async with Database.open(dsn, size=1) as database:
            return await _fold(database, filling, span)

    with collected_seldom():
        return tuning.run(fold())


async def _fold(database: Database, filling: Filling, span: Span) -> Filled:
    """The log's days are in use from the first row on: none is dropped before the baselines are read."""
    events, left = 0, []
    async with database.transaction(unhurried=True) as conn:
        async for page in rebuild_rows.posts_of(conn, span, filling.upto):
            events += sum(map(len, page))
            left += await _write_or_leave(conn, filling, page)
    return Filled(events, left)


async def _write_or_leave(conn: Connection, filling: Filling, page: Sequence[Sequence[Row]]) -> list[int]:
    """All posts at once, or, when there is poison, all but those that have it; answers where their events stand.

    The projector meets it once more, and parks it.
    """
    errors = await bisect(page, partial(_write, conn, filling), passing=(Unavailable, *AWAY)) if page else []
    return [row["position"] for rows, error in zip(page, errors, strict=True) if error for row in rows]


async def _write(conn: Connection, filling: Filling, page: Sequence[Sequence[Row]]) -> Sequence[None]:
    arrivals = arrivals_of(filling.readers, list(chain.from_iterable(page)))
    changes: list[Change] = [about_no_post(arrival.fact) for key in arrivals if not key[1] for arrival in arrivals[key]]
    about_posts = {key: arrived for key, arrived in arrivals.items() if key[1]}
    saved = []
    async with conn.transaction():
        starts = await posts.dated_baselines(conn, about_posts)
        for key, arrived in about_posts.items():
            start, *through = starts.get(key, (None,))
            post, made = follow(None, arrived, [], start)
            changes += made
            days = [*through, *(arrival.day for arrival in arrived)]
            saved.append(StoredPost(post, min(days), max(days)))
        await rebuild_rows.fill(conn, filling.version, filling.first, saved, changes)
    return [None] * len(page)


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
    """One rebuild; `progress` is told (events read, events in the log)."""

    def __init__(
        self,
        database: Database,
        readers: Mapping[str, FactReader],
        clock: Callable[[], datetime],
        progress: Callable[[int, int], None],
    ) -> None:
        self._database, self._readers, self._clock, self._progress = database, readers, clock, progress
        self._read = 0

    async def run(self, *, keep_old: bool = False) -> Difference:
        """Build, compare and (unless `keep_old`) switch; raises Unavailable while another rebuild runs."""
        async with self._database.connection() as guard:
            if not await projections.take_rebuild_lock(guard):
                raise Unavailable("another rebuild is running; wait until it ends")
            async with self._database.transaction(unhurried=True) as conn:
                await projections.drop_left_over(conn)
                version = await projections.create_next(conn)
                total = await projections.count_events(conn)
                filling = Filling(
                    self._readers, version, await rebuild_rows.reserve_numbers(conn), await self._hindmost(conn)
                )
            left = await self._fill(filling, total)
            handler = Projector(self._readers, version, NAME)
            async with self._database.transaction(unhurried=True) as conn:
                await self._seed(conn, version)
                await self._complete(conn, filling, left)
            seen = await self._follow(handler, filling.upto, total)
            difference = await self._finish(handler, version, seen, keep_old)
            async with self._database.transaction(unhurried=True) as conn:
                await projections.drop_left_over(conn)
            return difference

    async def _hindmost(self, conn: Connection) -> Checkpoint:
        """Where the projector's hindmost bucket stands."""
        places = [share.checkpoint for share in await subscriptions.stands(conn, projector.NAME)]
        return min(places, key=lambda checkpoint: checkpoint.order, default=beginning(1))

    async def _fill(self, filling: Filling, total: int) -> list[int]:
        """Fold what the projector has read, and make the indexes; answers where the events stand that are left."""
        left: list[int] = []
        async with self._database.transaction(unhurried=True) as conn:
            spans = await rebuild_rows.spans(conn, 1 + total // SPAN, total)
        async with aclosing(fill(self._database, filling, spans)) as filled:
            async for part in filled:
                self._read += part.events
                left += part.left
                self._progress(self._read, max(total, self._read))
        await asyncio.gather(*(self._index(filling.version, kind) for kind in ("posts", "changes")))
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
        """What has poison in it goes the projector's own way, which parks the poison."""
        handler = Projector(self._readers, filling.version, NAME, filling.first)
        if rows := await rebuild_rows.of_positions(conn, left):
            await handle_or_park(conn, handler, NAME, feed.EVENTS, rows, beginning(1), self._clock())

    async def _follow(self, handler: Projector, seen: Checkpoint, total: int) -> Checkpoint:
        """Read on until the projector's hindmost bucket is reached."""
        while True:
            async with self._database.transaction(unhurried=True) as conn:
                upto = await self._hindmost(conn)
                if seen == upto:
                    return seen
                seen = await self._page(conn, handler, seen, upto, range(BUCKETS))
            self._progress(self._read, max(total, self._read))

    async def _finish(self, handler: Projector, version: int, seen: Checkpoint, keep_old: bool) -> Difference:
        """Hold the projector, read each bucket up to where it stands, compare, and switch."""
        async with self._database.transaction(unhurried=True) as conn:
            for held in await subscriptions.lock_all(conn, projector.NAME):
                at = seen
                while at != held.checkpoint:
                    at = await self._page(conn, handler, at, held.checkpoint, held.buckets)
            current = await posts.current_projection(conn)
            found = await projections.compare(conn, current, version, SAMPLE)
            if not keep_old:
                await projections.switch(conn, current, version, NAME, projector.NAME)
        return Difference(
            version, self._read, found.posts, found.only_new, found.only_old, found.different, found.sample,
        )  # fmt: skip

    async def _page(
        self, conn: Connection, handler: Projector, seen: Checkpoint, upto: Checkpoint, buckets: Sequence[int]
    ) -> Checkpoint:
        batch = await feed.read_after(conn, feed.EVENTS, seen, upto, buckets, PAGE)
        self._read += len(batch.rows)
        if batch.rows:
            await handle_or_park(conn, handler, NAME, feed.EVENTS, batch.rows, seen, self._clock())
        return batch.reached
