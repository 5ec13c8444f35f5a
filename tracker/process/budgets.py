"""What rules have spent of their budgets; the past is counted only where a budget could be near its end.

How often a rule has fired in all is counted for good. So what was spent once, and what was added to that count since,
are together at least what is spent now: until they reach the budget, whoever fires on whichever node, nothing has to
be looked up.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from tracker.domain.clock import TOLERANCE
from tracker.store.reactions import firings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tracker.domain.rate import Rate
    from tracker.domain.rules.decision import Fire
    from tracker.store.database import Connection

MARGIN = timedelta(minutes=1)
"""Batches do not begin strictly in the order of time; what was counted this much further back still counts."""


@dataclass(frozen=True, slots=True)
class _Counted:
    """What there was since that moment, when the rule had fired `total` times in all."""

    since: datetime
    spent: int
    total: int


class Budgets:
    """What one process knows about them."""

    def __init__(self) -> None:
        self._counted: dict[str, _Counted] = {}

    async def spent(
        self, conn: Connection, fires: Sequence[Fire], earliest: datetime, now: datetime | None = None
    ) -> dict[str, list[datetime]]:
        """When rules fired within the span of their budgets, of those whose budget these firings could use up.

        Firings that are dated later than `now` are none: a clock was ahead.
        """
        budgets = {fire.rule.id: fire.rule.budget for fire in fires if fire.rule.budget}
        if not budgets:
            return {}
        more = Counter(fire.rule.id for fire in fires)
        totals = await firings.totals(conn, budgets)
        near = {
            rule: budget
            for rule, budget in budgets.items()
            if self._at_most(rule, budget, totals.get(rule, 0), earliest) + more[rule] >= budget.times
        }
        await self._count(conn, near, totals, earliest)
        close = {
            rule: budget for rule, budget in near.items() if self._counted[rule].spent + more[rule] >= budget.times
        }
        return await firings.spent(conn, close, earliest, (now or earliest) + TOLERANCE)

    def _at_most(self, rule: str, budget: Rate, total: int, earliest: datetime) -> int:
        known = self._counted.get(rule)
        if known is None or earliest - budget.per < known.since:
            return budget.times
        return known.spent + total - known.total

    async def _count(
        self, conn: Connection, budgets: dict[str, Rate], totals: dict[str, int], earliest: datetime
    ) -> None:
        """The totals were read before, so that what is added between the two is counted twice, and never not at all."""
        since = {rule: earliest - budget.per - MARGIN for rule, budget in budgets.items()}
        spent = await firings.counts(conn, since, [budget.times for budget in budgets.values()])
        for rule in budgets:
            self._counted[rule] = _Counted(since[rule], spent[rule], totals.get(rule, 0))
