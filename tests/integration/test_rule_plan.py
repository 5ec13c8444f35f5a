"""A plan says what becomes of timers and runs, and when the rules are then put in force, just that becomes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.corridor import Corridor
from tests.integration.told import told
from tracker.domain.rules.rule_index import RuleIndex
from tracker.queries.rule_plan import MOST_NAMED, RulePlan, rule_plan
from tracker.rulebook import load_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracker.domain.rules.rule import Rule
    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

STUCK = """
[rule.stuck]
while = { state = "publishing" }
for   = "15m"
when  = 'post.attempt < 9'
do    = [{ alert = "ops", title = "{{ post.id }} hangs" }]
"""
RETRY = """
[rule.retry]
on = "post.failed"
do = [{ retry = "publish", backoff = "10m" }, { wait = "cms.acked", at_most = "1d" }]
"""
WAITING = """
[rule.waiting]
on = "post.failed"
do = [{ wait = "cms.acked", at_most = "1d" }, { alert = "ops", title = "{{ post.id }}" }]
"""
CLOCK = """
[rule.clock]
every = "day 09:00 UTC"
do    = [{ alert = "ops", title = "good morning" }]
"""
LATE = """
[rule.late]
while = { state = "publishing" }
for   = "5m"
since = "entered"
do    = [{ alert = "ops", title = "{{ post.id }} is late" }]
"""
BEFORE = STUCK + RETRY + WAITING + CLOCK


def rules_of(text: str) -> Sequence[Rule]:
    book = load_text(text)
    assert not book.faults
    return book.rules


async def planned(corridor: Corridor, text: str) -> list[RulePlan]:
    async with corridor.database.snapshot() as conn:
        return await rule_plan(conn, rules_of(text), corridor.now())


async def a_corridor(database: Database) -> Corridor:
    """Two posts are at it, the third has failed; nine minutes have passed."""
    corridor = await Corridor(database, rules_of(BEFORE)).open()
    await corridor.tell(told("p1", "publishing", 1), told("p2", "publishing", 2), told("p3", "failed", 3))
    await corridor.wait_until(540)
    return corridor


EDITS = {
    "nothing": BEFORE,
    "looks": BEFORE.replace("{{ post.id }}", "{{post.id}}").replace("post.attempt < 9", "((post.attempt) < 9)"),
    "another span": BEFORE.replace('"15m"', '"20m"'),
    "another text": BEFORE.replace("hangs", "is stuck"),
    "no such rule": BEFORE.replace(STUCK, ""),
    "switched off": BEFORE.replace('for   = "15m"', 'for = "15m"\nenabled = false'),
    "another first step": BEFORE.replace('{ retry = "publish", backoff = "10m" }, ', ""),
    "the same first step": BEFORE.replace('backoff = "10m"', 'backoff = "12m"'),
    "a step before the one that waits": BEFORE.replace(
        'do = [{ wait = "cms.acked"', 'do = [{ alert = "ops", title = "x" }, { wait = "cms.acked"'
    ),
    "no runs any more": BEFORE.replace(RETRY, "").replace(WAITING, ""),
    "a new rule that waits": BEFORE + STUCK.replace("rule.stuck", "rule.more"),
    "a new rule that asks for the old ones": BEFORE + LATE,
    "another time of the clock": BEFORE.replace("09:00", "10:00"),
    "everything": STUCK.replace("15m", "30m") + LATE,
}


TIMERS = "select rule, key, kind, meaning from timers where run is null"
FIRINGS = "select rule, key from firings"
OPEN_RUNS = "select rule, count(*) from runs where state in ('active', 'queued') group by rule"
ENDED = "select rule, count(*) from runs where data ->> 'why' like 'the rule was %' group by rule"


@pytest.mark.parametrize("after", EDITS.values(), ids=EDITS.keys())
async def test_what_is_planned_is_what_becomes_of_it(database: Database, after: str) -> None:
    corridor = await a_corridor(database)
    plans = await planned(corridor, after)
    before, runs = set(await corridor.rows(TIMERS)), set(await corridor.rows(OPEN_RUNS))
    assert {(one.rule, n) for one in plans if (n := one.ended.count + one.running.count)} == runs
    corridor.rules = RuleIndex(rules_of(after))
    async with database.transaction() as conn:
        armed = await corridor.processor.reactor.arm_standing(conn)
    looked_again = [one for one in plans if one.change in ("new", "edited")]
    assert {one.rule: (one.cancelled.count, one.armed.count) for one in looked_again} == armed
    there = {row for row in await corridor.rows(TIMERS) if row[0] in corridor.rules.by_id}
    for one in plans:
        own = {row for row in there if row[0] == one.rule}
        assert (one.kept.count, one.kept.count + one.armed.count) == (len(own & before), len(own))
    fired = set(await corridor.rows(FIRINGS))
    await corridor.settle()
    assert {(one.rule, key) for one in plans for key in one.at_once.keys} == set(await corridor.rows(FIRINGS)) - fired
    await corridor.wait_until(3000)  # every run moves
    await corridor.wait_until(90_000)
    ended = {(one.rule, one.ended.count) for one in plans if one.ended.count}
    assert ended == set(await corridor.rows(ENDED))


async def test_each_rule_says_what_an_edit_is_to_it(database: Database) -> None:
    corridor = await a_corridor(database)
    plans = await planned(corridor, EDITS["everything"])
    assert {one.rule: one.change for one in plans} == {
        "clock": "removed", "late": "new", "retry": "removed", "stuck": "edited", "waiting": "removed",
    }  # fmt: skip
    late = next(one for one in plans if one.rule == "late")
    assert (late.at_once.count, late.at_once.keys) == (2, ["sosyalkopru/p1", "sosyalkopru/p2"])
    assert {one.change for one in await planned(corridor, EDITS["looks"])} == {"kept"}
    assert {one.rule: one.change for one in await planned(corridor, EDITS["switched off"])}["stuck"] == "off"


async def test_what_has_fired_already_does_not_fire_at_once(database: Database) -> None:
    corridor = await a_corridor(database)
    await corridor.wait_until(1200)
    stuck = next(one for one in await planned(corridor, EDITS["another text"]) if one.rule == "stuck")
    assert (stuck.armed.count, stuck.at_once.count) == (2, 0)


async def test_of_very_many_some_are_named(database: Database) -> None:
    corridor = await Corridor(database, []).open()
    await corridor.tell(*(told(f"p{number}", "publishing", 1) for number in range(50)))
    await corridor.wait_until(3600)
    (late,) = await planned(corridor, LATE)
    assert (late.at_once.count, len(late.at_once.keys), late.armed.count) == (50, MOST_NAMED, 50)
