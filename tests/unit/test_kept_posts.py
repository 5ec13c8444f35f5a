"""What is kept without its defaults is read back as it was, and so is what was kept in full."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given

from tests.unit.histories import deliveries
from tracker.domain.posts.change import Move, PostView
from tracker.domain.posts.event import Fact, Problem, State
from tracker.domain.posts.post import Post, fold, view
from tracker.domain.posts.target import Target

AT = datetime(2026, 11, 10, 12, tzinfo=UTC)
PROBLEM = Problem("rate_limit", "too many", retryable=True)
BARE = Post("sosyalkopru", "p1")
TOLD = Post(
    "sosyalkopru",
    "p1",
    State.PUBLISHED,
    attempt=2,
    whole=Target(state=State.FAILED, problem=PROBLEM),
    targets={"x#1": Target("x", "acc_7", state=State.PUBLISHED, entered_at=AT, named=True), "#2": Target()},
    labels={"attempt_of": "p0"},
    last_order=(AT, 7, "a.0"),
    published_at=AT,
)


def in_full(value: msgspec.Struct | object) -> object:
    """The value with all its fields, whatever they hold."""
    if isinstance(value, msgspec.Struct):
        return {name: in_full(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, dict):
        return {name: in_full(one) for name, one in value.items()}
    return [in_full(one) for one in value] if isinstance(value, tuple) else value


@pytest.mark.parametrize("post", [BARE, TOLD], ids=["bare", "told"])
def test_a_post_is_read_back_as_it_was(post: Post) -> None:
    kept = msgspec.json.encode(post)
    assert msgspec.json.decode(kept, type=Post) == post
    assert b"null" not in kept


@given(deliveries())
def test_whatever_was_kept_is_read_back_in_short_and_in_full(case: tuple[list[Fact], list[Fact]]) -> None:
    step = fold("sosyalkopru", "p1", case[0])
    for value, kind in ((step.post, Post), (view(step.post), PostView), (step.moves, tuple[Move, ...])):
        for written in (value, in_full(value)):
            assert msgspec.json.decode(msgspec.json.encode(written), type=kind) == value


def test_what_statements_look_for_is_kept_also_where_nothing_is_known() -> None:
    assert msgspec.to_builtins(BARE) == {"provider": "sosyalkopru", "id": "p1", "state": "unknown"}
    assert msgspec.to_builtins(Target()) == {"platform": "", "state": "unknown"}
    assert msgspec.to_builtins(TOLD)["targets"]["#2"] == {"platform": "", "state": "unknown"}


def test_moves_are_read_back_as_they_were() -> None:
    moves = (
        Move(None, None, State.SCHEDULED, "a.0", 1, AT),
        Move("x#1", State.PUBLISHING, State.FAILED, "b.0", 2, AT, PROBLEM, superseded=True),
    )
    kept = msgspec.json.encode(moves)
    assert msgspec.json.decode(kept, type=tuple[Move, ...]) == moves
    assert b"again" not in kept
