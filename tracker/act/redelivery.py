"""Redelivery: ended actions are done once more by a plan that says which, how fast, and under which id.

What a plan is about is settled when it is made. Each batch is one transaction: the actions are asked for, the log says
so, and the plan has moved on, or none of it. A process that dies leaves the plan where it stands; any node goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from tracker.domain.actions import action_id
from tracker.domain.rate import Pace, Rate
from tracker.facts.own_facts import redelivered
from tracker.store.actions import actions, redeliveries
from tracker.store.actions.redeliveries import ENDED
from tracker.store.log import event_log
from tracker.store.wakeups import REDELIVERIES, keep_stepping

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from uuid import UUID

    from tracker.store.actions.redeliveries import Item, Redelivery
    from tracker.store.database import Connection, Database
    from tracker.store.wakeups import Wakeups


@dataclass(frozen=True, slots=True)
class Redeliverer:
    """Carries plans out, on as many nodes as there are, each batch once."""

    database: Database
    clock: Callable[[], datetime]
    poll: timedelta = timedelta(seconds=1)

    async def run(self, wakeups: Wakeups) -> None:
        """Carry out the plans that are due, until cancelled."""
        async with wakeups.on(REDELIVERIES) as woken:
            await keep_stepping("redelivery", woken, self._turn, self.poll)

    async def _turn(self) -> float:
        return 0 if await self.step() else await self._pause()

    async def step(self) -> bool:
        """One batch of the plan that has waited longest; answers whether there was one."""
        now = self.clock()
        async with self.database.transaction() as conn:
            plan = await redeliveries.take_due(conn, now)
            if plan is None:
                return False
            count, next_at = Pace(Rate.parse(plan.rate)).due(plan.next_at, now)
            items = await redeliveries.take_items(conn, plan.id, count)
            again = [(item, _again(plan, item)) for item in items]
            await _ask(conn, plan, again, now)
            await redeliveries.settle(conn, plan.id, [(item.number, asked) for item, asked in again], next_at, now)
        return True

    async def _pause(self) -> float:
        """Seconds until a plan goes on, at most the poll interval."""
        now = self.clock()
        async with self.database.connection() as conn:
            due = await redeliveries.next_due(conn, now)
        most = self.poll.total_seconds()
        return most if due is None else min(max((due - now).total_seconds(), 0.001), most)


async def _ask(conn: Connection, plan: Redelivery, again: Sequence[tuple[Item, UUID | None]], now: datetime) -> None:
    chosen = [(item, item.action, asked) for item, asked in again if item.action and asked]
    if not chosen:
        return
    if plan.fresh:
        await redeliveries.ask_anew(conn, [(asked, _key(plan, item), known.id) for item, known, asked in chosen], now)
    else:
        await actions.attempt_again(conn, [asked for *_, asked in chosen], now)
    await event_log.append(conn, [redelivered(known, plan.id, asked, now) for _, known, asked in chosen])


def _again(plan: Redelivery, item: Item) -> UUID | None:
    """The id of the action that does the item once more; None when it is under way by now, or kept no longer."""
    known = item.action
    if known is None or known.state not in ENDED:
        return None
    return action_id(_key(plan, item)) if plan.fresh else known.id


def _key(plan: Redelivery, item: Item) -> str:
    return f"redelivery:{plan.id}:{item.of}"
