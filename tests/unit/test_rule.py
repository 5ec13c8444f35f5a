"""What rules make of a change: given a rule, when a fact arrives, then these decisions."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from msgspec.structs import replace

from tests.unit.histories import deliveries, fact, histories, target
from tests.unit.reactions import RETRY, Story, broken, match, on, retryable
from tracker.domain.posts.arrival import arrive
from tracker.domain.posts.event import Fact, Problem, State
from tracker.domain.rules.decision import Cancel, Declined, Failed, Fire, Resolve, Settle, Suppressed
from tracker.domain.rules.event_pattern import EventName, StateEntered, Transition, parse_event_pattern
from tracker.domain.rules.grouping import GroupBy
from tracker.domain.rules.rule_index import RuleIndex, labels_of
from tracker.domain.rules.step import AlertStep

P, F, OK = State.PUBLISHING, State.FAILED, State.PUBLISHED


def fires(decisions: Sequence[object]) -> list[str]:
    """The keys of the firings."""
    return [one.subject.key for one in decisions if isinstance(one, Fire)]


def kinds(decisions: Sequence[object]) -> list[type]:
    return [type(one) for one in decisions]


def test_a_rule_fires_when_its_state_is_entered_whatever_the_event_was_called() -> None:
    story = Story((on("post.failed"),))
    assert fires(story.hear(fact(1, F, event="post.updated"))) == ["sosyalkopru/p1"]


def test_an_event_that_only_bears_the_name_of_a_state_does_not_enter_it() -> None:
    story = Story((on("post.failed"),))
    assert fires(story.hear(fact(1, OK, event="post.failed"))) == []


def test_a_state_that_holds_already_is_not_entered_again() -> None:
    story = Story((on("post.failed"),))
    assert fires(story.hear_all([fact(1, F), fact(2, F)])) == ["sosyalkopru/p1"]


def test_a_new_attempt_at_the_same_state_enters_it_again() -> None:
    story = Story((on("post.failed"),))
    assert len(fires(story.hear_all([fact(1, F), fact(2, P), fact(3, F)]))) == 2


@pytest.mark.parametrize(
    ("word", "expected"),
    [("publishing -> failed", 1), ("* -> failed", 1), ("publishing -> *", 1), ("scheduled -> failed", 0)],
)
def test_a_transition_needs_both_of_its_sides(word: str, expected: int) -> None:
    story = Story((on(word),))
    assert len(fires(story.hear_all([fact(1, P), fact(2, F)]))) == expected


def test_a_word_that_is_no_state_matches_the_events_name() -> None:
    story = Story((on("account.disconnected"),))
    gone = fact(1, None, event="account.disconnected", post=None, detail={"account": "acc_1"})
    decisions = story.hear(gone)
    assert fires(decisions) == ["sosyalkopru/"]
    assert isinstance(decisions[0], Fire)
    assert decisions[0].cause == f"{gone.id}:account.disconnected"


def test_a_glob_takes_states_and_events_and_fires_once_for_a_fact() -> None:
    story = Story((on("post.*"),))
    assert len(fires(story.hear(fact(1, F)))) == 1
    assert len(fires(story.hear(fact(2, None)))) == 1


def test_a_rule_with_several_words_fires_once_for_a_fact() -> None:
    story = Story((on("post.failed", "* -> failed", "post.*"),))
    assert len(fires(story.hear(fact(1, F)))) == 1


def test_per_target_fires_for_each_target_that_moved() -> None:
    story = Story((on("post.failed", per=GroupBy.TARGET),))
    both = fact(1, F, (target("instagram", F, "acc_1"), target("x", F)))
    assert fires(story.hear(both)) == ["sosyalkopru/p1/instagram:acc_1", "sosyalkopru/p1/x#1"]


def test_a_post_without_targets_is_its_own_only_target() -> None:
    story = Story((on("post.failed", per=GroupBy.TARGET),))
    assert fires(story.hear(fact(1, F))) == ["sosyalkopru/p1"]


@pytest.mark.parametrize(
    ("per", "keys"),
    [
        (GroupBy.POST, ["sosyalkopru/p1"]),
        (GroupBy.ACCOUNT, ["sosyalkopru/instagram:acc_1", "sosyalkopru/x:?"]),
        (GroupBy.PLATFORM, ["sosyalkopru/instagram", "sosyalkopru/x"]),
        (GroupBy.PROVIDER, ["sosyalkopru", "sosyalkopru"]),
    ],
)
def test_per_decides_what_counts_as_one(per: GroupBy, keys: list[str]) -> None:
    story = Story((on("post.failed", per=per),))
    assert fires(story.hear(fact(1, F, (target("instagram", F, "acc_1"), target("x", F))))) == keys


def test_match_on_a_platform_holds_for_a_post_that_has_it_among_others() -> None:
    story = Story((on("post.failed", match=match(platform="insta*")),))
    assert len(fires(story.hear(fact(1, F, (target("x", F), target("instagram", F)))))) == 1


def test_match_on_a_platform_holds_only_for_that_target() -> None:
    story = Story((on("post.failed", per=GroupBy.TARGET, match=match(platform="instagram", account="acc_*")),))
    told = (target("x", F, "acc_2"), target("instagram", F, "acc_1"), target("instagram", F, "other"))
    assert fires(story.hear(fact(1, F, told))) == ["sosyalkopru/p1/instagram:acc_1"]


@pytest.mark.parametrize("words", [{"provider": "other"}, {"state": "published"}, {"platform": "x"}])
def test_a_match_that_does_not_hold_keeps_the_rule_silent(words: dict[str, str]) -> None:
    story = Story((on("post.failed", match=match(**words)),))
    assert story.hear(fact(1, F, (target("instagram", F),))) == []


def test_only_true_fires() -> None:
    story = Story((on("post.failed", when=retryable),))
    assert fires(story.hear(fact(1, F, problem=Problem("policy", retryable=False)))) == []
    assert fires(story.hear_all([fact(2, P), fact(3, F, problem=Problem("timeout", retryable=True))])) != []


def test_a_condition_that_cannot_be_evaluated_does_not_fire_and_says_why() -> None:
    (decision,) = Story((on("post.failed", when=broken),)).hear(fact(1, F))
    assert isinstance(decision, Failed)
    assert decision.detail == "divide by zero"


def test_a_late_fact_that_was_overruled_already_is_suppressed() -> None:
    story = Story((on("post.failed"),))
    story.hear_all([fact(1, P), fact(9, OK)])
    (decision,) = story.hear(fact(5, F))
    assert isinstance(decision, Suppressed)
    assert decision.detail == "superseded"


def test_a_late_fact_that_still_holds_fires() -> None:
    story = Story((on("post.failed"),))
    story.hear(fact(9, None))
    assert len(fires(story.hear(fact(5, F)))) == 1


def test_what_our_own_action_changed_counts_like_any_change() -> None:
    story = Story((on("post.retrying"),))
    story.hear(fact(1, F))
    assert len(fires(story.hear(fact(2, State.RETRYING, event="action.done", source="action")))) == 1


def test_no_rule_reacts_to_the_news_of_our_own_actions() -> None:
    story = Story((on("post.*"), on("*.*", id="s")))
    assert story.hear(fact(1, None, event="action.dead", source="action")) == []


def test_a_rule_that_retries_hears_of_a_failure_that_its_condition_declines() -> None:
    (decision,) = Story((on("post.failed", when=retryable, do=[RETRY]),)).hear(fact(1, F))
    assert isinstance(decision, Declined)


def test_cancel_on_names_the_run_of_that_target_only() -> None:
    rule = on("post.failed", per=GroupBy.TARGET, cancel_on=["post.published"])
    story = Story((rule,))
    story.hear(fact(1, F, (target("x", F), target("instagram", F))))
    cancels = [one for one in story.hear(fact(2, OK, (target("x", OK),))) if isinstance(one, Cancel)]
    assert [(one.subject.key, one.by) for one in cancels] == [("sosyalkopru/p1/x#1", "post.published")]


def test_an_event_of_the_whole_post_cancels_for_every_target() -> None:
    story = Story((on("post.failed", per=GroupBy.TARGET, cancel_on=["post.archived"]),))
    story.hear(fact(1, F, (target("x", F), target("instagram", F))))
    cancels = [one.subject.key for one in story.hear(fact(2, None, event="post.archived"))]  # type: ignore[union-attr]  # all are Cancel
    assert cancels == ["sosyalkopru/p1/instagram#1", "sosyalkopru/p1/x#1"]


@pytest.mark.parametrize("state", [OK, State.CANCELLED, State.REMOVED])
def test_a_retrying_rule_hears_where_the_post_settled(state: State) -> None:
    story = Story((on("post.failed", do=[RETRY]),))
    story.hear(fact(1, F))
    settled = [one for one in story.hear(fact(2, state)) if isinstance(one, Settle)]
    assert [one.state for one in settled] == [state]


def test_leaving_the_state_resolves_the_alerts_about_it() -> None:
    told_twice = AlertStep("ops", str, resolves=True)
    story = Story((on("post.failed", "post.partial", do=[told_twice]),))
    story.hear(fact(1, F))
    assert Resolve not in kinds(story.hear(fact(2, State.PARTIAL)))
    assert Resolve in kinds(story.hear(fact(3, OK)))


def test_the_context_of_a_firing_tells_of_the_target_and_its_error() -> None:
    (decision,) = Story((on("post.failed", per=GroupBy.TARGET),)).hear(fact(1, F, (target("instagram", F, "acc_1"),)))
    assert isinstance(decision, Fire)
    wanted = {"post.id": "p1", "target.account": "acc_1", "error.code": "timeout", "error.retryable": True}
    assert wanted.items() <= decision.context.items()


@given(deliveries())
def test_facts_told_again_fire_nothing_that_has_not_fired(told: tuple[list[Fact], list[Fact]]) -> None:
    _, arriving = told
    rules = (on("post.failed", per=GroupBy.TARGET), on("* -> published", id="s"))
    once, twice = (
        {(one.rule.id, one.subject.key, one.cause) for one in Story(rules).hear_all(facts) if isinstance(one, Fire)}
        for facts in (arriving, [*arriving, *arriving])
    )
    assert once == twice


@given(histories())
def test_facts_that_arrive_in_their_order_are_never_suppressed(facts: list[Fact]) -> None:
    in_order = sorted(facts, key=lambda one: one.order)
    assert not any(isinstance(one, Suppressed) for one in Story((on("post.*", per=GroupBy.TARGET),)).hear_all(in_order))


def test_a_thousand_rules_about_other_things_are_not_tried() -> None:
    def never(values: object) -> None:
        raise AssertionError("tried")

    others = [on(f"other.event{n}", id=f"r{n}", when=never) for n in range(500)]
    others += [on("post.removed", id=f"s{n}", when=never) for n in range(500)]
    index = RuleIndex([*others, on("post.failed")])
    _, change = arrive(None, fact(1, F))
    assert [rule.id for rule in index.on.rules(change, labels_of(change.provider, change.context))] == ["r"]


def test_a_disabled_rule_is_as_if_absent() -> None:
    assert Story((replace(on("post.failed"), enabled=False),)).hear(fact(1, F)) == []


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("post.failed", StateEntered(F)),
        ("publishing -> failed", Transition(P, F)),
        ("*->post.failed", Transition(None, F)),
        ("post.updated", EventName("post.updated")),
        ("post.deleted", EventName("post.deleted")),
        ("post.created", EventName("post.created")),
        ("account.*", EventName("account.*")),
    ],
)
def test_a_word_is_a_state_a_transition_or_an_event(text: str, word: object) -> None:
    assert parse_event_pattern(text) == word


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("post.faild", 'did you mean "post.failed"?'),
        ("post.publish", 'did you mean "post.published"?'),
        ("failed", 'did you mean "post.failed"?'),
        ("publishing -> faild", 'did you mean "failed"?'),
        ("action.done", '"exhausted"'),
        ("", "neither an event"),
    ],
)
def test_a_word_that_means_nothing_is_refused_with_the_nearest_right_one(text: str, hint: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        parse_event_pattern(text)
    assert hint in str(refused.value)
