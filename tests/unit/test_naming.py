"""Who a target is, whatever a message calls it: named more fully, or less, listed, left out, or several of one."""

from __future__ import annotations

from itertools import permutations

import pytest
from msgspec.structs import replace

from tests.unit.histories import fact, target
from tracker.domain.posts.arrival import arrive
from tracker.domain.posts.change import Change
from tracker.domain.posts.event import Fact, State, TargetFact
from tracker.domain.posts.post import Post, fold


def told(*facts: Fact) -> Post:
    """The post, which is the same however its facts come."""
    post = fold("sosyalkopru", "p1", facts).post
    for order in permutations(facts):
        assert followed(*order)[0] == post
    return post


def followed(*facts: Fact) -> tuple[Post | None, list[Change]]:
    post, seen, changes = None, list[Fact](), list[Change]()
    for one in facts:
        post, change = arrive(post, one, seen)
        seen.append(one)
        changes.append(change)
    return post, changes


def states(post: Post) -> dict[str, str]:
    return {key: str(one.state) for key, one in post.targets.items()}


def codes(post: Post) -> list[str]:
    return [note.code for note in post.notes]


def item(name: str, state: State, account: str = "spc", platform: str = "instagram") -> TargetFact:
    return replace(target(platform, state, account), item=name)


def whole(second: int, state: State, *targets: TargetFact, **more: object) -> Fact:
    """A listing of the whole post."""
    return fact(second, state, targets, lists_whole=True, **more)


SCHEDULED, PUBLISHING, PUBLISHED, FAILED = State.SCHEDULED, State.PUBLISHING, State.PUBLISHED, State.FAILED


def test_an_account_that_is_named_only_later_completes_the_target() -> None:
    post = told(
        fact(0, SCHEDULED, (target("twitter", SCHEDULED),)),
        fact(60, PUBLISHED, (target("twitter", PUBLISHED, "acc_x"),)),
    )
    assert (post.state, states(post)) == (PUBLISHED, {"twitter#1": "published"})
    assert post.targets["twitter#1"].account == "acc_x"


def test_an_account_that_is_left_out_later_means_the_target_that_is_known() -> None:
    post = told(fact(0, SCHEDULED, (target("x", SCHEDULED, "a"),)), fact(60, PUBLISHED, (target("x", PUBLISHED),)))
    assert states(post) == {"x:a": "published"}


def test_as_many_without_accounts_as_are_known_are_these_in_their_order() -> None:
    known = (target("x", SCHEDULED, "a"), target("x", SCHEDULED, "b"))
    ends = (target("x", PUBLISHED), target("x", FAILED, ordinal=2))
    assert states(told(fact(0, SCHEDULED, known), fact(60, None, ends))) == {"x:a": "published", "x:b": "failed"}


def test_one_word_for_several_that_stand_alike_speaks_for_all_of_them() -> None:
    known = (target("x", SCHEDULED, "a"), target("x", SCHEDULED, "b"))
    post = told(fact(0, SCHEDULED, known), fact(60, PUBLISHED, (target("x", PUBLISHED),)))
    assert (states(post), codes(post)) == ({"x:a": "published", "x:b": "published"}, [])


def test_one_word_for_several_that_stand_differently_is_left_out_and_says_so() -> None:
    known = (target("x", PUBLISHED, "a"), target("x", PUBLISHING, "b"))
    post = told(fact(0, None, known), fact(60, None, (target("x", FAILED),)))
    assert (states(post), codes(post)) == ({"x:a": "published", "x:b": "publishing"}, ["ambiguous_target"])


def test_the_named_and_the_unnamed_of_one_message_are_different_ones() -> None:
    known = (target("x", SCHEDULED, "a"), target("x", SCHEDULED, "b"))
    post = told(fact(0, SCHEDULED, known), fact(60, None, (target("x", PUBLISHED, "b"), target("x", FAILED))))
    assert states(post) == {"x:a": "failed", "x:b": "published"}


def test_a_platform_that_becomes_known_completes_the_account() -> None:
    post = told(
        fact(0, None, (target("unknown", PUBLISHING, "spc"),)), fact(9, None, (target("instagram", PUBLISHED, "spc"),))
    )
    assert [(one.platform, one.account, one.state) for one in post.parts] == [("instagram", "spc", PUBLISHED)]
    post = told(
        fact(0, None, (target("instagram", PUBLISHING, "spc"),)), fact(9, None, (target("unknown", PUBLISHED, "spc"),))
    )
    assert states(post) == {"instagram:spc": "published"}


def test_what_a_listing_leaves_out_is_withdrawn_and_holds_the_post_no_longer() -> None:
    post = told(
        whole(0, SCHEDULED, target("x", SCHEDULED, "a"), target("instagram", SCHEDULED, "i")),
        whole(5, SCHEDULED, target("x", SCHEDULED, "a")),
        whole(60, PUBLISHED, target("x", PUBLISHED, "a")),
    )
    assert (post.state, states(post)) == (PUBLISHED, {"x:a": "published", "instagram:i": "cancelled"})
    assert codes(post) == ["withdrawn"]
    assert post.published_at == fact(60, None).occurred_at


def test_what_is_listed_again_is_back() -> None:
    both = (target("x", SCHEDULED, "a"), target("y", SCHEDULED, "b"))
    post = told(whole(0, SCHEDULED, *both), whole(5, SCHEDULED, both[0]), whole(9, SCHEDULED, *both))
    assert (post.state, states(post)) == (SCHEDULED, {"x:a": "scheduled", "y:b": "scheduled"})
    assert not post.targets["y:b"].withdrawn


def test_a_message_about_a_part_of_the_post_withdraws_nothing() -> None:
    both = (target("x", SCHEDULED, "a"), target("y", SCHEDULED, "b"))
    post = told(whole(0, SCHEDULED, *both), fact(5, None, (target("x", PUBLISHED, "a"),)))
    assert states(post) == {"x:a": "published", "y:b": "scheduled"}


def test_what_had_ended_is_not_withdrawn() -> None:
    both = (target("x", PUBLISHED, "a"), target("y", FAILED, "b"))
    post = told(whole(0, State.PARTIAL, *both), whole(5, PUBLISHED, both[0]))
    assert states(post) == {"x:a": "published", "y:b": "failed"}


def test_nothing_is_said_of_what_was_withdrawn() -> None:
    both = (target("x", SCHEDULED, "a"), target("y", SCHEDULED, "b"))
    for end in (PUBLISHED, PUBLISHING, State.REMOVED):
        post = told(whole(0, SCHEDULED, *both), whole(5, SCHEDULED, both[0]), fact(9, end))
        assert states(post)["y:b"] == "cancelled"


def test_several_results_of_one_account_are_several_items() -> None:
    post = told(fact(0, None, (item("spr_1", FAILED),)), fact(1, None, (item("spr_2", PUBLISHED),)))
    assert states(post) == {"instagram:spc": "failed", "instagram:spc/spr_2": "published"}
    assert post.state is State.PARTIAL
    assert post.problem is not None
    assert [one.item for one in post.parts] == ["spr_1", "spr_2"]


def test_several_entries_of_one_account_in_one_message_are_several_items() -> None:
    listed = (target("x", FAILED, "a"), target("x", PUBLISHED, "a"))
    post = told(fact(0, None, listed), fact(5, None, listed))
    assert states(post) == {"x:a": "failed", "x:a/2": "published"}


def test_a_word_for_the_account_speaks_for_its_items_but_not_against_them() -> None:
    items = (item("1", PUBLISHING), item("2", PUBLISHING))
    failed = fact(3, None, (item("1", FAILED),))
    post = told(fact(0, None, items), failed, fact(5, None, (target("instagram", PUBLISHED, "spc"),)))
    assert states(post) == {"instagram:spc": "failed", "instagram:spc/2": "published"}


@pytest.mark.parametrize("again", [fact(5, PUBLISHING), fact(5, None, (target("instagram", PUBLISHING, "spc"),))])
def test_a_new_attempt_begins_with_one_item(again: Fact) -> None:
    ended = fact(0, None, (item("1", PUBLISHED), item("2", FAILED)))
    post = told(ended, again, fact(9, None, (item("3", PUBLISHED),)))
    assert [(one.item, one.attempt, one.state) for one in post.parts] == [("3", 2, PUBLISHED)]
    assert post.state is PUBLISHED


def test_a_success_that_hides_a_failure_of_the_same_attempt_says_so() -> None:
    post = told(fact(0, None, (target("x", FAILED),)), fact(1, None, (target("x", PUBLISHED),)))
    assert (post.state, codes(post)) == (PUBLISHED, ["overwritten"])


def test_a_target_that_is_completed_by_a_late_fact_moves_no_second_time() -> None:
    """Which would fire rules once more."""
    facts = [fact(5, None, (target("x", FAILED),)), fact(0, None, (target("x", PUBLISHING, "a"),))]
    _, changes = followed(*facts)
    assert [(move.target, move.after) for move in changes[0].moves] == [("x#1", FAILED), (None, FAILED)]
    assert [(move.target, move.after) for move in changes[1].moves] == [("x:a", PUBLISHING), (None, PUBLISHING)]
    assert changes[1].kind == "revised"


def test_a_listing_that_names_no_time_withdraws_nothing_that_is_further_along() -> None:
    late = whole(9, SCHEDULED, target("x", SCHEDULED, "a"), dated=False)
    post = told(fact(0, None, (target("x", PUBLISHING, "a"), target("y", PUBLISHING, "b"))), late)
    assert states(post) == {"x:a": "publishing", "y:b": "publishing"}
