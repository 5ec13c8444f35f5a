"""A provider that falls silent is told of once, rules react, and so is its return."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.integration.corridor import Corridor
from tests.integration.told import NOON, PROVIDER, told
from tracker.reconcile import silence_monitor
from tracker.rulebook import load_text
from tracker.store.calls import provider_heartbeats

if TYPE_CHECKING:
    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

HOUR = 3600
RULES = """
[rule.silent]
on  = "provider.silent"
per = "provider"
do  = [{ alert = "ops", title = "{{ post.provider }} is silent" }]

[rule.heard]
on  = "provider.heard"
per = "provider"
do  = [{ alert = "ops", title = "{{ post.provider }} is back" }]
"""


async def looked(corridor: Corridor, hour: float, patience: timedelta | None = None) -> list[str]:
    """The titles of the alerts that went out when one looks then."""
    corridor.at, before = hour * HOUR, len(corridor.world.performed)
    await silence_monitor.check_silence(corridor.database, {PROVIDER: patience}, corridor.now())
    await corridor.settle()
    return [claimed.alert.title for claimed in corridor.world.performed[before:]]


async def hear(corridor: Corridor, hour: float) -> None:
    corridor.at = hour * HOUR
    await corridor.tell(told(f"p{hour}", "published", round(corridor.at)))


async def test_a_silence_longer_than_the_rhythm_is_told_once_and_so_is_its_end(database: Database) -> None:
    """Something comes every four hours, for three days: six hours of silence are still usual."""
    corridor = await Corridor(database, load_text(RULES).index.by_id.values()).open()
    for hour in range(0, 73, 4):
        await hear(corridor, hour)
    assert await looked(corridor, 77) == []
    assert await looked(corridor, 78.5) == [f"{PROVIDER} is silent"]
    assert await looked(corridor, 90) == []
    await hear(corridor, 91)
    assert await looked(corridor, 91.1) == [f"{PROVIDER} is back"]
    assert await looked(corridor, 92) == []


async def test_a_rhythm_that_is_not_known_yet_alarms_nobody_but_a_set_limit_does(database: Database) -> None:
    corridor = await Corridor(database, load_text(RULES).index.by_id.values()).open()
    await hear(corridor, 0)
    assert await looked(corridor, 40) == []
    assert await looked(corridor, 40, timedelta(hours=41)) == []
    assert await looked(corridor, 42, timedelta(hours=41)) == [f"{PROVIDER} is silent"]


async def test_the_last_webhook_is_known_before_anybody_has_looked_and_after_it_left_the_end_of_the_log(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Newest by when it came: what we ask and do ourselves is no webhook, and an old day counts no longer."""
    corridor = await Corridor(database, []).open()
    await hear(corridor, 0)
    await hear(corridor, 1)

    async def last(since: float) -> dict[str, datetime]:
        async with database.connection() as conn:
            return await provider_heartbeats.last_of_each(conn, [PROVIDER, "other"], NOON + timedelta(hours=since))

    assert await last(-1) == {PROVIDER: NOON + timedelta(hours=1)}
    assert await last(1.5) == {}
    await looked(corridor, 2)
    monkeypatch.setattr(provider_heartbeats, "LOOKED_THROUGH", 0)
    assert await last(-1) == {PROVIDER: NOON + timedelta(hours=1)}


async def test_what_we_do_ourselves_is_no_sign_of_life(database: Database) -> None:
    corridor = await Corridor(database, load_text(RULES).index.by_id.values()).open()
    await hear(corridor, 0)
    assert await looked(corridor, 2, timedelta(hours=1)) == [f"{PROVIDER} is silent"]
    assert await looked(corridor, 3, timedelta(hours=1)) == []
