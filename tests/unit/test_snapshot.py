"""Snapshots as sets of transactions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tracker.store.log.feed import Checkpoint, beginning, whole


@st.composite
def checkpoints(draw: st.DrawFn) -> Checkpoint:
    xmax = draw(st.integers(1, 8))
    running = tuple(sorted(draw(st.sets(st.integers(1, 7)).map(lambda found: {xid for xid in found if xid < xmax}))))
    return Checkpoint(draw(st.integers(1, 2)), xmax, min((*running, xmax)), running)


def seen(checkpoint: Checkpoint) -> set[tuple[int, int]]:
    earlier = {(epoch, xid) for epoch in range(1, checkpoint.epoch) for xid in range(1, 9)}
    return earlier | {(checkpoint.epoch, xid) for xid in range(1, 9) if checkpoint.sees(xid)}


@given(checkpoints(), checkpoints())
def test_one_holds_another_when_it_has_seen_all_that_the_other_has(one: Checkpoint, other: Checkpoint) -> None:
    if one.holds(other):
        assert seen(one) >= seen(other)
    elif one.epoch == other.epoch and one.xmax >= other.xmax:
        assert not seen(one) >= seen(other)


def test_the_end_of_an_epoch_holds_what_was_in_it() -> None:
    assert whole(1).holds(Checkpoint(1, 900, 7, (7, 8)))
    assert beginning(2).holds(whole(1))
    assert not whole(1).holds(beginning(2))
