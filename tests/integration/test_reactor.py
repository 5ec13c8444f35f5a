"""Reactions: once for each cause, never because of a backlog, and lost by no restart."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.integration.corridor import Corridor
from tests.integration.told import NOON, PROVIDER, told
from tracker.domain.actions import Backoff, Discard, Reason, Retry
from tracker.domain.posts.event import State
from tracker.domain.rules.event_pattern import parse_event_pattern
from tracker.domain.rules.grouping import GroupBy
from tracker.domain.rules.rule import On, Rule, Verdict, While
from tracker.domain.rules.step import AlertStep, RetryStep, SendStep
from tracker.facts.own_facts import own_fact
from tracker.rulebook import load_text

if TYPE_CHECKING:
    from tracker.domain.rules.step import Step
    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

ALERT = AlertStep("ops", lambda _: "look")
RETRY = RetryStep("publish", 3, Backoff(timedelta(minutes=1), 2))


def on(word: str, *do: Step, **more: object) -> Rule:
    values: dict[str, object] = {"id": "r", "revision": "1", "trigger": On((parse_event_pattern(word),)), "do": do}
    return Rule(**(values | more))  # type: ignore[arg-type]  # the test states only what it is about


def stuck(seconds: int) -> Rule:
    return on("post.failed", ALERT, trigger=While(frozenset({State.PUBLISHING}), timedelta(seconds=seconds)))


async def test_entering_a_state_fires_once_however_often_it_is_said(database: Database) -> None:
    corridor = await Corridor(database, [on("post.failed", ALERT)]).open()
    await corridor.tell(told("p1", "failed", 1), told("p1", "failed", 1, "again"), told("p1", "failed", 2))
    assert corridor.world.verbs == {"alert": 1}
    assert await corridor.rows("select outcome from firings") == [("fired",)]


async def test_a_condition_that_cannot_be_evaluated_is_an_outcome_of_its_own(database: Database) -> None:
    rule = on("post.failed", ALERT, when=lambda _: Verdict("error", "no such overload"))
    corridor = await Corridor(database, [rule]).open()
    await corridor.tell(told("p1", "failed", 1))
    assert corridor.world.verbs == {}
    assert await corridor.rows("select outcome, detail from firings") == [("error", "no such overload")]


async def test_a_late_fact_that_is_already_overruled_fires_nothing_and_says_why(database: Database) -> None:
    corridor = await Corridor(database, [on("post.failed", ALERT)]).open()
    await corridor.tell(told("p1", "published", 9))
    await corridor.tell(told("p1", "failed", 5))
    assert corridor.world.verbs == {}
    assert await corridor.rows("select outcome, detail from firings") == [("suppressed", "superseded")]


async def test_each_target_that_fails_is_its_own_key(database: Database) -> None:
    corridor = await Corridor(database, [on("post.failed", ALERT, per=GroupBy.TARGET)]).open()
    await corridor.tell(told("p1", None, 1, targets={"x": "failed", "instagram": "failed", "tiktok": "published"}))
    assert corridor.world.verbs == {"alert": 2}


async def test_a_retry_waits_its_backoff_tries_and_gives_up_after_its_tries(database: Database) -> None:
    rule = on("post.failed", RETRY, branches={"exhausted": (ALERT,)})
    corridor = await Corridor(database, [rule]).open()
    corridor.at = at = 1.0
    await corridor.tell(told("p1", "failed", 1))
    assert corridor.world.verbs == {}
    for attempt, pause in enumerate((60, 120, 240), 1):
        assert await corridor.rows("select data -> 'context' ->> 'post.id' from runs") == [("p1",)]
        await corridor.wait_until(at + pause - 1)
        assert corridor.world.verbs["retry"] == attempt - 1
        await corridor.wait_until(at + pause)
        assert corridor.world.verbs["retry"] == attempt
        corridor.at = at = corridor.at + 5
        await corridor.tell(told("p1", "publishing", int(at) - 2), told("p1", "failed", int(at)))
    assert corridor.world.verbs == {"retry": 3, "alert": 1}
    assert await corridor.rows("select state, data ->> 'context' from runs") == [("exhausted", None)]
    assert await corridor.rows("select * from timers") == []


async def test_a_retry_that_the_provider_took_is_known_even_if_it_never_says_so(database: Database) -> None:
    corridor = await Corridor(database, [on("post.failed", RETRY)]).open()
    await corridor.tell(told("p1", "failed", 1))
    await corridor.wait_until(61)
    assert await corridor.rows("select state, attempt from posts") == [("retrying", 2)]
    await corridor.tell(told("p1", "failed", 70))
    await corridor.wait_until(190)
    assert corridor.world.verbs == {"retry": 2}


async def test_what_is_published_meanwhile_is_not_retried(database: Database) -> None:
    rule = on("post.failed", RETRY, cancel_on=(parse_event_pattern("post.published"),))
    corridor = await Corridor(database, [rule]).open()
    await corridor.tell(told("p1", "failed", 1))
    await corridor.tell(told("p1", "published", 30))
    await corridor.wait_until(3600)
    assert corridor.world.verbs == {}
    assert await corridor.rows("select state from runs") == [("cancelled",)]


async def test_a_state_that_holds_too_long_fires_and_one_that_ends_in_time_does_not(database: Database) -> None:
    corridor = await Corridor(database, [stuck(900)]).open()
    await corridor.tell(told("stuck", "publishing", 1), told("fine", "publishing", 1))
    await corridor.wait_until(600)
    await corridor.tell(told("fine", "published", 599))
    await corridor.wait_until(900)
    assert corridor.world.verbs == {}
    await corridor.wait_until(901)
    await corridor.wait_until(5000)
    assert corridor.world.verbs == {"alert": 1}
    assert await corridor.rows("select post from firings") == [("stuck",)]


async def test_a_backlog_never_passes_for_silence(database: Database) -> None:
    corridor = await Corridor(database, [stuck(900)]).open()
    await corridor.tell(told("p1", "publishing", 1))
    await corridor.keep(told("p1", "published", 60))
    corridor.at = 2000
    await corridor.processor.drain()
    assert await corridor.rows("select * from firings") == []
    await corridor.settle()
    assert await corridor.rows("select * from firings") == []


async def test_a_restart_loses_no_timer(database: Database) -> None:
    before = await Corridor(database, [stuck(900)]).open()
    await before.tell(told("p1", "publishing", 1))
    await before.processor.leave()
    after = await Corridor(database, [stuck(900)], node="another").open()
    await after.wait_until(901)
    assert after.world.verbs == {"alert": 1}


async def test_a_new_rule_waits_for_posts_that_were_there_before_it(database: Database) -> None:
    before = await Corridor(database, []).open()
    await before.tell(told("p1", "publishing", 1))
    after = await Corridor(database, [stuck(900)]).open()
    await after.wait_until(901)
    assert after.world.verbs == {"alert": 1}


async def test_a_rebuild_fires_nothing(database: Database) -> None:
    from tests.integration.corridor import READERS  # noqa: PLC0415
    from tracker.process.rebuild import Rebuild  # noqa: PLC0415

    corridor = await Corridor(database, [on("post.failed", ALERT)]).open()
    await corridor.tell(*(told(f"p{n}", "failed", n) for n in range(5)))
    await Rebuild(database, READERS, corridor.now, lambda _done, _total: None).run()
    await corridor.settle()
    assert corridor.world.verbs == {"alert": 5}
    await corridor.tell(told("p9", "failed", 60))
    assert corridor.world.verbs == {"alert": 6}


async def test_an_action_that_fails_is_tried_again_under_the_same_key_and_dies_in_the_end(database: Database) -> None:
    corridor = await Corridor(database, [on("post.failed", SendStep("cms", lambda _: "e"))]).open()
    corridor.world.answers["send"] = [*[Retry(Reason.TIMEOUT)] * 7, Discard(Reason.GONE)]
    await corridor.tell(told("p1", "failed", 1))
    for hours in range(1, 12):
        await corridor.wait_until(hours * 5000)
    assert len({claimed.idempotency_key for claimed in corridor.world.performed}) == 1
    assert [claimed.attempt for claimed in corridor.world.performed] == list(range(1, 9))
    assert await corridor.rows("select state, reason from actions") == [("dead", "gone")]
    assert await corridor.rows("select kind from events where source = 'action'") == [("action.dead",)]


IN_VAIN = """
[rule.tell]
on = "post.published"
do = [{ send = "cms" }]

[rule.in-vain]
on   = "action.dead"
when = 'action.verb == "send" && action.target == "cms" && action.reason == "gone"'
do   = [{ alert = "ops", title = "{{ post.id }}: {{ action.target }} is {{ action.reason }}" }]

[rule.in-vain-too]
on = "action.dead"
do = [{ alert = "boss", title = "{{ action.verb }} {{ action.target }}" }, { send = "cms" }]
"""


async def test_what_a_rule_asked_for_in_vain_is_told_to_others_and_nothing_goes_round_in_a_circle(
    database: Database,
) -> None:
    corridor = await Corridor(database, load_text(IN_VAIN).index).open()
    corridor.world.answers["send"] = [Discard(Reason.GONE)] * 9
    corridor.world.answers["alert"] = [Discard(Reason.GONE)] * 9
    await corridor.tell(told("p1", "published", 1))
    for hours in range(1, 5):
        await corridor.wait_until(hours * 5000)
    asked = await corridor.rows("select rule, verb, state, payload->>'title' from actions order by 1, 2")
    assert asked == [
        ("in-vain", "alert", "dead", "p1: cms is gone"), ("in-vain-too", "alert", "dead", "send cms"),
        ("in-vain-too", "send", "dead", None), ("tell", "send", "dead", None),
    ]  # fmt: skip
    assert await corridor.rows("select count(*) from events where source = 'action'") == [(4,)]


async def test_what_people_asked_for_in_vain_is_no_rules_business(database: Database) -> None:
    corridor = await Corridor(database, load_text(IN_VAIN).index).open()
    dead = own_fact("action", "x:1", "action.dead", PROVIDER, "p1", NOON, NOON, detail={"rule": None, "verb": "send"})
    await corridor.tell(dead, told("p1", None, 1, kind="action.dead"))
    assert await corridor.rows("select count(*) from firings") == [(0,)]


async def test_a_rule_about_a_platform_waits_for_nothing_that_has_come_to_another_of_its_posts(
    database: Database,
) -> None:
    """The failure is heard of late: what it waits for has come since, to another post."""
    rules = load_text(
        '[rule.comes-again]\non = "post.failed"\nper = "platform"\n'
        'do = [{ wait = "post.published", at_most = "1h", else = "late" }, { alert = "ops", title = "it works" }]\n'
        '[rule.comes-again.branch]\nlate = [{ alert = "ops", title = "it does not" }]\n'
    )
    corridor = await Corridor(database, rules.index.by_id.values()).open()
    await corridor.tell(told("p2", "published", 10, targets={"x": "published"}))
    await corridor.tell(told("p1", "failed", 5, targets={"x": "failed"}))
    assert [claimed.alert.title for claimed in corridor.world.performed] == ["it works"]
