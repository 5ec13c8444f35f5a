"""Whole posts folded at once: the log is read in the order of its posts, and each of them is written once.

A span of posts is one transaction, and spans are folded by half as many processes again as there are processors,
because each waits for Postgres a part of its time.
"""

from __future__ import annotations

import asyncio
import os
import signal
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from itertools import chain
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import TYPE_CHECKING

from tracker.domain.accounts import gathered
from tracker.domain.posts.arrival import about_no_post, arrive_together
from tracker.errors import Unavailable
from tracker.process.projector import arrivals_of, facts_in
from tracker.runtime import tuning
from tracker.runtime.batching import bisect
from tracker.runtime.tuning import collected_seldom
from tracker.store.database import AWAY, Database
from tracker.store.posts import posts, rebuild_rows
from tracker.store.posts.posts import StoredPost

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from tracker.domain.accounts import Account
    from tracker.domain.posts.change import Change
    from tracker.providers.base import FactReader
    from tracker.store.database import Connection, Row
    from tracker.store.log.feed import Checkpoint
    from tracker.store.posts.posts import Key
    from tracker.store.posts.rebuild_rows import Span

SPAN = 50_000
"""About so many events are one span."""


@dataclass(frozen=True, slots=True)
class Filling:
    """A version of the projection that is filled with what `upto` sees."""

    readers: Mapping[str, FactReader]
    version: int
    upto: Checkpoint


@dataclass(frozen=True, slots=True)
class Filled:
    """How many events were read, and where those stand that are `left` because their posts could not be written.

    `accounts` is what they say of accounts, of which several spans may speak.
    """

    events: int
    left: Sequence[int]
    accounts: Mapping[Key, Account]


async def fill(
    database: Database, filling: Filling, spans: Sequence[Span], at_most: int | None = None
) -> AsyncGenerator[Filled]:
    """Fold the spans, each as it comes; a single one needs no process of its own."""
    processes = min(at_most or workers(), len(spans) - 1)
    if processes <= 1:
        with collected_seldom():
            for span in spans:
                yield await _fold(database, filling, span)
        return
    pool = ProcessPoolExecutor(processes, get_context("spawn"), ends_with_parent)
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


def ends_with_parent() -> None:
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
    accounts: dict[Key, Account] = {}
    async with database.transaction(unhurried=True) as conn:
        async for page in rebuild_rows.posts_of(conn, span, filling.upto):
            events += sum(map(len, page))
            left += await _write_or_leave(conn, filling, page, accounts)
    return Filled(events, left, accounts)


async def _write_or_leave(
    conn: Connection, filling: Filling, page: Sequence[Sequence[Row]], accounts: dict[Key, Account]
) -> list[int]:
    """All posts at once, or, when there is poison, all but those that have it; answers where their events stand.

    The rebuild meets it once more, and parks it.
    """
    write = partial(_write, conn, filling, accounts)
    errors = await bisect(page, write, passing=(Unavailable, *AWAY)) if page else []
    return [row["position"] for rows, error in zip(page, errors, strict=True) if error for row in rows]


async def _write(
    conn: Connection, filling: Filling, accounts: dict[Key, Account], page: Sequence[Sequence[Row]]
) -> Sequence[None]:
    arrivals = arrivals_of(filling.readers, list(chain.from_iterable(page)))
    changes: list[Change] = [about_no_post(arrival.fact) for key in arrivals if not key[1] for arrival in arrivals[key]]
    about_posts = {key: arrived for key, arrived in arrivals.items() if key[1]}
    saved = []
    async with conn.transaction():
        starts = await posts.dated_baselines(conn, about_posts)
        for key, arrived in about_posts.items():
            start, *through = starts.get(key, (None,))
            post, made = arrive_together(None, [arrival.fact for arrival in arrived], (), start)
            changes += made
            days = [*through, *(arrival.day for arrival in arrived)]
            saved.append(StoredPost(post, min(days), max(days)))
        await rebuild_rows.fill(conn, filling.version, saved, changes)
    gathered(facts_in(arrivals), accounts)
    return [None] * len(page)
