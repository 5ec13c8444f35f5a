"""Why has no engine of its own: what rules made of a post is told by the one engine, while it plays it once more."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.unit.histories import EPOCH, deliveries, fact, target
from tests.unit.reactions import broken, during, expect, match, on, retryable
from tests.unit.test_explain import LATE, STUCK, TELL, a_rule, failed, played
from tests.unit.test_outlook import RULES
from tracker.domain.posts.arrival import arrive
from tracker.domain.posts.event import State
from tracker.domain.posts.post import view
from tracker.domain.rules.grouping import GroupBy
from tracker.domain.rules.rule_index import RuleIndex
from tracker.domain.rules.step import AlertStep
from tracker.domain.runs.simulation import Simulation
from tracker.rulebook.explain import Story, explain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracker.domain.posts.event import Fact
    from tracker.domain.rules.rule import Rule

KNOWN = json.loads((Path(__file__).parent / "why_answers.json").read_text(encoding="utf-8"))
"""Random rules and histories, with what was answered about them by code that was written apart from the engine."""

TRIED = (
    *RULES,
    on("post.failed", id="j", per=GroupBy.TARGET, match=match(platform="x"), when=retryable),
    on("post.*", id="k", match=match(account="a*"), when=broken),
    expect("post.published", "failed_at", id="l", match=match(provider="other")),
    during(State.FAILED, id="m", per=GroupBy.ACCOUNT, match=match(platform="x")),
)


class Nobody:
    """Hears everything and keeps nothing."""

    def occurred(self, *_: object) -> None: ...

    def stands(self, *_: object) -> None: ...

    def ended(self, *_: object) -> None: ...

    def rang(self, *_: object) -> None: ...


def told(known: Mapping[str, Any]) -> list[Fact]:
    """The facts of a known history."""
    facts = []
    for arrived, occurred, state, attempt, targets in known["facts"]:
        some = tuple(target(name, State(its) if its else None, None, place) for name, place, its in targets)
        more = {"attempt": attempt} if attempt else {}
        one = fact(occurred, State(state) if state else None, some, **more)
        facts.append(replace(one, received_at=EPOCH + timedelta(seconds=arrived)))
    return facts


@pytest.mark.parametrize("known", KNOWN, ids=range(len(KNOWN)))
def test_known_questions_have_the_answers_that_they_had(known: Mapping[str, Any]) -> None:
    rule = a_rule(known["rule"])
    found = explain([rule], played(rule, told(known), known["until"]))["r"]
    assert known["answers"] == [
        [one.outcome, one.text, (one.at - EPOCH).total_seconds() if one.at else None, one.event, one.subject]
        for one in found
    ]


def world_of(rules: list[Rule], facts: list[Fact], trace: Nobody | None) -> Simulation:
    """What came of the facts, told in this order, half a second apart."""
    world, post = Simulation(RuleIndex(rules), EPOCH, trace=trace), None
    earlier: list[Fact] = []
    for place, one in enumerate(facts):
        arrived = replace(one, received_at=EPOCH + place * timedelta(seconds=0.5))
        post, change = arrive(post, arrived, tuple(earlier))
        earlier.append(arrived)
        world.pass_time(arrived.received_at)
        world.see(change)
    world.pass_time(EPOCH + timedelta(hours=1))
    return world


@given(st.lists(st.sampled_from(TRIED), min_size=1, unique_by=lambda rule: rule.id), deliveries())
def test_to_be_traced_changes_nothing(rules: list[Rule], facts: tuple[list[Fact], list[Fact]]) -> None:
    """Although every rule is tried, those too that no index would have named."""
    plain, traced = world_of(rules, facts[1], None), world_of(rules, facts[1], Nobody())
    assert sorted(map(str, traced.firings)) == sorted(map(str, plain.firings))
    assert traced.memory.runs == plain.memory.runs
    assert traced.timers == plain.timers


@given(st.lists(st.sampled_from(TRIED), min_size=1, unique_by=lambda rule: rule.id), deliveries())
def test_rules_answer_together_as_they_do_alone(rules: list[Rule], facts: tuple[list[Fact], list[Fact]]) -> None:
    story = played(rules[0], sorted(facts[0], key=lambda one: one.received_at), 60)
    assert explain(rules, story) == {rule.id: explain([rule], story)[rule.id] for rule in rules}


def test_a_digest_judges_what_came_to_light_too_late_as_it_judges_anything() -> None:
    rule = a_rule(f'[rule.r]\nevery = "15m"\nover = {{ events = ["post.failed"], since = "last-run" }}\n'
                  f'when = "post.attempt > 1"\n{TELL}')  # fmt: skip
    states = [
        fact(at, state, (target("instagram", state),)) for at, state in ((0, State.PUBLISHING), (60, State.PUBLISHED))
    ]
    late = failed(5, received_at=EPOCH + timedelta(seconds=90))
    (found,) = explain([rule], played(rule, [*states, late], 120))["r"]
    assert found.text == "when: wants post.attempt > 1, but it is false, with post.attempt = 1"


def test_an_expectation_that_had_been_met_before_it_began_says_so() -> None:
    rule = a_rule(f'[rule.r]\nexpect = "post.published"\nwithin = "1m"\non = "* -> published"\n{TELL}')
    (found,) = explain([rule], played(rule, [fact(0, State.PUBLISHED)], 120))["r"]
    assert found.text == "expect: wants no post.published within 1m, but it came: the state is published"


def test_what_is_judged_again_with_each_fact_is_told_as_it_was_judged_last() -> None:
    """An expectation stands until it is met, so that its condition may come true after its time."""
    rule = a_rule(f"{LATE}\nwhen = '\"x\" in post.platforms'".replace("post.scheduled_at", "post.failed_at"))
    facts = [fact(0, State.FAILED), fact(1200, None, (target("tiktok", None),))]
    (found,) = explain([rule], played(rule, facts, 5000))["r"]
    assert found.text == 'when: wants "x" in post.platforms, but it is false, with post.platforms = ["tiktok"]'
    (fired,) = explain([rule], played(rule, [*facts, fact(1800, None, (target("x", None),))], 5000))["r"]
    assert (fired.outcome, fired.event, fired.at) == ("fired", "its time came", EPOCH + timedelta(minutes=10))


def test_a_post_that_stood_there_before_all_that_is_kept_is_waited_for() -> None:
    rule = a_rule(STUCK)
    story = played(rule, [fact(0, State.PUBLISHING), fact(60, None)], 120)
    for known in (story.changes[1:], ()):
        (found,) = explain([rule], replace(story, changes=known))["r"]
        assert (found.outcome, found.due_at) == ("waiting", EPOCH + timedelta(minutes=15))


def test_what_a_rule_does_is_not_done_again() -> None:
    """A text that would be written each minute for a year is not written once."""

    def never(_: object) -> str:
        raise AssertionError("somebody wrote it")

    rule = on("post.failed", do=[AlertStep("ops", never, repeat=timedelta(minutes=1))])
    post, change = arrive(None, fact(0, State.FAILED), ())
    (found,) = explain([rule], Story([change], view(post), {}, EPOCH + timedelta(days=365)))["r"]
    assert found.outcome == "unseen"
