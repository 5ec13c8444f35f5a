"""The worker: claims what is due, does it, and records how it ended, fenced by the lease it was claimed under.

The attempt is on record before the call goes out. A process that dies in the middle leaves its lease to lapse, and
any node puts the action back as lost, which tells the next attempt that nobody knows whether it happened.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

from tracker.act.outcome_writer import OUTCOMES, Ended, OutcomeWriter
from tracker.domain.actions import POLICIES, Discard, Exchange, Reason
from tracker.errors import Unavailable
from tracker.facts.own_facts import finished
from tracker.runtime import metrics
from tracker.runtime.logger import Logger
from tracker.store.actions import action_claims, action_leases
from tracker.store.actions.action_claims import Room
from tracker.store.checkpoints.presence import nobody_asks
from tracker.store.log import event_log
from tracker.store.wakeups import ACTIONS, keep_stepping

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime
    from uuid import UUID

    from tracker.domain.actions import Claimed, Outcome
    from tracker.runtime.tracing import Tracing
    from tracker.store.actions.action_claims import Claim
    from tracker.store.database import Connection, Database
    from tracker.store.wakeups import Wakeups

log = Logger(__name__)

SHORTEST_PAUSE = 0.01
"""Seconds."""


class Performer(Protocol):
    """Carries out the actions of one verb, as in `alert`."""

    async def perform(self, claimed: Claimed, now: datetime) -> Outcome:
        """Attempt the action once; an outcome is a value, and only a fault of our own is an exception."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many actions at once, in all and for one target, so that a target that hangs does not hold up the others.

    One target has at most half of it all. When that is used up, each target for which nothing is under way may still
    begin one action: however many targets hang, another is not delayed. What is merely busy ends within the shortest
    pause, and makes room for many at once.
    """

    actions: int = 500
    per_target: int = 64
    lease: timedelta = timedelta(seconds=30)
    poll: timedelta = timedelta(seconds=1)


class Worker:
    """Performs actions on one node; `require` raises Unavailable while others cannot see that it lives."""

    def __init__(
        self,
        database: Database,
        performers: Mapping[str, Performer],
        node: str,
        clock: Callable[[], datetime],
        capacity: Capacity = Capacity(),
        require: Callable[[], None] = nobody_asks,
        tracing: Tracing | None = None,
    ) -> None:
        self._tracing = tracing
        self._database, self._performers, self._clock = database, performers, clock
        self.node, self.lease, self._capacity = node, capacity.lease, capacity
        self._completion = OutcomeWriter(database)
        self._per_target = min(capacity.per_target, max(1, capacity.actions // 2))
        self._running: dict[UUID, asyncio.Task[bool]] = {}
        self._kept_free = self._released = 0
        self.is_open = False
        """Whether `run` is under way: only then is there room for what is recorded as claimed."""
        self._targets: Counter[str] = Counter()
        self._woken, self._somebody_died, self._require = asyncio.Event(), asyncio.Event(), require
        self.pause = 0.0
        """Seconds until the next look, for whom nothing wakes."""
        self._held_up = False
        """Whether something is due that waits for what is under way."""

    async def run(self, wakeups: Wakeups) -> None:
        """Until cancelled; what is under way then has ten seconds to end. Needs `tend` beside it."""
        try:
            async with wakeups.on(ACTIONS) as self._woken:
                self.is_open = True
                await keep_stepping("worker", self._woken, self._turn, self._capacity.poll)
        finally:
            self.is_open = False
            await self.settle(10)

    async def _turn(self) -> float:
        self._require()
        await self.claim()
        return self.pause

    def keep_free(self, target: str) -> bool:
        """Whether one more may begin that is recorded as claimed at this moment; then there is room for it."""
        is_full = len(self._running) + self._kept_free >= self._capacity.actions
        if not self.is_open or self._held_up or is_full or self._targets[target] >= self._per_target:
            return False
        self._kept_free += 1
        self._targets[target] += 1
        return True

    def give_back(self, target: str) -> None:
        """What room was kept for has begun, or will not."""
        self._kept_free -= 1
        self._release(target)

    async def claim(self) -> int:
        """Begin what is due and fits; answers how many were begun."""
        claim = await self._claim(self._database.autocommit())
        begun = len(claim.actions) if claim else 0
        if claim and claim.together and (claim := await self._claim(self._database.transaction(), together=True)):
            begun += len(claim.actions)
        return begun

    async def _claim(
        self, connecting: AbstractAsyncContextManager[Connection], *, together: bool = False
    ) -> Claim | None:
        """Begin what fits now; what is told within the message of another is done with the claim of that one."""
        now, free = self._clock(), self._capacity.actions - len(self._running) - self._kept_free
        room = Room(free, self._per_target, self._targets) if free > 0 else Room(self._per_target, 1, self._targets)
        released = self._released
        async with connecting as conn:
            claim = await action_claims.claim(conn, self.node, now, self._capacity.lease, room, together=together)
            if claim and together:
                claim.actions[:], taken = await action_claims.gather(conn, claim.actions, now)
                await event_log.append(conn, [finished(one, "done", Reason.GROUPED, now, now) for one in taken])
        self.pause = SHORTEST_PAUSE
        if claim:
            self._held_up = claim.held_up
            if len(claim.actions) < room.most:
                self.pause = self._until(claim.next_due)
            elif len(claim.actions) < free:
                self.pause = 0.0
            if claim.held_up and released != self._released:
                self.pause = min(self.pause, SHORTEST_PAUSE)  # what it waited for has ended, and woke nobody
            for action in claim.actions:
                self.begin(action)
        return claim

    async def settle(self, seconds: float | None = None) -> None:
        """Wait until what is under way has ended; what has not by then is left to the lease."""
        if self._running:
            await asyncio.wait(list(self._running.values()), timeout=seconds)
        for task in list(self._running.values()):
            task.cancel()
        if self._running:
            await self._completion.stop()

    def begin(self, claimed: Claimed) -> None:
        """Attempt what this process has claimed, in a task of its own."""
        target = f"{claimed.verb} {claimed.target}"
        self._targets[target] += 1
        attempt = self._traced(claimed, self._tracing) if self._tracing else self._attempt(claimed)
        task = asyncio.create_task(attempt, name=f"action {claimed.id}")
        self._running[claimed.id] = task

        def ended(done: asyncio.Task[bool]) -> None:
            self._running.pop(claimed.id, None)
            self._release(target)
            error = None if done.cancelled() else done.exception()
            if error:
                log.error("worker.outcome_not_recorded", action=str(claimed.id), error=str(error))
            if self._held_up or error or done.cancelled() or done.result():
                self._woken.set()

        task.add_done_callback(ended)

    def _release(self, target: str) -> None:
        self._released += 1
        self._targets[target] -= 1
        if not self._targets[target]:
            del self._targets[target]

    async def _traced(self, claimed: Claimed, tracing: Tracing) -> bool:
        """Attempt it as part of the trace of what caused its run."""
        cause = None
        with suppress(Unavailable):
            async with self._database.autocommit() as conn:
                cause = await action_leases.cause_of(conn, claimed.run) if claimed.run else None
        about = {"provider": claimed.provider, "post": claimed.post, "rule": claimed.rule, "target": claimed.target}
        with tracing.acting(claimed.verb, cause, {**about, "action": str(claimed.id), "attempt": claimed.attempt}):
            return await self._attempt(claimed)

    async def _attempt(self, claimed: Claimed) -> bool:
        """Attempt the action and record the outcome; answers whether it will be attempted again."""
        began, clock = self._clock(), perf_counter()
        outcome = await self._perform(claimed, began)
        seconds = perf_counter() - clock
        ended = Ended.of(claimed, outcome, began, self._clock(), round(seconds * 1000))
        metrics.action_seconds.labels(claimed.verb).observe(seconds)
        metrics.actions.labels(claimed.verb, "put_off" if ended.waits else OUTCOMES[type(outcome)]).inc()
        held = await self._completion.record(ended)
        if self._tracing:
            self._tracing.ended(ended.state, outcome.reason)
        _tell(ended, held)
        return ended.due_at is not None

    async def _perform(self, claimed: Claimed, now: datetime) -> Outcome:
        performer = self._performers.get(claimed.verb)
        if performer is None:
            return Discard(Reason.NOT_CONFIGURED, f'nothing here performs "{claimed.verb}"')
        if claimed.attempt > 3 * POLICIES[claimed.verb].attempts:
            return Discard(Reason.LOST, "its process died at every attempt")
        try:
            return await performer.perform(claimed, now)
        except Exception as error:
            log.error("action.fault", action=str(claimed.id), verb=claimed.verb, exc_info=error)
            return Discard(Reason.INTERNAL, f"{type(error).__name__}: {error}", Exchange())

    def _until(self, due: datetime | None) -> float:
        """Seconds until the next action is due, at most the poll interval; what was due already waits for others."""
        poll = self._capacity.poll.total_seconds()
        return poll if due is None else min(max((due - self._clock()).total_seconds(), SHORTEST_PAUSE), poll)

    def rescue_now(self) -> None:
        """Put back at once what a dead process held."""
        self._somebody_died.set()

    async def tend(self) -> None:
        """Renew the leases of what is under way, and put back what dead processes held, on every node, until cancelled.

        At first too: what lapsed while nobody ran has waited long enough.
        """
        every = self._capacity.lease / 3

        async def look() -> float:
            async with self._database.transaction() as conn:
                await action_leases.renew(conn, self.node, self._capacity.lease, list(self._running))
                if rescued := await action_leases.rescue(conn, self._clock()):
                    log.warning("worker.rescued", actions=rescued)
            return every.total_seconds()

        await keep_stepping("leases", self._somebody_died, look, every)


def _tell(ended: Ended, held: bool) -> None:
    """Say in our own log what became of the action."""
    claimed, outcome = ended.claimed, ended.outcome
    said = {"action": str(claimed.id), "verb": claimed.verb, "target": claimed.target, "reason": str(outcome.reason)}
    if held and ended.waits:
        log.info("action.put_off", **said, detail=outcome.detail, until=ended.due_at)
    else:
        log.info("action.ended" if held else "action.lease_lost", **said, state=ended.state)
