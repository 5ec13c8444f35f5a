"""A backtest of the real log: rules that have not changed come to what is on record, and changed ones to more or less.

What happened is random, and everything died in between (see test_live_equals_replay).
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

import pytest

from tests.integration.corridor import READERS, Corridor
from tests.integration.test_live_equals_replay import played
from tests.integration.told import NOON, told
from tracker.domain.rules.rule_index import RuleIndex
from tracker.domain.runs.engine_state import ACTED, Firing
from tracker.process.backtest import Backtest, Found, Span, reach
from tracker.process.rebuild import Rebuild
from tracker.rulebook import load_text
from tracker.store.log import look_back
from tracker.store.reactions import runs, timers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tracker.domain.rules.rule import Rule
    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

DAY = 86_400


def rules_of(text: str) -> RuleIndex:
    book = load_text(text)
    assert [str(fault) for fault in book.faults] == []
    return book.index


def said(some: Iterable[Firing]) -> list[tuple[str, ...]]:
    """Firings as they can be compared."""
    return sorted((f.rule, f.key, f.cause, str(f.outcome), f.detail or "", str(f.at), str(f.post)) for f in some)


async def on_record(database: Database, rules: Iterable[Rule], span: Span) -> list[Firing]:
    async with database.connection() as conn:
        return await runs.between(conn, [rule.id for rule in rules], span.since, span.until)


def fired(found: Found) -> list[Firing]:
    return [one for held in found.rules for one in held.would]


async def unchanged(database: Database, seed: int, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """One case: over the whole log, and over its second half; answers what the firings came to."""
    monkeypatch.setattr("tracker.process.backtest.FORGET_EVERY", 3)
    monkeypatch.setattr("tracker.process.backtest.PAGE", 3)
    rules, corridor = await played(database, Random(seed))
    halfway = NOON + (corridor.now() - NOON) / 2
    counted: Counter[str] = Counter()
    async with database.connection() as conn:
        first = await look_back.first_arrival(conn) or NOON  # before it, the clock may have come in vain
    for span in (Span(first, corridor.now()), Span(halfway, corridor.now())):
        found = await Backtest(database, READERS).run(RuleIndex(rules), span)
        recorded = await on_record(database, rules, span)
        assert said(fired(found)) == said(one for one in recorded if one.outcome in ACTED), f"seed {seed}"
        assert sum(one.held_back for one in found.rules) == sum(one.outcome not in ACTED for one in recorded)
        assert [(one.gained, one.lost) for one in found.rules if one.gained or one.lost] == []
        counted.update(str(one.outcome) for one in recorded)
    return counted


# In 1001 nothing fires; in 1009 a state is older than the rule that watches it, which waited from when it was there.
@pytest.mark.parametrize("seed", [1000, 1002, 1003, 1004, 1005, 1006, 1007, 1008])
async def test_rules_that_have_not_changed_come_to_what_is_on_record(
    database: Database, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await unchanged(database, seed, monkeypatch)


TELL = 'do = [{ alert = "ops", title = "look" }]'
RULES = f"""
[rule.told]
on = "post.failed"
{TELL}

[rule.late]
expect = "post.published"
within = "20d"
on = "post.scheduled"
{TELL}

[rule.again]
on = "post.failed"
match = {{ platform = "x" }}
do = [{{ retry = "publish", tries = 2, backoff = "1m" }}]
exhausted = [{{ alert = "ops", title = "gave up" }}]
"""


async def a_story(database: Database, rules: RuleIndex) -> Corridor:
    """Posts that fail on one of two platforms, the second of them three times; one hangs long before all that."""
    corridor = await Corridor(database, rules).open()
    await corridor.tell(told("long", "publishing", 0))
    corridor.at = 50 * DAY
    for post, platform in (("p1", "instagram"), ("p2", "x"), ("p2", "x"), ("p2", "x")):
        corridor.at += 600
        await corridor.tell(told(post, "publishing", int(corridor.at), targets={platform: "publishing"}))
        corridor.at += 60
        await corridor.tell(told(post, "failed", int(corridor.at), targets={platform: "failed"}))
        await corridor.wait_until(corridor.at + 90)
    return corridor


async def test_a_new_rule_says_what_it_would_have_done(database: Database) -> None:
    corridor = await a_story(database, rules_of(RULES))
    narrower = rules_of(RULES.replace('on = "post.failed"\ndo', 'on = "post.failed"\nmatch = { platform = "x" }\ndo'))
    found = await Backtest(database, READERS).run(narrower, Span(NOON, corridor.now()), {"told"})
    (held,) = found.rules
    assert (len(held.would), len(held.did)) == (3, 4)
    assert ([one.post for one in held.gained], [one.post for one in held.lost]) == ([], ["p1"])
    assert held.since is None
    new = rules_of('[rule.new]\non = "post.publishing"\n' + TELL)
    (held,) = (await Backtest(database, READERS).run(new, Span(NOON, corridor.now()), {"new"})).rules
    assert Counter(one.post for one in held.gained) == {"long": 1, "p1": 1, "p2": 3}
    assert held.did == []


async def test_a_rule_that_is_gone_loses_all_that_it_did(database: Database) -> None:
    corridor = await a_story(database, rules_of(RULES))
    other = rules_of(f'[rule.x]\non = "post.failed"\n{TELL}')
    found = await Backtest(database, READERS).run(other, Span(NOON, corridor.now()))
    by_id = {held.rule: held for held in found.rules}
    assert (by_id["told"].revision, len(by_id["told"].lost)) == (None, 4)


async def test_a_span_begins_with_what_was_under_way_before(database: Database) -> None:
    """A post that has hung since long before the span, and before all that the rule looks back to, still counts."""
    stuck = rules_of(f'[rule.stuck]\nwhile = {{ state = "publishing" }}\nfor = "49d"\n{TELL}')
    corridor = await a_story(database, stuck)
    span = Span(NOON + timedelta(days=45), corridor.now())
    found = await Backtest(database, READERS).run(stuck, span)
    assert found.began > NOON
    assert [(one.post, one.at - NOON) for one in found.rules[0].would] == [("long", timedelta(days=49))]
    assert found.rules[0].gained == found.rules[0].lost == []


async def test_two_sets_of_rules_are_held_against_one_another(database: Database) -> None:
    corridor = await a_story(database, rules_of(RULES))
    before = rules_of(RULES)
    after = rules_of(RULES.replace("[rule.told]", "[rule.tell]").replace('backoff = "1m"', 'backoff = "20m"'))
    found = await Backtest(database, READERS).compare(before, after, Span(NOON, corridor.now()))
    compared = {one.rule: (len(one.gained), len(one.lost)) for one in found.rules}
    assert compared["tell"] == (4, 0)
    assert compared["told"] == (0, 4)


async def test_the_log_can_be_tried_after_a_rebuild(database: Database) -> None:
    rules = rules_of(RULES)
    corridor = await a_story(database, rules)
    await Rebuild(database, READERS, corridor.now, lambda _done, _total: None).run()
    found = await Backtest(database, READERS).run(rules, Span(NOON, corridor.now()))
    assert {held.rule: len(held.would) for held in found.rules} == {"again": 3, "late": 0, "told": 4}
    assert [one for one in found.rules if one.gained or one.lost] == []


async def test_what_the_service_has_not_come_to_is_left_out(database: Database) -> None:
    rules = rules_of(RULES)
    corridor = await a_story(database, rules)
    corridor.at += 60
    await corridor.keep(told("p9", "failed", int(corridor.at)))
    found = await Backtest(database, READERS).run(rules, Span(NOON, corridor.now()))
    assert found.span.until == corridor.now() - timedelta(seconds=60)
    assert [one for one in found.rules if one.gained or one.lost] == []


async def test_progress_is_told_up_to_the_end(database: Database) -> None:
    corridor = await a_story(database, rules_of(RULES))
    heard: list[tuple[int, int]] = []
    await Backtest(database, READERS, lambda done, total: heard.append((done, total))).run(
        rules_of(RULES), Span(NOON, corridor.now())
    )
    assert heard
    assert heard[-1][0] <= heard[-1][1]


async def test_a_backtest_writes_nothing(database: Database) -> None:
    corridor = await a_story(database, rules_of(RULES))
    counts = "select (select count(*) from firings), (select count(*) from runs), (select count(*) from actions)"
    before = await corridor.rows(counts)
    await Backtest(database, READERS).run(rules_of(f'[rule.x]\non = "post.*"\n{TELL}'), Span(NOON, corridor.now()))
    assert await corridor.rows(counts) == before
    async with database.connection() as conn:
        assert "x" not in await timers.armed_revisions(conn)


def test_it_looks_back_as_far_as_its_rules_do() -> None:
    once = f'[rule.r]\non = "post.failed"\nonce = "3d"\n{TELL}'
    assert reach(rules_of(once)) == timedelta(days=3, hours=1)
    counted = f'[rule.r]\non = "post.failed"\ncount = "> 5 in 5d"\n{TELL}'
    assert reach(rules_of(counted)) == timedelta(days=10, hours=1)
    waiting = '[rule.r]\non = "post.failed"\ndo = [{ wait = "cms.acked" }]'
    assert reach(rules_of(waiting)) == timedelta(days=30)
