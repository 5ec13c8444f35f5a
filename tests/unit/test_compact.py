"""What is kept without its defaults is read back as it was."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from tracker.domain.posts.change import Move
from tracker.domain.posts.event import Problem, State
from tracker.domain.posts.post import Post
from tracker.domain.posts.target import Target
from tracker.store.posts.compact import compact_moves, compact_post, in_full

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


@pytest.mark.parametrize("post", [BARE, TOLD], ids=["bare", "told"])
def test_a_post_is_read_back_as_it_was(post: Post) -> None:
    kept = msgspec.json.encode(compact_post(post))
    assert msgspec.json.decode(kept, type=Post) == post
    assert b"null" not in kept


def test_of_a_post_of_which_nothing_is_known_only_its_name_and_state_are_kept() -> None:
    assert msgspec.json.decode(msgspec.json.encode(compact_post(BARE))) == {
        "provider": "sosyalkopru", "id": "p1", "state": "unknown",
    }  # fmt: skip


def test_moves_are_read_back_as_they_were_and_told_in_full() -> None:
    moves = (
        Move(None, None, State.SCHEDULED, "a.0", 1, AT),
        Move("x#1", State.PUBLISHING, State.FAILED, "b.0", 2, AT, PROBLEM, superseded=True),
    )
    kept = msgspec.json.encode(compact_moves(moves))
    assert msgspec.json.decode(kept, type=tuple[Move, ...]) == moves
    told = [in_full(move) for move in msgspec.json.decode(kept)]
    assert told == msgspec.json.decode(msgspec.json.encode(moves))
