"""A `while` rule that is new waits from when it is there, and only if it asks counts what was before."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.integration.corridor import Corridor
from tests.integration.told import NOON, told
from tracker.domain.rules.rule_index import RuleIndex
from tracker.rulebook import load_text

if TYPE_CHECKING:
    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

HANGS = """
[rule.hangs]
while = { state = "publishing" }
for   = "10m"
do    = [{ alert = "ops", title = "{{ post.id }} for {{ run.held }}" }]
"""
HOUR = 3600


def loaded(text: str) -> RuleIndex:
    book = load_text(text)
    assert not book.faults
    return book.index


async def an_hour_later(database: Database, text: str) -> Corridor:
    """A post has been at it for an hour when the rules are put in force."""
    corridor = await Corridor(database, []).open()
    await corridor.tell(told("old", "publishing", 0))
    corridor.at, corridor.rules = HOUR, loaded(text)
    await corridor.arm()
    await corridor.settle()
    return corridor


def titles(corridor: Corridor) -> list[str]:
    return [claimed.alert.title for claimed in corridor.world.performed]


async def test_it_waits_from_when_it_is_there(database: Database) -> None:
    corridor = await an_hour_later(database, HANGS)
    await corridor.tell(told("new", "publishing", HOUR))
    await corridor.wait_until(HOUR + 599)
    assert titles(corridor) == []
    await corridor.wait_until(HOUR + 601)
    assert sorted(titles(corridor)) == ["new for 10m", "old for 1h10m"]


async def test_since_entered_asks_for_the_old_ones(database: Database) -> None:
    corridor = await an_hour_later(database, HANGS + 'since = "entered"\n')
    assert titles(corridor) == ["old for 1h"]


async def test_what_happens_to_the_post_meanwhile_does_not_shorten_the_wait(database: Database) -> None:
    corridor = await an_hour_later(database, HANGS)
    await corridor.tell(told("old", "publishing", HOUR + 60, targets={"x": "publishing"}))
    await corridor.wait_until(HOUR + 599)
    assert titles(corridor) == []
    await corridor.wait_until(HOUR + 601)
    assert titles(corridor) == ["old for 1h10m"]


async def test_an_edit_and_a_restart_keep_what_has_been_waited(database: Database) -> None:
    corridor = await an_hour_later(database, HANGS)
    corridor.at = HOUR + 300
    again = Corridor(database, [])
    again.at, again.rules = corridor.at, loaded(HANGS.replace("for {{", "since {{"))
    await again.open()
    assert await again.rows("select due_at from timers") == [(NOON + timedelta(seconds=HOUR + 600),)]


async def test_one_that_was_away_is_new_again(database: Database) -> None:
    corridor = await an_hour_later(database, HANGS)
    for rules in (RuleIndex(), loaded(HANGS)):
        corridor.at, corridor.rules = corridor.at + 300, rules
        await corridor.arm()
    assert await corridor.rows("select due_at from timers") == [(NOON + timedelta(seconds=HOUR + 1200),)]


def test_that_it_asks_for_the_old_ones_is_said_at_load() -> None:
    (warning,) = load_text(HANGS + 'since = "entered"\n', "r.toml").warnings
    assert str(warning) == (
        "r.toml:6:9: rule.hangs.since: asks for the old ones too: whatever has been in that state for so long is told"
        " of as soon as the rule is in force"
    )
    other = HANGS.replace('while = { state = "publishing" }\nfor   = "10m"', 'on = "post.failed"\nsince = "entered"')
    assert any('since: goes with "while"' in str(fault) for fault in load_text(other).faults)
