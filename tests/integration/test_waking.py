"""Whoever waits is woken once it is committed, here and elsewhere, and no transaction that does work notifies."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest

import tracker
from tests.integration.told import told
from tracker.store.database import Database
from tracker.store.log.event_log import append
from tracker.store.reactions import rule_book
from tracker.store.wakeups import EVENTS, RULES, Wakeups

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.anyio

PATIENCE = 20


@pytest.fixture
async def elsewhere(database_url: str) -> AsyncIterator[Wakeups]:
    """Another process, which hears of everything by notifications."""
    async with Wakeups(database_url).listening() as listening, listening.on(EVENTS) as woken:
        await asyncio.wait_for(woken.wait(), PATIENCE)  # it is set when the listening has begun
        yield listening


async def test_other_processes_are_woken_after_an_append(database: Database, elsewhere: Wakeups) -> None:
    async with elsewhere.on(EVENTS) as woken, database.connection() as conn:
        await append(conn, [told("p1", "published", 1)])
        await asyncio.wait_for(woken.wait(), PATIENCE)


async def test_a_repeated_delivery_wakes_nobody(database: Database) -> None:
    heard: list[str] = []
    database.waker.listeners.add(heard.append)
    async with database.connection() as conn:
        await append(conn, [told("p1", "published", 1)])
        await append(conn, [told("p1", "published", 1)])
    assert heard == [EVENTS]


async def test_nobody_is_woken_before_the_commit_and_this_process_at_once_with_it(database: Database) -> None:
    heard: list[str] = []
    database.waker.listeners.add(heard.append)
    async with database.transaction() as conn:
        await append(conn, [told("p1", "published", 1)])
        await rule_book.clear_switch(conn, "a-rule")
        assert heard == []
    assert sorted(heard) == sorted([EVENTS, RULES])


async def test_what_was_rolled_back_wakes_nobody(database: Database) -> None:
    heard: list[str] = []
    database.waker.listeners.add(heard.append)

    async def fail() -> None:
        async with database.transaction() as conn:
            await append(conn, [told("p1", "published", 1)])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with database.transaction() as conn:
        await conn.execute("select 1")
    assert heard == []


async def test_whoever_leaves_at_once_has_told_others_before(database_url: str, elsewhere: Wakeups) -> None:
    """As a command does that appends and ends."""
    async with elsewhere.on(EVENTS) as woken:
        async with Database.open(database_url, size=2) as database, database.transaction() as conn:
            await append(conn, [told("p1", "published", 1)])
        await asyncio.wait_for(woken.wait(), PATIENCE)


async def test_a_process_hears_of_its_own_commit_once(database: Database, database_url: str) -> None:
    """And not once more when its own notification comes back."""
    async with Wakeups(database_url, database.waker).listening() as here, here.on(EVENTS) as woken:
        await asyncio.wait_for(woken.wait(), PATIENCE)
        async with Wakeups(database_url).listening() as there, there.on(RULES) as last, here.on(RULES) as own:
            await asyncio.wait_for(last.wait(), PATIENCE)
            last.clear()
            own.clear()
            woken.clear()
            async with database.connection() as conn:
                await append(conn, [told("p1", "published", 1)])
            assert woken.is_set()
            woken.clear()
            async with database.transaction() as conn:
                await rule_book.clear_switch(conn, "a-rule")
            await asyncio.wait_for(last.wait(), PATIENCE)
            other = await asyncpg.connect(database_url)
            own.clear()
            await other.execute(f"notify {RULES}")
            await asyncio.wait_for(own.wait(), PATIENCE)
            await other.close()
            assert not woken.is_set()


async def test_it_is_told_again_after_the_connection_for_it_was_cut(
    database: Database, database_url: str, elsewhere: Wakeups
) -> None:
    async with elsewhere.on(EVENTS) as woken, database.connection() as conn:
        await append(conn, [told("p1", "published", 1)])
        await asyncio.wait_for(woken.wait(), PATIENCE)
        await conn.fetch(
            "select pg_terminate_backend(pid) from pg_stat_activity where pid = $1", database.waker.backend
        )
        for number in range(2, 1000):
            woken.clear()
            await append(conn, [told(f"p{number}", "published", number)])
            try:
                await asyncio.wait_for(woken.wait(), 0.2)
            except TimeoutError:
                continue
            break
        else:
            pytest.fail("nobody was told any more")


def test_one_place_alone_notifies() -> None:
    """A NOTIFY inside of a transaction that does work would have all commits of the cluster wait for each other."""
    package = Path(tracker.__file__).parent
    files = [*package.rglob("*.py"), *(package.parent / "migrations").rglob("*.py")]
    notifies = re.compile(r"pg_notify|\bnotify tracker_", re.IGNORECASE)
    notifying = {file.name for file in files if notifies.search(file.read_text())}
    assert notifying == {"waking.py"}
