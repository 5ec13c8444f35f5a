"""Plans: an order about many posts or actions is given for each in its turn, as if somebody did so by hand.

What a plan is about is settled when it is made. Each batch is one transaction: the orders are given, the log says so,
and the plan has moved on, or none of it. A process that dies leaves the plan where it stands; any node goes on.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from glob import escape
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from msgspec.structs import replace

from tracker.domain.rate import Pace, Rate
from tracker.domain.runs.engine_state import Silence
from tracker.errors import NotFound, Rejected
from tracker.facts import commands
from tracker.facts.planning import make_plan
from tracker.queries.paging import compiled
from tracker.queries.plans import PlannedOut, next_of_plan, plan_out, try_order, which_ones
from tracker.queries.post_filters import require_provider
from tracker.runtime import metrics
from tracker.store.actions import plans
from tracker.store.wakeups import PLANS, keep_stepping

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

    from tracker.domain.plans import Order
    from tracker.domain.posts.post import Post
    from tracker.queries.plans import Item
    from tracker.store.actions.plans import Plan
    from tracker.store.database import Connection, Database
    from tracker.store.wakeups import Wakeups

ORDERED = "ordered"
PASSED_OVER = 50
"""Beside those that are due, so many are looked at in one batch: whoever is passed over takes no time of the pace."""


async def give_order(
    conn: Connection, order: Order, by: str, now: datetime, provider_names: Collection[str], *, dry_run: bool
) -> PlannedOut:
    """What would come of the order; unless it is a `dry_run`, the plan that it becomes stands with it.

    Raises BadParameter where a filter cannot be used, and Rejected as `make_plan` does.
    """
    which, provider = which_ones(order, now), order.filters.get("provider")
    if provider and order.subject == "posts":
        await require_provider(conn, str(provider), provider_names)
    planned = await try_order(conn, order, which)
    if dry_run:
        return planned
    return replace(planned, plan=plan_out(await make_plan(conn, order, compiled(which), by, now), now))


@dataclass(frozen=True, slots=True)
class PlanRunner:
    """Carries plans out, on as many nodes as there are, each batch once."""

    database: Database
    clock: Callable[[], datetime]
    poll: timedelta = timedelta(seconds=1)

    async def run(self, wakeups: Wakeups) -> None:
        """Carry out the plans that are due, until cancelled."""
        async with wakeups.on(PLANS) as woken:
            await keep_stepping("plans", woken, self._turn, self.poll)

    async def _turn(self) -> float:
        return 0 if await self.step() else await self._pause()

    async def step(self) -> bool:
        """One batch of the plan that has waited longest; answers whether there was one."""
        now = self.clock()
        async with self.database.transaction() as conn:
            plan = await plans.take_due(conn, now)
            if plan is None:
                return False
            pace = Pace(Rate.parse(plan.pace))
            due, next_at = pace.due(plan.next_at, now)
            had_turn: dict[int, UUID | None] = {}
            reasons, left = Counter[str](), due
            for item in await next_of_plan(conn, plan, due + PASSED_OVER):
                if left == 0:
                    break
                had_turn[item.number], reason = await _order(conn, plan, item, now)
                reasons[reason or ORDERED] += 1
                left -= reason is None
            skipped = Counter(plan.skipped) + reasons
            del skipped[ORDERED]
            await plans.settle(conn, plan, had_turn, skipped, next_at - left * pace.gap, now)
        for reason, number in reasons.items():
            metrics.plan_turns.labels(plan.subject, plan.verb, reason).inc(number)
        return True

    async def _pause(self) -> float:
        """Seconds until a plan goes on, at most the poll interval."""
        now = self.clock()
        async with self.database.connection() as conn:
            due = await plans.next_due(conn, now)
        most = self.poll.total_seconds()
        return most if due is None else min(max((due - now).total_seconds(), 0.001), most)


async def _order(conn: Connection, plan: Plan, item: Item, now: datetime) -> tuple[UUID | None, str | None]:
    """What the order is carried out by, or why it is not given."""
    if item.passed_over:
        return None, item.passed_over
    try:
        if item.post:
            return await _order_of_post(conn, plan, item.post, now)
        return await _order_of_action(conn, plan, item.action or plan.id, now), None
    except NotFound:
        return None, "gone"
    except Rejected as refusal:  # what has happened since it was read
        return None, "under_way" if refusal.code in ("under_way", "not_ended", "not_open") else refusal.code


async def _order_of_post(conn: Connection, plan: Plan, post: Post, now: datetime) -> tuple[UUID | None, str | None]:
    if plan.verb == "silence":
        if plan.until is None or plan.until <= now:
            return None, "over"
        match = {"provider": escape(post.provider), "post": escape(post.id)}
        silence = Silence(uuid4(), match, now, plan.until, plan.by, plan.note)
        await commands.begin_silence(conn, silence, plan.id)
        return silence.id, None
    ask = commands.retry_post if plan.verb == "retry" else commands.reconcile_post
    return await ask(conn, post, plan.by, now, plan.id), None


async def _order_of_action(conn: Connection, plan: Plan, action: UUID, now: datetime) -> UUID:
    if plan.verb == "redeliver":
        return await commands.redeliver_action(conn, action, now, plan.id)
    if plan.verb == "retry":
        await commands.retry_action(conn, action, now, plan.id, done_too=plan.include_all)
    else:
        await commands.discard_action(conn, action, now, plan.id)
    return action
