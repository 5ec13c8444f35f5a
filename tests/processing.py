"""A processor, without rules if none are given, on a test's database, stepped by the test."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integration.told import NOON
from tracker.domain.rules.rule_index import RuleIndex
from tracker.process import processor
from tracker.process.processor import Pace, Processor
from tracker.store.checkpoints import assignments
from tracker.store.log.feed import beginning

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from tracker.providers.base import FactReader
    from tracker.store.database import Database

USUAL = Pace()
NO_RULES = RuleIndex(())


async def a_processor(
    database: Database,
    readers: Mapping[str, FactReader],
    node: str = "only",
    pace: Pace = USUAL,
    clock: Callable[[], datetime] = lambda: NOON,
    rules: RuleIndex = NO_RULES,
) -> Processor:
    """One that has not tended yet; the log is to be read from its beginning."""
    async with database.transaction() as conn:
        await assignments.create(conn, processor.NAME, beginning(1))
    return Processor(database, node, clock, readers, lambda: rules, pace)
