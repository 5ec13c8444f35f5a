"""A corridor on a real database: processor and worker, stepped by the test, on the test's clock."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from msgspec.structs import replace

from tests.integration.told import NOON, PROVIDER, Reader
from tracker.act.worker import Worker
from tracker.domain.actions import Done, Outcome
from tracker.domain.rules.rule import Rule
from tracker.domain.rules.rule_index import RuleIndex
from tracker.facts.codec import fact_readers
from tracker.process import processor
from tracker.process.processor import Processor
from tracker.store.checkpoints import assignments
from tracker.store.log.event_log import append
from tracker.store.log.feed import beginning

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tracker.domain.actions import Claimed
    from tracker.providers.base import FactReader
    from tracker.store.database import Database
    from tracker.store.log.event_log import Incoming

READERS = fact_readers({PROVIDER: Reader()})


class World:
    """The far end of every action: it answers as told (done, otherwise), and counts."""

    def __init__(self) -> None:
        self.performed: list[Claimed] = []
        self.answers: dict[str, list[Outcome]] = defaultdict(list)

    async def perform(self, claimed: Claimed, now: datetime) -> Outcome:
        self.performed.append(claimed)
        return self.answers[claimed.verb].pop(0) if self.answers[claimed.verb] else Done()

    @property
    def verbs(self) -> Counter[str]:
        return Counter(claimed.verb for claimed in self.performed)


class Corridor:
    """`at` is the present, in seconds after noon."""

    def __init__(
        self, database: Database, rules: Iterable[Rule], node: str = "only", readers: Mapping[str, FactReader] = READERS
    ) -> None:
        self.database, self.rules, self.at, self.world = database, RuleIndex(rules), 0.0, World()
        self.processor = Processor(database, node, self.now, readers, lambda: self.rules)
        verbs = ("alert", "send", "retry", "reconcile", "cancel", "reschedule", "delete", "create")
        performers = dict.fromkeys(verbs, self.world)
        self.worker = Worker(database, performers, node, self.now)

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.at)

    async def open(self) -> Corridor:
        async with self.database.transaction() as conn:
            await assignments.create(conn, processor.NAME, beginning(1))
            await self.processor.reactor.arm_standing(conn)
        await self.processor.tend()
        return self

    async def arm(self) -> None:
        """Other rules may be in force now."""
        async with self.database.transaction() as conn:
            await self.processor.reactor.arm_standing(conn)

    async def keep(self, *events: Incoming) -> None:
        async with self.database.connection() as conn:
            for event in events:
                await append(conn, [replace(event, received_at=self.now())])

    async def tell(self, *events: Incoming) -> None:
        """Keep, and let everything follow that follows."""
        await self.keep(*events)
        await self.settle()

    async def settle(self) -> None:
        """Until nobody has anything left to do at this moment."""
        while True:
            await self.processor.drain()
            handed_over = any(task.get_name().startswith("action ") for task in asyncio.all_tasks())
            if not await self.worker.claim() and not handed_over:
                return
            await self.worker.settle()

    async def wait_until(self, at: float) -> None:
        self.at = at
        await self.settle()

    async def rows(self, query: str) -> list[tuple[object, ...]]:
        async with self.database.connection() as conn:
            return [tuple(row) for row in await conn.fetch(query)]
