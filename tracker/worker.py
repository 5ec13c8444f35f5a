"""The worker: claims what is due, does it, and records how it ended, fenced by the lease it was claimed under.

The attempt is on record before the call goes out. A process that dies in the middle leaves its lease to lapse, and
any node puts the action back as lost, which tells the next attempt that nobody knows whether it happened.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

import structlog

from tracker import telemetry
from tracker.domain.action import POLICIES, Discard, Done, Exchange, Reason, Retry, Unknown, next_attempt
from tracker.errors import Unavailable
from tracker.operations import answered, continued, finished
from tracker.store import actions, alerts, event_log
from tracker.store.wakeups import ACTIONS, wait

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from uuid import UUID

    from tracker.domain.action import Claimed, Outcome
    from tracker.store.database import Database
    from tracker.store.wakeups import Wakeups

log = structlog.get_logger(__name__)

OUTCOMES = {Done: "done", Retry: "retry", Discard: "discard", Unknown: "unknown"}


class Performer(Protocol):
    """Does one verb."""

    async def perform(self, claimed: Claimed, now: datetime) -> Outcome:
        """Attempt it once; an outcome is a value, and only a fault of our own is an exception."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """How much at once, in all and for one target, so that a target that hangs does not hold up the others.

    One target has at most half of it all. When that is used up, each target for which nothing is under way may still
    begin one action: however many targets hang, another is not delayed.
    """

    actions: int = 64
    per_target: int = 16
    per_claim: int = 16
    lease: timedelta = timedelta(seconds=30)
    poll: timedelta = timedelta(seconds=1)


class Worker:
    """Performs actions on one node."""

    def __init__(
        self,
        database: Database,
        performers: Mapping[str, Performer],
        node: str,
        clock: Callable[[], datetime],
        capacity: Capacity = Capacity(),
    ) -> None:
        self._database, self._performers, self._node, self._clock = database, performers, node, clock
        self._capacity = capacity
        self._per_target = min(capacity.per_target, max(1, capacity.actions // 2))
        self._running: dict[UUID, asyncio.Task[None]] = {}
        self._targets: Counter[str] = Counter()
        self._looked, self._woken = clock(), asyncio.Event()

    async def run(self, wakeups: Wakeups) -> None:
        """Until cancelled; what is under way then has ten seconds to end."""
        tending = asyncio.create_task(self._tend(), name="worker.leases")
        try:
            async with wakeups.on(ACTIONS) as self._woken:
                while True:
                    try:
                        if not await self.claim():
                            await wait(self._woken, await self._pause())
                    except Unavailable as error:
                        log.warning("worker.waiting", error=str(error))
                        await wait(self._woken, self._capacity.poll.total_seconds())
        finally:
            tending.cancel()
            await self.settle(10)

    async def claim(self) -> int:
        """Begin what is due and fits; answers how many were begun."""
        self._looked = now = self._clock()
        room = min(self._capacity.actions - len(self._running), self._capacity.per_claim, self._per_target)
        most = self._per_target if room > 0 else 1
        busy = [target for target, count in self._targets.items() if count >= most]
        async with self._database.transaction() as conn:
            claimed = await actions.claim(conn, self._node, now, self._capacity.lease, max(room, 1), busy)
            claimed, taken = await alerts.gather(conn, claimed, now)
            if taken:
                facts = [finished(action, "done", Reason.GROUPED, now, now) for action in taken]
                await event_log.append(conn, facts)
        for action in claimed:
            self._begin(action)
        return len(claimed)

    async def settle(self, seconds: float | None = None) -> None:
        """Wait until what is under way has ended; what has not by then is left to the lease."""
        if self._running:
            await asyncio.wait(list(self._running.values()), timeout=seconds)
        for task in list(self._running.values()):
            task.cancel()

    def _begin(self, claimed: Claimed) -> None:
        target = f"{claimed.verb} {claimed.target}"
        self._targets[target] += 1
        task = asyncio.create_task(self._attempt(claimed), name=f"action {claimed.id}")
        self._running[claimed.id] = task

        def ended(done: asyncio.Task[None]) -> None:
            self._running.pop(claimed.id, None)
            self._targets[target] -= 1
            self._woken.set()
            if not done.cancelled() and (error := done.exception()):
                log.error("worker.outcome_not_recorded", action=str(claimed.id), error=str(error))

        task.add_done_callback(ended)

    async def _attempt(self, claimed: Claimed) -> None:
        began, clock = self._clock(), perf_counter()
        outcome = await self._perform(claimed, began)
        seconds = perf_counter() - clock
        telemetry.action_seconds.labels(claimed.verb).observe(seconds)
        waits = isinstance(outcome, Retry) and outcome.waits
        telemetry.actions.labels(claimed.verb, "put_off" if waits else OUTCOMES[type(outcome)]).inc()
        await self._record(claimed, outcome, began, round(seconds * 1000))

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

    async def _record(self, claimed: Claimed, outcome: Outcome, began: datetime, latency: int) -> None:
        """The attempt's end, the action's next state, and the fact about it, in one transaction."""
        now = self._clock()
        due = next_attempt(outcome, claimed.attempt, POLICIES[claimed.verb], now, claimed.idempotency_key)
        if due and isinstance(outcome, Retry) and outcome.waits and await self._put_off(claimed, outcome, due):
            return
        state = "pending" if due else {Done: "done", Unknown: "unknown"}.get(type(outcome), "dead")
        async with self._database.transaction() as conn:
            await actions.record_attempt(
                conn, claimed, OUTCOMES[type(outcome)], outcome.reason, _record_of(outcome), latency, now
            )
            held = await actions.finish(conn, claimed, state, outcome.reason, due, now)
            if held and isinstance(outcome, Done) and outcome.reference:
                await alerts.remember(conn, claimed.target, _told(claimed), outcome.reference, now)
            facts = [answered(claimed, learned, began, now)] if (learned := getattr(outcome, "learned", None)) else []
            facts += [finished(claimed, state, outcome.reason, began, now)] if held and not due else []
            if isinstance(outcome, Done) and outcome.continued_as:
                facts += continued(claimed, outcome.continued_as, began, now)
            if facts:
                await event_log.append(conn, facts)
        log.info(
            "action.ended" if held else "action.lease_lost",
            action=str(claimed.id), verb=claimed.verb, target=claimed.target, state=state, reason=str(outcome.reason),
        )  # fmt: skip

    async def _put_off(self, claimed: Claimed, outcome: Retry, due: datetime) -> bool:
        """What had to wait for others was no attempt; False where the lease is lost."""
        async with self._database.transaction() as conn:
            held = await actions.put_off(conn, claimed, outcome.reason, due)
        if held:
            log.info(
                "action.put_off", action=str(claimed.id), verb=claimed.verb, target=claimed.target,
                reason=str(outcome.reason), detail=outcome.detail, until=due,
            )  # fmt: skip
        return held

    async def _pause(self) -> float:
        """Seconds until the next action is due, at most the poll interval; what was due already waits for others."""
        async with self._database.connection() as conn:
            due = await actions.next_due(conn, self._looked)
        poll = self._capacity.poll.total_seconds()
        return poll if due is None else min(max((due - self._clock()).total_seconds(), 0.01), poll)

    async def _tend(self) -> None:
        """Renew the leases of what is under way, and put back what dead processes held, on every node."""
        while True:
            await asyncio.sleep(self._capacity.lease.total_seconds() / 3)
            try:
                async with self._database.transaction() as conn:
                    await actions.renew(conn, self._node, self._capacity.lease, list(self._running))
                    if rescued := await actions.rescue(conn, self._clock()):
                        log.warning("worker.rescued", actions=rescued)
            except Unavailable as error:
                log.warning("worker.waiting", error=str(error))


def _told(claimed: Claimed) -> set[str]:
    """The keys of the alerts that the action's message tells of."""
    others = claimed.payload.get("others")
    said = [claimed.payload, *(others if isinstance(others, list) else ())]
    return {str(one["key"]) for one in said if one.get("key")}


def _record_of(outcome: Outcome) -> Exchange:
    """What is remembered of the attempt: where nothing was answered, why it ended as it did."""
    if outcome.exchange.response is not None or not outcome.detail:
        return outcome.exchange
    return Exchange(outcome.exchange.request, {"detail": outcome.detail})
