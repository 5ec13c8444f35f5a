"""What an order about many passes over, and why."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.domain.plans import MOVES, OPEN, REASONS, STATES, USUAL, VERBS, helps, passes_over_action, passes_over_post
from tracker.domain.posts.event import Problem, State
from tracker.domain.posts.post import Post
from tracker.domain.posts.target import FALLEN_SHORT, Target
from tracker.queries.actions import STATES as ACTION_STATES

PROBLEMS = st.none() | st.builds(Problem, st.just("x"), st.just(""), st.none() | st.booleans())
TARGETS = st.builds(Target, platform=st.just("x"), state=st.sampled_from(State), problem=PROBLEMS)
POSTS = st.builds(
    Post, st.just("p"), st.just("1"), st.sampled_from(State), whole=st.none() | TARGETS,
    targets=st.dictionaries(st.text(max_size=3), TARGETS, max_size=4),
)  # fmt: skip


@given(POSTS, st.sampled_from(VERBS["posts"]), st.booleans(), st.booleans())
def test_all_means_whatever_the_usual_means_and_only_what_is_known_to_be_of_no_use_is_added(
    post: Post, verb: str, under_way: bool, everything: bool
) -> None:
    usual = passes_over_post(verb, post, under_way, include_all=False)
    every = passes_over_post(verb, post, under_way, include_all=True)
    assert every == (None if usual == "will_not_help" else usual)
    assert usual is None or usual in REASONS
    if passes_over_post(verb, post, under_way, everything) is None and verb == "retry":
        assert post.state in FALLEN_SHORT
        assert not under_way


@given(POSTS)
def test_trying_again_helps_unless_every_part_that_failed_is_known_to_be_past_help(post: Post) -> None:
    parts = [part for part in post.parts if part.state in FALLEN_SHORT]
    whole = post.whole.problem if post.whole else None
    if parts:
        hopeless = all((problem := part.problem or whole) and problem.retryable is False for part in parts)
        assert helps(post) is not hopeless


def test_a_target_that_may_be_published_yet_is_worth_a_try_beside_one_that_may_not() -> None:
    past_help = Target(platform="x", state=State.FAILED, problem=Problem("rejected", "", retryable=False))
    open_one = Target(platform="instagram", state=State.FAILED, problem=Problem("timeout", "", retryable=True))
    post = Post("p", "1", State.FAILED, targets={"x#1": past_help})
    assert passes_over_post("retry", post, False, False) == "will_not_help"
    both = Post("p", "1", State.FAILED, targets={"x#1": past_help, "instagram#1": open_one})
    assert passes_over_post("retry", both, False, False) is None
    assert passes_over_post("retry", both, True, True) == "under_way"


@given(st.sampled_from(VERBS["actions"]), st.none() | st.sampled_from(ACTION_STATES), st.booleans())
def test_what_is_under_way_or_never_to_be_done_is_left_alone(verb: str, state: str | None, everything: bool) -> None:
    reason = passes_over_action(verb, state, everything)
    assert reason is None or reason in REASONS
    assert (reason is None) is (state in OPEN[verb] or (verb == "retry" and state == "done" and everything))


@pytest.mark.parametrize("state", STATES)
def test_nobody_leaves_an_end(state: str) -> None:
    ways = {to for to, origins in MOVES.items() if state in origins}
    assert (ways == set()) is (state in ("done", "cancelled"))
    assert set(MOVES) <= set(STATES)


def test_what_is_usual_is_ordered() -> None:
    """The states that an order is about where none is named are some for which it is given."""
    for (subject, verb), states in USUAL.items():
        for state in states:
            post = Post("p", "1", State(state)) if subject == "posts" else None
            passed_over = passes_over_post(verb, post, False, False) if post else passes_over_action(verb, state, False)
            assert passed_over is None
