"""Rule files that are edited under a running service: what changes, what stays, and what a bad file does (nothing)."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.integration.corridor import Corridor
from tests.integration.told import told
from tests.waiting import until
from tracker.process.active_rules import ActiveRules
from tracker.settings import Settings, load_settings
from tracker.store.wakeups import RULES, Wakeups

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tracker.store.database import Connection, Database

pytestmark = pytest.mark.anyio

STUCK = '[rule.stuck]\nwhile = { state = "publishing" }\nfor = "15m"\ndo = [{ alert = "ops", title = "stuck" }]\n'


class Following:
    """Rules in force that follow their files, and what the processor was told about them."""

    def __init__(self, folder: Path, database: Database) -> None:
        (folder / "rules").mkdir()
        (folder / "config.toml").write_text('[channels.ops]\nkind = "log"\n')
        self.file, self.database = folder / "rules" / "all.toml", database
        self.file.write_text(STUCK)
        settings: Settings = load_settings(folder / "config.toml", {})
        self.rules = ActiveRules(settings)
        self.corridor = Corridor(database, [])
        self.corridor.processor.reactor._rules = self.rules.index
        self.wakeups, self.looked = Wakeups(database.dsn), asyncio.Event()
        self.armed: list[dict[str, tuple[int, int]]] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Following]:
        await self.corridor.open()
        task = asyncio.create_task(
            self.rules.follow(self.database, self.wakeups, self._changed, timedelta(milliseconds=20))
        )
        try:
            await self.looked.wait()
            yield self
        finally:
            task.cancel()

    async def edit(self, text: str, *, refused: bool = False) -> None:
        """Write the file, and wait until somebody has looked at it."""
        self.looked.clear()
        self.file.write_text(text)
        self.wakeups.wake(RULES)
        await until(lambda: self.rules.faults() if refused else self.looked.is_set(), "somebody looks")

    async def timers(self) -> list[tuple[object, ...]]:
        return await self.corridor.rows("select rule, due_at, meaning from timers")

    async def _changed(self, conn: Connection) -> None:
        self.armed.append(await self.corridor.processor.reactor.arm_standing(conn))
        self.looked.set()


async def test_an_edit_of_looks_keeps_every_timer(tmp_path: Path, database: Database) -> None:
    async with Following(tmp_path, database).running() as following:
        await following.corridor.tell(told("p1", "publishing", 1))
        before = await following.timers()
        await following.edit("# a remark\n" + STUCK)
        assert await following.timers() == before != []
        assert following.armed[-1] == {}


async def test_a_real_edit_says_what_it_cancels_and_what_it_arms(tmp_path: Path, database: Database) -> None:
    async with Following(tmp_path, database).running() as following:
        await following.corridor.tell(told("p1", "publishing", 1), told("p2", "publishing", 2))
        before = await following.timers()
        await following.edit(STUCK.replace("15m", "30m"))
        assert following.armed[-1] == {"stuck": (2, 2)}
        later = {row[1] + timedelta(minutes=15) for row in before}  # type: ignore[operator]  # due_at is a moment

        async def are_later() -> bool:
            return {row[1] for row in await following.timers()} == later

        await until(are_later, "it is committed")


async def test_a_bad_file_changes_nothing_and_is_named(tmp_path: Path, database: Database) -> None:
    async with Following(tmp_path, database).running() as following:
        await following.corridor.tell(told("p1", "publishing", 1))
        before = await following.timers()
        await following.edit(STUCK.replace("while", "whiel"), refused=True)
        said = [str(fault) for fault in following.rules.faults()]
        assert f'{following.file}:2:1: rule.stuck.whiel: a rule has no such key (did you mean "while"?)' in said
        assert await following.timers() == before
        assert [rule.id for rule in following.rules.index()] == ["stuck"]
        await following.edit(STUCK)
        assert following.rules.faults() == ()


async def test_a_rule_that_is_new_waits_for_what_was_there_before_it(tmp_path: Path, database: Database) -> None:
    async with Following(tmp_path, database).running() as following:
        await following.corridor.tell(told("p1", "publishing", 1))
        await following.edit(STUCK + STUCK.replace("rule.stuck", "rule.other"))
        assert following.armed[-1] == {"other": (0, 1)}
        assert {row[0] for row in await following.timers()} == {"stuck", "other"}
