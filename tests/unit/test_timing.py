"""Rules about time: what arms a timer, what takes it away, and what it means when it is due."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.histories import EPOCH, fact, histories, target
from tests.unit.reactions import MINUTE, Story, at, broken, during, expect, match, on, retryable
from tracker.domain.posts.change import PostView
from tracker.domain.posts.event import Fact, State
from tracker.domain.posts.post import view
from tracker.domain.posts.target import WITHDRAWN
from tracker.domain.rules.decision import Arm, Disarm, Failed, Fire, Resolve, Timer
from tracker.domain.rules.grouping import GroupBy
from tracker.domain.rules.match_context import from_plain
from tracker.domain.rules.rule import Rule
from tracker.domain.rules.rule_index import RuleIndex
from tracker.domain.rules.step import AlertStep
from tracker.domain.rules.timers import due, standing, states_awaited

P, F, OK, S = State.PUBLISHING, State.FAILED, State.PUBLISHED, State.SCHEDULED
STUCK = during(P)
LATE = expect("post.publishing", of="scheduled_at")


def timers(decisions: Sequence[object]) -> list[Timer]:
    return [one.timer for one in decisions if isinstance(one, Arm)]


def disarmed(decisions: Sequence[object]) -> list[str]:
    return [one.kind for one in decisions if isinstance(one, Disarm)]


def armed(rule: Rule, *facts: Fact) -> tuple[Timer, PostView]:
    """The last timer that the facts armed, and the post as it stands after them."""
    story = Story((rule,))
    found = timers(story.hear_all(facts))
    return found[-1], view(story.posts["p1"])


def test_entering_a_watched_state_arms_a_timer_from_the_moment_of_entering() -> None:
    (timer,) = timers([*Story((STUCK,)).hear(fact(60, P))])
    assert (timer.kind, timer.due_at, timer.key) == ("while", at(60) + 15 * MINUTE, "sosyalkopru/p1")
    assert timer.meaning == STUCK.revision


def test_leaving_the_watched_state_disarms() -> None:
    story = Story((STUCK,))
    story.hear(fact(1, P))
    assert disarmed([*story.hear(fact(2, OK))]) == ["while"]


def test_a_fact_that_moves_nothing_leaves_the_timer_alone() -> None:
    story = Story((STUCK,))
    story.hear(fact(1, P))
    assert story.hear(fact(2, None)) == []


def test_moving_between_watched_states_starts_the_clock_anew() -> None:
    story = Story((during(P, State.RETRYING),))
    story.hear(fact(1, P))
    decisions = [*story.hear(fact(60, State.RETRYING))]
    assert [timer.due_at for timer in timers(decisions)] == [at(60) + 15 * MINUTE]
    assert disarmed(decisions) == []


def test_a_late_fact_that_puts_the_entering_earlier_moves_the_timer() -> None:
    story = Story((STUCK,))
    story.hear(fact(60, P))
    assert [timer.due_at for timer in timers([*story.hear(fact(30, P))])] == [at(30) + 15 * MINUTE]


def test_each_target_has_a_timer_of_its_own() -> None:
    rule = during(P, per=GroupBy.TARGET, match=match(platform="instagram"))
    story = Story((rule,))
    told = fact(1, P, (target("instagram", P, "a"), target("instagram", P, "b"), target("x", P)))
    assert [timer.target for timer in timers([*story.hear(told)])] == ["instagram:a", "instagram:b"]


def test_a_watch_that_held_fires_and_says_how_long() -> None:
    timer, post = armed(STUCK, fact(0, P))
    fired = due(STUCK, timer, post, timer.due_at + timedelta(seconds=2))
    assert isinstance(fired, Fire)
    assert fired.cause == timer.cause
    assert from_plain(fired.context)["run.held"] == 15 * MINUTE


def test_a_watch_looked_at_late_says_how_long_it_really_was() -> None:
    timer, post = armed(STUCK, fact(0, P))
    fired = due(STUCK, timer, post, EPOCH + timedelta(hours=3, seconds=12))
    assert isinstance(fired, Fire)
    assert from_plain(fired.context)["run.held"] == timedelta(hours=3)


def test_a_watch_whose_state_was_left_does_not_fire() -> None:
    timer, _ = armed(STUCK, fact(0, P))
    _, post = armed(STUCK, fact(0, P), fact(5, OK))
    assert isinstance(due(STUCK, timer, post, timer.due_at), Disarm)


def test_a_watch_whose_state_was_left_and_entered_again_is_armed_again() -> None:
    timer, _ = armed(STUCK, fact(0, P))
    _, post = armed(STUCK, fact(0, P), fact(5, F), fact(60, P))
    again = due(STUCK, timer, post, timer.due_at)
    assert isinstance(again, Arm)
    assert again.timer.due_at == at(60) + 15 * MINUTE


def test_a_rule_made_more_patient_waits_for_the_rest() -> None:
    timer, post = armed(STUCK, fact(0, P))
    patient = during(P, lasting=30 * MINUTE, revision="2")
    again = due(patient, timer, post, timer.due_at)
    assert isinstance(again, Arm)
    assert (again.timer.due_at, again.timer.meaning) == (at(0) + 30 * MINUTE, "2")


@pytest.mark.parametrize(("when", "outcome"), [(retryable, Disarm), (broken, Failed)])
def test_the_condition_of_a_watch_is_judged_when_it_is_due(when: object, outcome: type) -> None:
    rule = during(P, when=when)
    timer, post = armed(rule, fact(0, P))
    assert isinstance(due(rule, timer, post, timer.due_at), outcome)


def test_a_rule_that_became_another_kind_of_rule_drops_its_timer() -> None:
    timer, post = armed(STUCK, fact(0, P))
    assert isinstance(due(LATE, timer, post, timer.due_at), Disarm)


def test_leaving_the_watched_state_resolves_its_alert() -> None:
    story = Story((during(P, do=[AlertStep("ops", str, resolves=True)]),))
    story.hear(fact(0, P))
    assert any(isinstance(one, Resolve) for one in story.hear(fact(9, OK)))


def test_a_time_that_becomes_known_arms_the_expectation() -> None:
    story = Story((LATE,))
    assert story.hear(fact(0, State.DRAFT)) == []
    (timer,) = timers(story.hear(fact(1, S, scheduled_at=at(3600))))
    assert (timer.kind, timer.due_at) == ("expect", at(3600) + 10 * MINUTE)


def test_a_rescheduled_post_is_expected_at_its_new_time() -> None:
    story = Story((LATE,))
    (first,) = timers(story.hear(fact(1, S, scheduled_at=at(3600))))
    (second,) = timers(story.hear(fact(2, None, scheduled_at=at(7200))))
    assert second.due_at == at(7200) + 10 * MINUTE
    assert first.cause != second.cause


@pytest.mark.parametrize("state", [P, OK, F, State.PARTIAL, State.RETRYING, State.CANCELLED, State.REMOVED])
def test_what_was_expected_or_lies_beyond_it_disarms(state: State) -> None:
    story = Story((LATE,))
    story.hear(fact(1, S, scheduled_at=at(3600)))
    assert disarmed([*story.hear(fact(2, state))]) == ["expect"]


def test_a_post_already_beyond_is_not_expected_any_more() -> None:
    assert timers([*Story((LATE,)).hear(fact(1, OK, scheduled_at=at(3600)))]) == []


def test_an_expectation_that_was_not_met_fires() -> None:
    timer, post = armed(LATE, fact(1, S, scheduled_at=at(60)))
    assert isinstance(due(LATE, timer, post, timer.due_at), Fire)


def test_an_expectation_met_meanwhile_does_not_fire() -> None:
    timer, _ = armed(LATE, fact(1, S, scheduled_at=at(60)))
    _, post = armed(LATE, fact(1, S, scheduled_at=at(60)), fact(2, P))
    assert isinstance(due(LATE, timer, post, timer.due_at), Disarm)


def test_a_failure_can_be_expected_to_be_mended() -> None:
    mended = expect("post.publishing", of="failed_at")
    story = Story((mended,))
    (timer,) = timers(story.hear(fact(5, F)))
    assert timer.due_at == at(5) + 10 * MINUTE
    assert disarmed([*story.hear(fact(6, P))]) == ["expect"]


def test_an_expectation_can_start_from_an_event_and_remembers_it() -> None:
    rule = expect("post.published", after=["post.publishing"])
    timer, post = armed(rule, fact(5, P))
    assert timer.due_at == at(5) + 10 * MINUTE
    fired = due(rule, timer, post, timer.due_at)
    assert isinstance(fired, Fire)
    assert fired.context["event.name"] == "post.publishing"


def test_an_expected_event_that_is_no_state_disarms_when_it_comes() -> None:
    story = Story((expect("cms.acked", after=["post.published"]),))
    story.hear(fact(1, OK))
    assert disarmed([*story.hear(fact(2, None, event="cms.acked"))]) == ["expect"]


@given(histories())
def test_what_a_post_calls_for_as_it_stands_is_what_its_history_left_armed(facts: list[Fact]) -> None:
    """So a rule that is new to a post may be armed from the post alone."""
    rule = during(P, F, per=GroupBy.TARGET)
    story = Story((rule,))
    left: dict[str, Timer] = {}
    for one in sorted(facts, key=lambda one: one.order):
        for decision in story.hear(one):
            if isinstance(decision, Arm):
                left[decision.timer.key] = decision.timer
            elif isinstance(decision, Disarm):
                left.pop(decision.subject.key, None)
    if facts:
        now = view(story.posts["p1"])
        called_for = {arm.timer.key: arm.timer for arm in standing(RuleIndex([rule]), now)}
        assert {key: timer for key, timer in left.items() if key != "sosyalkopru/p1" or not now.targets} == called_for


RULES_THAT_WAIT = (
    during(P, F),
    during(P, F, per=GroupBy.TARGET),
    during(OK, per=GroupBy.ACCOUNT),
    expect("post.publishing", of="scheduled_at"),
    expect("post.published", of="failed_at", per=GroupBy.TARGET),
    expect("cms.acked", after=["post.published"]),
)


@given(histories(), st.sampled_from(RULES_THAT_WAIT))
def test_only_posts_in_states_that_are_awaited_make_a_rule_wait_as_they_stand(facts: list[Fact], rule: Rule) -> None:
    story = Story(())
    for one in sorted(facts, key=lambda one: one.order):
        story.hear(one)
    for post in story.posts.values():
        if [*standing(RuleIndex([rule]), view(post))]:
            assert post.state in states_awaited([rule]) | WITHDRAWN


def test_a_rule_that_waits_for_nothing_that_stands_asks_for_no_posts() -> None:
    assert not states_awaited([on("post.failed"), expect("cms.acked", after=["post.published"])])
    assert states_awaited([during(P, F)]) == {P, F}
    assert states_awaited([during(P, per=GroupBy.TARGET)]) == frozenset(State) - WITHDRAWN
