"""An end that is said again by its own event: nothing changes, and yet it has happened once more."""

from __future__ import annotations

from msgspec.structs import replace

from tests.unit.histories import fact, target
from tests.unit.test_naming import codes, followed, told
from tracker.domain.posts.change import Move
from tracker.domain.posts.event import Fact, Problem, State, TargetFact
from tracker.domain.posts.post import view
from tracker.domain.rules.event_pattern import parse_event_pattern


def end(second: int, state: State = State.FAILED, *targets: TargetFact, **more: object) -> Fact:
    return fact(second, state, targets, ends_by_name=True, **more)


def again(*facts: Fact) -> list[tuple[str | None, str]]:
    """What the last of the facts says again."""
    _, changes = followed(*facts)
    return [(move.target, str(move.after)) for move in changes[-1].moves if move.again]


def test_a_second_failure_is_said_again() -> None:
    assert again(end(0), end(1800)) == [(None, "failed")]
    post = told(end(0), end(1800))
    assert (post.attempt, post.times, view(post).times) == (1, 2, 2)
    assert (post.entered_at, post.failed_at) == (end(0).occurred_at, end(1800).occurred_at)


def test_the_targets_that_it_names_are_said_again_with_it() -> None:
    failed = (target("x", State.FAILED, "a"),)
    assert again(end(0, State.FAILED, *failed), end(60, State.FAILED, *failed)) == [("x:a", "failed"), (None, "failed")]
    assert again(end(0, State.FAILED, *failed), end(60)) == [("x:a", "failed"), (None, "failed")]
    assert again(end(0, State.FAILED, *failed), end(60), end(90)) == [("x:a", "failed"), (None, "failed")]


def test_one_failure_that_is_told_by_two_events_is_one() -> None:
    alone = fact(0, None, (target("x", State.FAILED, "a"),), event="post.platform.failed")
    both = end(1, State.FAILED, target("x", State.FAILED, "a"))
    assert again(alone, both) == []
    later = replace(alone, id="later", occurred_at=both.occurred_at, received_at=fact(60, None).received_at)
    assert again(alone, both, later) == []
    assert again(alone, both, later, end(61, State.FAILED, target("x", State.FAILED, "a"))) == [
        ("x:a", "failed"), (None, "failed"),
    ]  # fmt: skip


def test_what_we_ask_or_do_ourselves_says_nothing_again() -> None:
    for source in ("reconcile", "action", "manual"):
        assert again(end(0), end(9, source=source)) == []


def test_a_status_that_is_repeated_says_nothing_again() -> None:
    assert again(fact(0, State.FAILED, event="post.changed"), fact(9, State.FAILED, event="post.changed")) == []


def test_what_is_published_again_shows_the_newest_time_and_address() -> None:
    one, two = (replace(target("x", State.PUBLISHED, "a"), url=f"https://x.com/{n}") for n in (1, 2))
    post = told(end(0, State.PUBLISHED, one), end(3600, State.PUBLISHED, two))
    assert post.published_at == end(3600).occurred_at
    assert [(part.url, part.times) for part in post.parts] == [("https://x.com/2", 2)]
    assert [m.occurred_at for m in moves(end(0, State.PUBLISHED, one), end(3600, State.PUBLISHED, two))] == [
        end(0).occurred_at, end(3600).occurred_at,
    ]  # fmt: skip


def moves(*facts: Fact) -> list[Move]:
    """Those of the post as a whole."""
    return [move for change in followed(*facts)[1] for move in change.moves if move.target is None]


def test_another_attempt_counts_as_once_more() -> None:
    post = told(end(0), fact(5, State.PUBLISHING), end(9))
    assert (post.attempt, post.times) == (2, 2)
    assert told(end(0), end(3), fact(5, State.PUBLISHING), end(9, State.PUBLISHED)).times == 1


def test_it_is_the_event_and_no_transition() -> None:
    _, changes = followed(end(0), end(1800))
    (move,) = changes[1].moves
    assert parse_event_pattern("post.failed").admits(move)
    assert parse_event_pattern("post.*").admits(move)
    for transition in ("* -> failed", "failed -> failed", "publishing -> failed"):
        assert not parse_event_pattern(transition).admits(move)


def test_what_has_ended_well_has_no_error() -> None:
    left_over = replace(target("x", State.PUBLISHED, "a"), problem=Problem("late", "max retries reached"))
    post = told(fact(0, State.PUBLISHED, (left_over,)))
    assert (post.problem, post.targets["x:a"].problem) == (None, None)
    for state in (State.CANCELLED, State.REMOVED, State.PUBLISHED):
        assert told(fact(0, State.FAILED, problem=Problem("e")), fact(1, state)).problem is None


def test_the_error_of_the_whole_stands_for_targets_that_have_none() -> None:
    alone = fact(0, None, (TargetFact("x", "a", state=State.FAILED),))
    post = told(alone, fact(1, State.FAILED, problem=Problem("137", "Duplicate content")))
    assert post.problem == Problem("137", "Duplicate content")


def test_what_was_odd_in_reading_a_fact_is_a_note() -> None:
    post = told(fact(0, State.PUBLISHED, remarks=(("unreadable_time", 'the time "soon" could not be read'),)))
    assert codes(post) == ["unreadable_time"]
