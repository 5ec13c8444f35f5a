"""The broadcast: one reader of the log for all who listen in this process, each from the place that it names.

A listener that comes back first reads from the database what it has missed, up to where the one reader stands, and
then shares what that reads from there on. Both go by snapshots, so nothing is lost or repeated where they meet. What an
event changed is worked out again, and told once it has been folded.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from tracker.domain.posts.event import BUCKETS
from tracker.errors import Rejected, Unavailable
from tracker.runtime import metrics
from tracker.runtime.logger import Logger
from tracker.store.checkpoints.subscriptions import seen_by_all
from tracker.store.log import epoch, feed
from tracker.store.log.feed import EVENTS, ResumeToken, resume_tokens
from tracker.store.wakeups import CHANGES, wait
from tracker.stream.changes import Followed

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from tracker.domain.posts.change import Change
    from tracker.store.database import Connection, Database
    from tracker.store.log.feed import Checkpoint
    from tracker.store.wakeups import Wakeups
    from tracker.stream.changes import Readers

log = Logger(__name__)

ALL = tuple(range(BUCKETS))
PROCESSOR = "processor"
PAGE = 1000
CATCHING_UP = 4
"""So many listeners at once may read what they have missed; the others wait for their turn."""

Item = TypeVar("Item")
Render = Callable[["Change", ResumeToken], Item]


@dataclass(frozen=True, eq=False, slots=True, weakref_slot=True)
class News(Generic[Item]):
    """What came next, in order, and the place behind all of it; a sign of life has no items."""

    items: Sequence[Item]
    place: ResumeToken


@dataclass(frozen=True, slots=True)
class Limits:
    """How many may listen (`listeners`), and how many items wait for one at most (`backlog`).

    In seconds: how often news are shared, how long one that was cut off may go on sending, how often all hear a sign
    of life, and how long to wait for a notification.
    """

    listeners: int = 2000
    backlog: int = 2000
    patience: float = 10.0
    pace: float = 0.05
    beat: float = 15.0
    poll: float = 1.0


class _Listener(Generic[Item]):
    """One who listens, and has not been given all yet; when that is too much, what it does with it is ended."""

    def __init__(self, backlog: int, patience: float) -> None:
        self._waiting: deque[News[Item]] = deque()
        self._room, self._woken, self._is_cut = backlog, asyncio.Event(), False
        self._patience, self._task = patience, asyncio.current_task()
        self._end: asyncio.TimerHandle | None = None

    def give(self, news: News[Item]) -> None:
        self._room -= max(len(news.items), 1)
        self._waiting.append(news)
        self._woken.set()
        if self._room < 0:
            self.cut()

    def cut(self) -> None:
        self._is_cut = True
        self._waiting.clear()
        self._woken.set()
        if self._task and not self._end:
            self._end = asyncio.get_running_loop().call_later(self._patience, self._task.cancel)

    def leave(self) -> None:
        if self._end:
            self._end.cancel()

    async def next(self) -> News[Item] | None:
        """The next news for this listener; None when it was cut off."""
        while not self._waiting and not self._is_cut:
            self._woken.clear()
            await self._woken.wait()
        if self._is_cut:
            return None
        news = self._waiting.popleft()
        self._room += max(len(news.items), 1)
        return news


class Broadcast(Generic[Item]):
    """Shares what events change as `render` shows it; `run` reads them, as long as anybody listens."""

    def __init__(self, database: Database, readers: Readers, render: Render[Item], limits: Limits = Limits()) -> None:
        self._database, self._readers, self._render, self._limits = database, readers, render, limits
        self._listeners: set[_Listener[Item]] = set()
        self._present = 0
        self._at: Checkpoint | None = None
        self._followed = Followed(readers)
        self._begun = self._ended = 0
        self._step_over, self._woken = asyncio.Event(), asyncio.Event()
        self._turns = asyncio.Semaphore(CATCHING_UP)
        self._is_closed = False

    async def run(self, wakeups: Wakeups) -> None:
        """Until cancelled: read on while anybody listens, and share what is found."""
        beating = asyncio.create_task(self._beat(), name="broadcast.beat")
        loop = asyncio.get_running_loop()
        try:
            async with wakeups.on(CHANGES) as self._woken:
                while True:
                    began = loop.time()
                    try:
                        await self._step()
                    except Unavailable as error:
                        log.warning("stream.waiting", error=str(error))
                    await asyncio.sleep(began + self._limits.pace - loop.time())
                    await self._until_wanted()
        finally:
            beating.cancel()

    def close(self) -> None:
        """Let everybody go: the process is about to stop, and others know where to go on."""
        self._is_closed = True
        self._step_over.set()
        for listener in [*self._listeners]:
            listener.cut()

    async def admit(self, place: ResumeToken | None) -> None:
        """Raise Unavailable when nobody more may listen, and Rejected for a place that is not of this log."""
        if self._is_closed or self._present >= self._limits.listeners:
            raise Unavailable(f"{self._present} listen already, or the service is about to stop")
        if place is not None:
            async with self._database.connection() as conn:
                head, is_known = await feed.head(conn), await epoch.is_known(conn, place.seen.epoch)
            if not is_known:
                raise Rejected(
                    "place", "this place is in a past that was lost, or in another log: begin anew, and read the posts"
                )
            if (place.seen.epoch, place.seen.xmax) > (head.epoch, head.xmax):
                raise Rejected("place", "this place is ahead of the log: it belongs to another one")

    async def listen(self, place: ResumeToken | None) -> AsyncGenerator[News[Item]]:
        """The news after that place (None: from now on); ends when the listener is too slow, who may resume."""
        with self._listening() as mine:
            reached = place
            if place is not None:
                async for news in self._missed(place, None):
                    yield news
                    reached = news.place
            at = await self._joined(mine, reached)
            if at is None:
                return
            if reached is not None:
                async for news in self._missed(reached, at):
                    yield news
            yield News((), ResumeToken(at))
            while (latest := await mine.next()) is not None:
                yield latest

    async def _joined(self, mine: _Listener[Item], reached: ResumeToken | None) -> Checkpoint | None:
        """Where the one reader stands, which shares with this listener all that it reads from there on.

        It has made a step by then that began after this was called, and knows all that the listener has reached.
        """
        wanted = self._begun + 1
        self._woken.set()
        while not self._is_closed:
            if self._ended >= wanted and self._at and (reached is None or self._at.holds(reached.beyond)):
                self._listeners.add(mine)
                return self._at
            await self._step_over.wait()
        return None

    async def _missed(self, place: ResumeToken, upto: Checkpoint | None) -> AsyncGenerator[News[Item]]:
        """What came between the place and `upto`, or (None) the present, page by page."""
        followed = Followed(self._readers)
        if place.xid:
            yield await self._rest(place, followed)
        seen, target = place.beyond, None
        while seen != target and not self._is_closed:
            async with self._turns, self._database.connection() as conn:
                target = upto or await seen_by_all(conn, PROCESSOR)
                if target is None or not target.holds(seen):
                    return
                news = await self._read(conn, followed, seen, target)
            seen = news.place.seen
            yield news

    async def _rest(self, place: ResumeToken, followed: Followed) -> News[Item]:
        """What is left of a transaction in the middle of which somebody hung up."""
        async with self._turns, self._database.connection() as conn:
            rows = await feed.all_of(conn, EVENTS, place.seen, place.xid, ALL)
            changes = await followed.changes(conn, rows, place.seen)
        return News(
            [
                self._render(change, ResumeToken(place.seen, place.xid, change.cause))
                for change in changes
                if change.cause > place.key
            ],
            ResumeToken(place.beyond),
        )

    async def _step(self) -> None:
        self._begun += 1
        number = self._begun
        async with self._database.connection() as conn:
            upto = await seen_by_all(conn, PROCESSOR)
            self._at = self._at or upto
            while self._at and upto and self._at != upto and upto.holds(self._at):
                news = await self._read(conn, self._followed, self._at, upto)
                self._at = news.place.seen
                if news.items:
                    self._share(news)
        self._ended = number
        self._step_over.set()
        self._step_over = asyncio.Event()

    async def _read(self, conn: Connection, followed: Followed, seen: Checkpoint, upto: Checkpoint) -> News[Item]:
        batch = await feed.read_after(conn, EVENTS, seen, upto, ALL, PAGE)
        places = {row[EVENTS.key]: at for row, at in resume_tokens(EVENTS, seen, batch)}
        changes = await followed.changes(conn, batch.rows, seen)
        return News([self._render(change, places[change.cause]) for change in changes], ResumeToken(batch.reached))

    def _share(self, news: News[Item]) -> None:
        for listener in [*self._listeners]:
            listener.give(news)

    async def _until_wanted(self) -> None:
        """A wake-up, or the poll; while nobody listens, nobody reads."""
        if self._present:
            await wait(self._woken, self._limits.poll)
            return
        self._at, self._followed = None, Followed(self._readers)
        while not self._present:
            self._woken.clear()
            await self._woken.wait()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._limits.beat)
            if self._at:
                self._share(News((), ResumeToken(self._at)))

    @contextmanager
    def _listening(self) -> Iterator[_Listener[Item]]:
        mine: _Listener[Item] = _Listener(self._limits.backlog, self._limits.patience)
        self._present += 1
        metrics.listeners.inc()
        try:
            yield mine
        finally:
            self._present -= 1
            self._listeners.discard(mine)
            mine.leave()
            metrics.listeners.dec()
