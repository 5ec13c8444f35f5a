"""A clock that was ahead by a day and is right again: nothing is held back for as long as it was ahead."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from tests.integration.corridor import Corridor
from tests.integration.told import NOON, PROVIDER, told
from tracker.domain.runs.engine_state import Pause
from tracker.queries import health
from tracker.reconcile import silence_monitor
from tracker.rulebook import load_text
from tracker.store.reactions import holds

if TYPE_CHECKING:
    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

DAY, MINUTE = 86_400, timedelta(minutes=1)
ONCE = """
[rule.failures]
on   = "post.failed"
per  = "provider"
once = "5s"
do   = [{ alert = "ops", title = "{{ post.id }}" }]
"""
BUDGET = """
[rule.failures]
on     = "post.failed"
budget = "2 in 1h"
do     = [{ alert = "ops", title = "{{ post.id }}" }]
"""
PAUSE = """
[rule.outage]
on  = "post.partial"
per = "provider"
do  = [{ pause = "failures", for = "30m" }]

[rule.failures]
on = "post.failed"
do = [{ alert = "ops", title = "{{ post.id }}" }]
"""


async def begun(database: Database, rules: str) -> Corridor:
    return await Corridor(database, load_text(rules).index.by_id.values()).open()


async def fail(corridor: Corridor, at: float, *posts: str, state: str = "failed") -> list[str]:
    """What people are told when these posts fail then."""
    corridor.at, before = at, len(corridor.world.performed)
    for post in posts:
        await corridor.tell(told(post, state, round(at)))
    return [claimed.alert.title for claimed in corridor.world.performed[before:]]


async def test_a_cooldown_counts_from_no_firing_that_is_still_to_come(database: Database) -> None:
    """And that one was overlooked is said, by the log and by what the doctor asks."""
    corridor = await begun(database, ONCE)
    assert await fail(corridor, DAY, "a") == ["a"]
    with capture_logs() as lines:
        assert await fail(corridor, 10, "b") == ["b"]
        assert await fail(corridor, 12, "c") == []
        assert await fail(corridor, 16, "d") == ["d"]
    said = [line for line in lines if line["event"] == "rules.clock_was_ahead"]
    assert {(line["rule"], line["key"], line["fired_at"]) for line in said} == {
        ("failures", PROVIDER, (NOON + timedelta(days=1)).isoformat())
    }
    async with database.connection() as conn:
        assert await health.fired_after(conn, corridor.now()) == {"failures": NOON + timedelta(days=1)}
    told = await corridor.rows("select detail from firings where cause <> '' and outcome = 'fired' order by fired_at")
    overlooked = "a firing of 2026-11-11 12:00:00 UTC counts as none: the clock was ahead"
    assert told == [(overlooked,), (overlooked,), (None,)]


async def test_a_firing_that_another_node_dated_a_little_ahead_counts(database: Database) -> None:
    corridor = await begun(database, ONCE.replace("5s", "1h"))
    assert await fail(corridor, 40, "a") == ["a"]
    assert await fail(corridor, 0, "b") == []


async def test_a_firing_that_lies_further_ahead_than_the_cooldown_is_long_does_not(database: Database) -> None:
    """Nor does it hide the one from which the cooldown counts."""
    corridor = await begun(database, ONCE)
    assert await fail(corridor, 40, "a") == ["a"]
    assert await fail(corridor, 0, "b") == ["b"]
    assert await fail(corridor, 2, "c") == []
    assert await fail(corridor, 6, "d") == ["d"]


async def test_a_budget_is_not_spent_by_what_is_still_to_come(database: Database) -> None:
    """Nor does the rule stay held, which had used it up then; and it is held anew when it uses it up now."""
    corridor = await begun(database, BUDGET)
    assert (await fail(corridor, DAY, "a", "b", "c"))[:2] == ["a", "b"]
    found = await fail(corridor, 10, "d", "e", "f")
    assert found[:2] == ["d", "e"]
    assert "is held until 2026-11-10 13:00:10 UTC" in found[2]
    assert await fail(corridor, 20, "g") == []
    assert await fail(corridor, 2 * 3600, "h") == ["h"]


async def test_a_pause_that_is_still_to_begin_holds_nothing(database: Database) -> None:
    corridor = await begun(database, PAUSE)
    await fail(corridor, DAY, "a", state="partial")
    assert await fail(corridor, DAY, "b") == []
    assert await fail(corridor, 10, "c") == ["c"]
    await fail(corridor, 20, "d", state="partial")
    assert await fail(corridor, 30, "e") == []
    assert await fail(corridor, 2000, "f") == ["f"]


async def test_a_pause_of_an_earlier_version_holds_as_it_did(database: Database) -> None:
    """Since when it holds is not known, and a longer one is not made shorter."""
    async with database.connection() as conn:
        await holds.hold(conn, [Pause("r", "", NOON + 20 * MINUTE, "x")])
        await holds.hold(conn, [Pause("r", "", NOON + 10 * MINUTE, "x", NOON)])
        (found,) = (await holds.in_force(conn, NOON, NOON)).pauses
    assert found == Pause("r", "", NOON + 20 * MINUTE, "x", NOON)


async def test_a_provider_that_was_heard_in_the_future_can_fall_silent(database: Database) -> None:
    corridor = await begun(database, ONCE)
    for at in (DAY, 100):
        await fail(corridor, at, f"p{at}")
        await silence_monitor.check_silence(database, {PROVIDER: timedelta(hours=1)}, corridor.now())
    corridor.at = 2 * 3600
    with capture_logs() as lines:
        await silence_monitor.check_silence(database, {PROVIDER: timedelta(hours=1)}, corridor.now())
    (said,) = [line for line in lines if line["event"] == "provider.silent"]
    assert said["heard_at"] == (NOON + timedelta(seconds=100)).isoformat()
