"""The simulated provider's stories and faults: fixed by the seed, and never against the rules of a post's life."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.domain.posts.event import State
from tracker.domain.posts.target import derive
from tracker.errors import Rejected
from tracker.simulator.faults import Fate, Faults, fate
from tracker.simulator.simulator import PLATFORMS
from tracker.simulator.story import PROBLEMS, Odds, Step, Subject, plan_story, read_wishes

SEEDS = st.text("abc0123", min_size=1, max_size=5)
SUBJECTS = st.builds(
    Subject, st.just("post_1"), st.lists(st.sampled_from(PLATFORMS), min_size=1, max_size=5).map(tuple)
)
EVEN = Odds(fails=0.5, slow=0.1)


def states(step: Step) -> dict[str, State]:
    """The state of each target after the step."""
    return {target.key: target.state for target in step.targets}


def last(text: str, attempt: int = 1, platforms: tuple[str, ...] = ("instagram", "x")) -> Step:
    """How an attempt at a post with this text ends."""
    return plan_story("0", Subject("post_1", platforms, read_wishes(text)), attempt, EVEN)[-1]


@given(SEEDS, SUBJECTS, st.integers(1, 4))
def test_the_same_seed_tells_the_same_story(seed: str, subject: Subject, attempt: int) -> None:
    """A story is a function of seed, post, platforms and attempt."""
    assert plan_story(seed, subject, attempt, EVEN) == plan_story(seed, subject, attempt, EVEN)


def test_seeds_posts_and_attempts_have_stories_of_their_own() -> None:
    """Nothing that should vary is constant."""
    told = [plan_story(seed, Subject(post, ("x",)), n, EVEN) for seed in "ab" for post in ("p", "q") for n in (1, 2)]
    assert len({steps[0].after for steps in told}) == len(told)


@given(SEEDS, SUBJECTS)
def test_an_attempt_begins_publishing_and_each_platform_ends_once(seed: str, subject: Subject) -> None:
    """Time moves on, one target ends with each step, and the last step leaves none open."""
    first, *rest = plan_story(seed, subject, 1, EVEN)
    assert (first.event, set(states(first).values())) == ("post.publishing", {State.PUBLISHING})
    assert len(rest) == len(subject.platforms)
    for before, after in zip([first, *rest], rest, strict=False):
        assert after.after > before.after
        changed = [key for key, state in states(after).items() if state is not states(before)[key]]
        assert len(changed) == 1
    assert State.PUBLISHING not in states(rest[-1]).values()


@given(SEEDS, SUBJECTS, st.sampled_from(["partial", "published", "failed"]))
def test_only_the_last_step_claims_an_end(seed: str, subject: Subject, mixed: str) -> None:
    """Before it the whole is publishing; then it is what its targets are, or what the provider calls a mixture."""
    *steps, end = plan_story(seed, subject, 1, Odds(fails=0.5, mixed=mixed))  # type: ignore[arg-type]  # one of the three
    assert {(step.event, step.status) for step in steps[1:]} <= {("post.updated", State.PUBLISHING)}
    derived = derive(states(end).values())
    assert end.status == (mixed if derived is State.PARTIAL else derived)
    assert end.event == ("post.failed" if end.status is State.FAILED else "post.published")
    assert (end.problem is None) is (end.status is State.PUBLISHED)


@given(SEEDS, SUBJECTS, st.integers(2, 4))
def test_a_retry_takes_up_only_what_failed(seed: str, subject: Subject, attempt: int) -> None:
    """What was published stays so, with its address; what could not be retried fails for the same reason."""
    before, steps = plan_story(seed, subject, attempt - 1, EVEN)[-1], plan_story(seed, subject, attempt, EVEN)
    for old, new in zip(before.targets, steps[-1].targets, strict=True):
        if old.state is State.PUBLISHED:
            assert all(old in step.targets for step in steps)
        elif old.problem and not old.problem.retryable:
            assert new.problem == old.problem


@given(SEEDS, SUBJECTS)
def test_a_target_has_an_address_or_a_problem_and_never_both(seed: str, subject: Subject) -> None:
    """Published has the one, failed has the other, publishing has neither."""
    for step in plan_story(seed, subject, 1, EVEN):
        for target in step.targets:
            assert (target.url is not None) is (target.state is State.PUBLISHED)
            assert (target.problem is not None) is (target.state is State.FAILED)


@pytest.mark.parametrize(
    ("text", "attempt", "instagram", "x"),
    [
        ("#publish", 1, None, None),
        ("Good morning #fail=timeout", 1, "timeout", "timeout"),
        ("#fail=timeout", 3, "timeout", "timeout"),
        ("#fail=timeout*2", 2, "timeout", "timeout"),
        ("#fail=timeout*2", 3, None, None),
        ("#fail=auth_expired@x", 1, None, "auth_expired"),
        ("#fail=timeout*1@x #fail=media_rejected@instagram", 2, "media_rejected", None),
    ],
)
def test_a_text_can_wish_for_its_fate(text: str, attempt: int, instagram: str | None, x: str | None) -> None:
    """Words in a post's text decide, whatever the seed says."""
    problems = [target.problem and target.problem.code for target in last(text, attempt).targets]
    assert problems == [instagram, x]


def test_a_post_can_wish_to_be_slow_or_never_to_end() -> None:
    """Both leave the post publishing for longer than anyone should wait in silence."""
    assert last("#slow #publish").after > timedelta(minutes=20)
    assert last("#never").event == "post.publishing"


def test_an_impossible_wish_is_refused_with_the_nearest_possible_one() -> None:
    """A misspelt reason is not taken for none."""
    with pytest.raises(Rejected, match=r'"timout" is no reason to fail \(did you mean "timeout"\?\)'):
        read_wishes("#fail=timout")


def test_there_are_problems_that_a_retry_mends_and_others() -> None:
    """Rules that look at `retryable` can be shown both."""
    assert {problem.retryable for problem in PROBLEMS.values()} == {True, False}


@given(SEEDS, st.integers(1, 5))
def test_without_faults_every_delivery_is_sent_at_once_and_once(seed: str, nth: int) -> None:
    """The default is a provider that does nothing wrong."""
    assert fate(seed, "wh_1", "post_1", nth, Faults()) == Fate()


@given(SEEDS, st.integers(1, 5))
def test_the_same_seed_has_the_same_faults(seed: str, nth: int) -> None:
    """The fate of a delivery is a function of seed, webhook, post and number."""
    faults = Faults(repeated=0.5, late=0.5, lost=0.2, silent=0.2)
    assert fate(seed, "wh_1", "post_1", nth, faults) == fate(seed, "wh_1", "post_1", nth, faults)


def test_faults_are_as_frequent_as_they_are_said_to_be() -> None:
    """Of a thousand deliveries, each fault strikes about its share."""
    faults = Faults(repeated=0.3, late=0.2, lost=0.1)
    fates = [fate("0", "wh_1", f"post_{n}", 1, faults) for n in range(1000)]
    sent = [one for one in fates if not one.lost]
    assert 70 < len(fates) - len(sent) < 130
    assert 0.25 < sum(bool(one.repeats) for one in sent) / len(sent) < 0.35
    assert 0.15 < sum(bool(one.delay) for one in sent) / len(sent) < 0.25
    assert all(one.delay < faults.latest for one in sent)


def test_a_silent_post_stays_silent() -> None:
    """Once nothing is heard about a post, nothing is heard again; some are silent from the beginning."""
    lost = [[fate("0", "wh_1", f"post_{n}", nth, Faults(silent=0.5)).lost for nth in range(1, 6)] for n in range(100)]
    assert all(fates == sorted(fates) for fates in lost)
    assert {fates.index(True) for fates in lost if any(fates)} == {0, 1, 2}
    assert 30 < sum(any(fates) for fates in lost) < 70
