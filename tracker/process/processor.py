"""The processor: events after its place are folded into posts, rules decide on what changed, and the place moves on.

All of that is one transaction. Buckets are leased to nodes, in shares; shares that stand at one place move on as one.
Nothing is locked while a batch is handled: who has lost a share to another node may still move it once, and then the
other one finds its place gone, and begins again from where it is. A step that finds nothing to do writes nothing.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain, groupby
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING

from tracker.domain.posts.event import OWN_SOURCES, bucket_of
from tracker.errors import Unavailable
from tracker.process.projector import Projector, handle_or_park
from tracker.process.reactor import Reactor, armed
from tracker.runtime import metrics
from tracker.store.actions.actions import TAKEN, Handover
from tracker.store.checkpoints import assignments, processes, subscriptions
from tracker.store.checkpoints.presence import nobody_asks
from tracker.store.log.feed import beginning
from tracker.store.posts.posts import logged
from tracker.store.session import NeedsTransaction, write_at_once
from tracker.store.wakeups import EVENTS, SHARES, keep_stepping

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from tracker.domain.posts.change import Change
    from tracker.domain.rules.rule_index import RuleIndex
    from tracker.process.active_rules import ActiveRules
    from tracker.providers.base import FactReader
    from tracker.runtime.tracing import Tracing
    from tracker.store.actions.actions import Hands
    from tracker.store.checkpoints.subscriptions import SubscriptionState
    from tracker.store.database import Connection, Database, Row
    from tracker.store.log.feed import Batch, Checkpoint
    from tracker.store.wakeups import Wakeups

NAME = "processor"
REACTIONS = "reactions"
"""Under this name is parked what was folded and could not be decided."""

FEW = 100
"""So few events are written by one statement; more are copied within a transaction, which costs less for each."""

PLACE = itemgetter("position", "bucket")
CAUSE = attrgetter("cause")


@dataclass(frozen=True, slots=True)
class Pace:
    """How many events at once (`batch`), how long a lease lasts, and how long (`poll`) to wait for a notification."""

    batch: int = 2000
    lease: timedelta = timedelta(seconds=15)
    poll: timedelta = timedelta(seconds=1)

    @property
    def sign(self) -> timedelta:
        """How often leases are renewed, and how often a place says that nothing was left to read."""
        return self.lease / 3


class Processor:
    """The processor of one node; `require` raises Unavailable while others cannot see that the node lives.

    `rules` answers with those in force, at each call.
    """

    def __init__(
        self,
        database: Database,
        node: str,
        clock: Callable[[], datetime],
        readers: Mapping[str, FactReader],
        rules: Callable[[], RuleIndex],
        pace: Pace = Pace(),
        require: Callable[[], None] = nobody_asks,
        tracing: Tracing | None = None,
    ) -> None:
        self._tracing = tracing
        self._database, self._node, self._clock, self._pace, self._require = database, node, clock, pace, require
        self.projector, self.reactor = Projector(readers, NAME), Reactor(rules, clock, readers)
        self._tended, self._woken = float("-inf"), asyncio.Event()
        self.hands: Hands | None = None
        """Who performs in this process what a step wants done at once; None: whoever claims it."""
        self._stands: SubscriptionState | None = None
        """All that this node holds, as its last step has left it; None: it is to be looked up."""
        self.has_read = False
        """Whether this node has taken a step, or has seen that others who live read everything."""

    async def run(self, wakeups: Wakeups) -> None:
        """Until cancelled: read on, and wait when there is nothing."""
        with wakeups.calling(SHARES, self.tend_now):
            async with wakeups.on(EVENTS) as self._woken:
                self._tended = float("-inf")
                await keep_stepping(NAME, self._woken, self._turn, self._pace.poll)

    async def run_by(self, rules: ActiveRules, wakeups: Wakeups) -> None:
        """Run until cancelled, but read nothing before the rules are the right ones."""
        await rules.settle(self._database)
        async with self._database.transaction() as conn:
            await assignments.create(conn, NAME, beginning(1))
            await rules.take_by_hand(conn)
            if rules.any_known:
                await armed(self.reactor, conn)
        await self.run(wakeups)

    async def _turn(self) -> float:
        """Tend where it is time, and step; the seconds until the next turn. Where it fails, that tends."""
        now = asyncio.get_running_loop().time()
        try:
            self._require()
            if now - self._tended >= self._pace.sign.total_seconds():
                self._tended = now
                if not await self.tend():
                    self._tended -= max((self._pace.sign - self._pace.poll).total_seconds(), 0)
            return 0 if await self.step() else self._pace.poll.total_seconds()
        except Unavailable:
            self._tended = float("-inf")
            raise

    def tend_now(self) -> None:
        """Look at once what is free and what is too much, for somebody has come, left, died or given something up."""
        self._tended = float("-inf")
        self._woken.set()

    async def tend(self) -> bool:
        """Renew, share and claim buckets; answers whether this node has its fair share of them."""
        async with self._database.transaction() as conn:
            return await assignments.tend(conn, NAME, self._node, self._pace.lease)

    async def leave(self) -> None:
        """Hand all buckets back."""
        async with self._database.transaction() as conn:
            await assignments.leave(conn, NAME, self._node)

    async def drain(self) -> None:
        """Step until nothing is left that this node may read."""
        while await self.step():
            pass

    async def step(self) -> bool:
        """Handle one batch of the buckets that are furthest behind; answers whether there is more to do at once.

        That one of the events may be poison is thought of only when a batch has failed.
        """
        try:
            return await self._step(may_park=False)
        except Unavailable:
            raise
        except Exception:
            return await self._step(may_park=True)

    async def _step(self, *, may_park: bool) -> bool:
        now, stood, self._stands = self._clock(), self._stands, None
        async with self._database.autocommit() as conn:
            reading = await subscriptions.read(conn, NAME, self._node, stood, self._pace.batch)
            if reading is None:
                self.has_read = self.has_read or await processes.read_by_the_living(conn, NAME)
                return False
        held, batch = reading
        hindmost = held.hindmost
        caught_up, is_all = batch.reached == held.head, len(hindmost) == len(held.standings)
        stands = hindmost[0]
        if batch.rows or not (caught_up and is_all) or len(hindmost) > 1 or self._is_long_ago(stands.caught_up_at, now):
            moments = [share.caught_up_at for share in hindmost]
            moment = now if caught_up else min((at for at in moments if at), default=None) if all(moments) else None
            with subscriptions.gone_is_unavailable(NAME):
                stands = await self._move(hindmost, batch, moment, now, may_park=may_park)
        self.has_read = True
        if self._tracing:
            for event in map(logged, batch.rows):
                if event.source not in OWN_SOURCES:
                    self._tracing.processed(event, now, self._clock())
        metrics.handled.labels(NAME).inc(len(batch.rows))
        more = False
        if caught_up and await self._may_ring(stands.buckets, now):
            async with self._database.transaction() as conn:
                stands = await subscriptions.advance(conn, NAME, self._node, [stands], batch.reached, now)
                more = await self.reactor.ring(conn, stands.buckets, now, NAME)
        self._stands = stands if is_all else None
        return more or not (caught_up and is_all)

    async def _move(
        self,
        hindmost: Sequence[SubscriptionState],
        batch: Batch,
        moment: datetime | None,
        now: datetime,
        *,
        may_park: bool,
    ) -> SubscriptionState:
        """Handle the batch and move the place, by single statements where that is possible; answers how it stands.

        The place moves first, which is the fence, and the first lock that a step takes: whoever is too late waits for
        nothing else.
        """
        stood, rows = hindmost[0], batch.rows
        moves = subscriptions.moving(NAME, stood, batch.reached, moment)
        stands = subscriptions.moved_on(stood, batch.reached, moment)
        if 0 < len(rows) <= FEW and len(hindmost) == 1 and not may_park:
            async with self._database.autocommit() as conn:
                with suppress(NeedsTransaction), Handover(self.hands) as handover:
                    folded = await self.projector.fold(conn, rows, stood.checkpoint, [])
                    reactions = await self.reactor.react(conn, folded.changes, now, handover)
                    parts = [moves, *folded.parts, *reactions]
                    if handover:
                        handover.begin(await subscriptions.write_moving(conn, parts, TAKEN))
                    else:
                        await subscriptions.write_moving(conn, parts)
                    return stands
        async with self._database.transaction() as conn:
            if not rows or may_park:
                await subscriptions.write_moving(conn, [moves])
                await self._all_but_poison(conn, rows, stood.checkpoint, now)
            else:
                folded = await self.projector.fold(conn, rows, stood.checkpoint, [], moves)
                await write_at_once(conn, [*folded.parts, *await self.reactor.react(conn, folded.changes, now)])
            return await subscriptions.joined(conn, NAME, self._node, hindmost, stands)

    async def _all_but_poison(self, conn: Connection, rows: Sequence[Row], seen: Checkpoint, now: datetime) -> None:
        """Fold what can be folded, let the rules see what they can decide on, and park the rest."""
        done: list[Row] = []
        changes: list[Change] = []

        async def fold(some: Sequence[Row]) -> None:
            folded = await self.projector.fold(conn, some, seen, done)
            await write_at_once(conn, folded.parts)
            changes.extend(folded.changes)
            done.extend(some)

        async def react(some: Sequence[Sequence[Change]]) -> None:
            await write_at_once(conn, await self.reactor.react(conn, [*chain.from_iterable(some)], now))

        await handle_or_park(conn, NAME, rows, fold, PLACE, now)
        of_events = [[*together] for _, together in groupby(changes, CAUSE)]
        await handle_or_park(conn, REACTIONS, of_events, react, _place_of, now)

    def _is_long_ago(self, caught_up_at: datetime | None, now: datetime) -> bool:
        """Whether those who ask how far the log is read must be told anew that nothing is left."""
        return caught_up_at is None or not timedelta(0) <= now - caught_up_at < self._pace.sign

    async def _may_ring(self, buckets: Sequence[int], now: datetime) -> bool:
        """Whether a timer of these buckets may be due; Postgres is asked only where that is not known, and at times."""
        alarm, moment = self.reactor.alarm, asyncio.get_running_loop().time()
        if alarm.is_to_set(buckets, moment - self._pace.poll.total_seconds()):
            async with self._database.autocommit() as conn:
                await alarm.set(conn, buckets, moment)
        return alarm.at is not None and alarm.at <= now


def _place_of(changes: Sequence[Change]) -> tuple[int, int]:
    return changes[0].cause, bucket_of(changes[0].provider, changes[0].post)
