"""The fold: any order of arrival and any repetition end in the same post, and every move is reported."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given

from tests.unit.histories import EPOCH, deliveries, fact, target, wild_deliveries
from tracker.domain.posts import arrival, late_facts
from tracker.domain.posts import post as post_module
from tracker.domain.posts.arrival import arrive, arrive_together
from tracker.domain.posts.change import Change
from tracker.domain.posts.event import Fact, State
from tracker.domain.posts.post import Post, Step, evolve, fold


def arrive_all(arrivals: list[Fact]) -> tuple[Post | None, list[Change]]:
    """Feed facts one by one, as the projector does: a fact that is known already is dropped by the log."""
    post: Post | None = None
    seen: list[Fact] = []
    changes: list[Change] = []
    for arrived in arrivals:
        post, change = arrive(post, arrived, seen)
        if arrived not in seen:
            seen.append(arrived)
        changes.append(change)
    return post, changes


def reported(changes: list[Change]) -> Counter[tuple[bool, State]]:
    """How often changes tell that a post, or a target, came where, whichever fact told it and whatever it is called.

    An account may be named later, and an earlier fact may be found to have told it first.
    """
    return Counter((move.target is None, move.after) for change in changes for move in change.moves)


def final_moves(facts: list[Fact]) -> Counter[tuple[bool, State]]:
    return Counter((move.target is None, move.after) for move in fold("sosyalkopru", "p1", facts).moves)


def in_batches(arrivals: list[Fact], cuts: list[int]) -> tuple[Post | None, list[Change]]:
    """Feed facts batch by batch; `cuts` is where they end."""
    post: Post | None = None
    seen: list[Fact] = []
    changes: list[Change] = []
    for begin, end in pairwise(sorted({0, len(arrivals), *cuts})):
        batch = list({one.id: one for one in arrivals[begin:end] if one not in seen}.values())
        if batch:
            post, made = arrive_together(post, batch, seen)
            seen += batch
            changes += made
    return post, changes


@given(wild_deliveries())
def test_whatever_a_provider_says_any_order_and_repetition_give_the_same_post(
    case: tuple[list[Fact], list[Fact], list[int]],
) -> None:
    facts, arrivals, cuts = case
    whole = fold("sosyalkopru", "p1", facts).post
    assert arrive_all(arrivals)[0] == in_batches(arrivals, cuts)[0] == whole
    assert fold("sosyalkopru", "p1", [*arrivals, *facts]).post == whole


@given(wild_deliveries())
def test_whatever_a_provider_says_every_move_of_the_history_was_reported_and_none_twice_by_a_change(
    case: tuple[list[Fact], list[Fact], list[int]],
) -> None:
    facts, arrivals, cuts = case
    for changes in (arrive_all(arrivals)[1], in_batches(arrivals, cuts)[1]):
        assert final_moves(facts) <= reported(changes)
        for change in changes:
            assert max(Counter(move.cause for move in change.moves).values(), default=1) == 1


@pytest.mark.parametrize("later", [0, 1])
@pytest.mark.parametrize("asked_first", [False, True])
def test_an_end_that_a_webhook_and_our_asking_tell_has_come_once(later: int, *, asked_first: bool) -> None:
    """Whichever of them arrives first, and whichever turns out to have been first."""
    parts, arrived = (target("instagram", State.FAILED),), EPOCH + timedelta(minutes=1)
    began = fact(1, State.PUBLISHING, (target("instagram", State.PUBLISHING),))
    webhook = fact(
        5 + later, State.FAILED, parts, unit=timedelta(milliseconds=1), ends_by_name=True, received_at=arrived
    )
    asked = fact(5, State.FAILED, parts, event="post.reconciled", source="reconcile", received_at=arrived)
    changes = arrive_all([began, *((asked, webhook) if asked_first else (webhook, asked))])[1]
    assert reported(changes)[True, State.FAILED] == reported(changes)[False, State.FAILED] == 1


@given(wild_deliveries())
def test_facts_of_a_batch_change_what_they_change_one_by_one(case: tuple[list[Fact], list[Fact], list[int]]) -> None:
    """Also where we say of our own doings in between."""
    arrivals = list({one.id: one for one in case[1]}.values())
    for place in range(len(arrivals), 0, -2):
        second = 7 * place % 60
        arrivals.insert(place, fact(second, None, source="action", event="action.done", detail={"nth": place}))
    post, changes = arrive_all(arrivals)
    assert in_batches(arrivals, case[2]) == (post, changes)


@given(wild_deliveries())
def test_facts_that_change_much_are_folded_together_to_the_same_post(
    case: tuple[list[Fact], list[Fact], list[int]],
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(late_facts, "ENOUGH", 0)
        post, changes = in_batches(case[1], case[2])
    assert post == fold("sosyalkopru", "p1", case[0]).post
    assert final_moves(case[0]) <= reported(changes)


def test_thousands_of_late_facts_of_one_post_cost_a_few_folds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever they change: alternating ends and attempts, the last one first."""
    evolved = Counter[str]()

    def counted(post: Post, one: Fact) -> Step:
        evolved["times"] += 1
        return evolve(post, one)

    for module in (post_module, arrival, late_facts):
        monkeypatch.setattr(module, "evolve", counted)
    states = (State.SCHEDULED, State.PUBLISHING, State.FAILED, State.PUBLISHED)
    late = [fact(n, states[n % 4], (target("x", states[n % 4], "a"),)) for n in range(2000, 0, -1)]
    known = [fact(9000, State.PUBLISHED)]
    post, changes = arrive_together(arrive(None, known[0])[0], late, known)
    assert len(changes) == len(late)
    assert evolved["times"] < 5 * len(late)
    assert post == fold("sosyalkopru", "p1", [*late, *known]).post


@given(wild_deliveries())
def test_whatever_a_provider_says_a_fold_may_start_from_what_came_before(
    case: tuple[list[Fact], list[Fact], list[int]],
) -> None:
    facts = sorted({f.id: f for f in case[0]}.values(), key=lambda f: f.order)
    whole = fold("sosyalkopru", "p1", facts).post
    for cut in range(len(facts) + 1):
        start = fold("sosyalkopru", "p1", facts[:cut]).post
        kept = msgspec.json.decode(msgspec.json.encode(start), type=Post)
        assert fold("sosyalkopru", "p1", facts[cut:], kept).post == whole


@given(deliveries())
def test_any_order_and_any_repetition_give_the_same_post(case: tuple[list[Fact], list[Fact]]) -> None:
    facts, arrivals = case
    post, _ = arrive_all(arrivals)
    assert (post or Post("sosyalkopru", "p1")) == fold("sosyalkopru", "p1", facts).post


@given(deliveries())
def test_every_move_of_the_final_history_was_reported(case: tuple[list[Fact], list[Fact]]) -> None:
    facts, arrivals = case
    _, changes = arrive_all(arrivals)
    assert final_moves(facts) <= reported(changes)


@given(deliveries())
def test_repeating_everything_reports_nothing_new(case: tuple[list[Fact], list[Fact]]) -> None:
    facts, arrivals = case
    post, _ = arrive_all(arrivals)
    for again in facts:
        post_again, change = arrive(post, again, facts)
        assert (post_again, change.moves) == (post, ())


@given(deliveries())
def test_a_fold_may_start_from_the_fold_of_what_came_before(case: tuple[list[Fact], list[Fact]]) -> None:
    facts = sorted({f.id: f for f in case[0]}.values(), key=lambda f: f.order)
    whole = fold("sosyalkopru", "p1", facts).post
    for cut in range(len(facts) + 1):
        start = fold("sosyalkopru", "p1", facts[:cut]).post
        assert fold("sosyalkopru", "p1", facts[cut:], start).post == whole


def test_published_beside_failed_is_partial() -> None:
    post, _ = arrive_all([fact(1, None, (target("x", State.PUBLISHED), target("instagram", State.FAILED)))])
    assert post is not None
    assert post.state is State.PARTIAL
    assert post.problem is not None


def test_publishing_after_failed_is_a_new_attempt() -> None:
    post, changes = arrive_all([fact(1, State.PUBLISHING), fact(2, State.FAILED), fact(3, State.PUBLISHING)])
    assert post is not None
    assert (post.state, post.attempt) == (State.PUBLISHING, 2)
    assert [change.attempt for change in changes] == [1, 1, 2]


def test_a_late_fact_of_an_older_attempt_changes_nothing_and_says_so() -> None:
    post, changes = arrive_all([fact(5, State.PUBLISHED, attempt=2), fact(6, State.FAILED, attempt=1)])
    assert post is not None
    assert post.state is State.PUBLISHED
    assert [note.code for note in changes[1].notes] == ["older_attempt"]


def test_a_late_fact_yields_only_the_new_move_and_marks_it_superseded() -> None:
    post, changes = arrive_all([fact(1, State.PUBLISHING), fact(9, State.PUBLISHED), fact(5, State.FAILED)])
    assert post is not None
    assert post.state is State.PUBLISHED
    assert [(m.after, m.superseded) for m in changes[2].moves] == [(State.FAILED, True)]
    assert changes[2].kind == "revised"


def test_a_fact_without_targets_speaks_for_every_target_of_its_attempt() -> None:
    both = (target("x", State.PUBLISHING), target("instagram", State.PUBLISHING))
    post, changes = arrive_all([fact(1, State.PUBLISHING, both), fact(2, State.FAILED)])
    assert post is not None
    assert {t.state for t in post.targets.values()} == {State.FAILED}
    assert {move.target for move in changes[1].moves} == {"x#1", "instagram#1", None}


def test_a_retry_without_targets_speaks_for_those_that_failed() -> None:
    ended = (target("x", State.PUBLISHED), target("instagram", State.FAILED))
    post, _ = arrive_all([fact(1, None, ended), fact(2, State.PUBLISHING), fact(3, State.PUBLISHED)])
    assert post is not None
    assert {key: t.attempt for key, t in post.targets.items()} == {"x#1": 1, "instagram#1": 2}
    assert post.state is State.PUBLISHED


def test_an_aggregate_that_contradicts_its_targets_is_flagged() -> None:
    told = (target("x", State.PUBLISHED), target("instagram", State.FAILED))
    _, changes = arrive_all([fact(1, State.PUBLISHED, told)])
    assert [note.code for note in changes[0].notes] == ["disagrees"]
    assert changes[0].after is State.PARTIAL


def test_an_unknown_status_is_kept_and_explained() -> None:
    post, changes = arrive_all([fact(1, State.SCHEDULED), fact(2, None, raw_status="ARCHIVED")])
    assert post is not None
    assert post.state is State.SCHEDULED
    assert [note.code for note in changes[1].notes] == ["unknown_status"]


def test_an_event_whose_name_contradicts_its_status_is_flagged_and_the_status_counts() -> None:
    post, changes = arrive_all([fact(1, State.FAILED, event="post.published")])
    assert post is not None
    assert post.state is State.FAILED
    assert [note.code for note in changes[0].notes] == ["event_disagrees"]


def test_two_accounts_of_one_platform_are_two_targets() -> None:
    two = (target("instagram", State.PUBLISHED, ordinal=1), target("instagram", State.FAILED, ordinal=2))
    post, _ = arrive_all([fact(1, None, two)])
    assert post is not None
    assert sorted(post.targets) == ["instagram#1", "instagram#2"]


def test_published_then_removed_is_removed() -> None:
    post, _ = arrive_all([fact(1, State.PUBLISHED, (target("x", State.PUBLISHED),)), fact(2, State.REMOVED)])
    assert post is not None
    assert post.state is State.REMOVED


def test_what_we_did_ourselves_is_no_sign_of_life_from_the_provider() -> None:
    post, _ = arrive_all([fact(1, State.PUBLISHING), fact(60, None, source="action")])
    assert post is not None
    assert post.last_event_at == fact(1, None).occurred_at


def test_that_we_asked_for_a_retry_begins_the_next_attempt_of_what_failed() -> None:
    ended = (target("x", State.PUBLISHED), target("instagram", State.FAILED))
    post, _ = arrive_all([fact(1, None, ended), fact(2, State.RETRYING, attempt=2, source="action")])
    assert post is not None
    assert {key: (t.state, t.attempt) for key, t in post.targets.items()} == {
        "x#1": (State.PUBLISHED, 1),
        "instagram#1": (State.RETRYING, 2),
    }


def test_that_we_asked_for_a_retry_says_nothing_once_the_attempt_has_begun() -> None:
    told = [fact(1, State.FAILED), fact(2, State.PUBLISHING), fact(3, State.PUBLISHED)]
    post, _ = arrive_all([*told, fact(9, State.RETRYING, attempt=2, source="action")])
    assert post is not None
    assert (post.state, post.attempt) == (State.PUBLISHED, 2)


def test_what_we_say_of_our_own_doings_has_no_place_in_the_order() -> None:
    """However it comes, alone or with others, before or after them: the post is the same, and nobody is late for it."""
    published, failed = fact(10, State.PUBLISHED), fact(5, State.FAILED)
    ended = fact(20, None, source="action", event="action.done", detail={"action": "a"})
    post, changes = arrive_all([failed, ended, published])
    assert [change.kind for change in changes] == ["moved", "noted", "moved"]
    assert post == fold("sosyalkopru", "p1", [failed, published]).post == in_batches([published, ended, failed], [1])[0]
    assert post is not None
    assert (post.version, post.last_order) == (2, published.order)
    context = changes[1].context
    assert context is not None
    assert context.state is State.FAILED
    alone, (noted,) = arrive_together(None, [ended])
    assert (alone.version, noted.before, noted.kind) == (0, None, "noted")
    known, _ = arrive_together(post, [ended])
    assert known is post
