"""Places in a feed: what is written is read back, and each one stands right behind its row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.errors import Rejected
from tracker.store.log.feed import EVENTS, Batch, Checkpoint, ResumeToken, beginning, resume_tokens

if TYPE_CHECKING:
    from collections.abc import Iterable


@st.composite
def checkpoints(draw: st.DrawFn) -> Checkpoint:
    xmax = draw(st.integers(1, 10**6))
    running = tuple(sorted(draw(st.sets(st.integers(1, xmax - 1), max_size=6)))) if xmax > 1 else ()
    return Checkpoint(draw(st.integers(1, 99)), xmax, min((*running, xmax)), running)


@st.composite
def written(draw: st.DrawFn) -> ResumeToken:
    seen = draw(checkpoints())
    return ResumeToken(seen, draw(st.sampled_from([0, seen.xmax, *seen.running])), draw(st.integers(0, 10**9)))


@given(written())
def test_what_is_written_is_read_back(place: ResumeToken) -> None:
    again = ResumeToken.parse(str(place))
    assert (again.seen, again.xid) == (place.seen, place.xid)
    assert again.key == (place.key if place.xid else 0)


@given(st.text(max_size=40) | st.from_regex(r"[0-9.-]{1,40}", fullmatch=True))
def test_any_other_text_is_refused_or_is_a_place(text: str) -> None:
    try:
        place = ResumeToken.parse(text)
    except Rejected:
        return
    assert place.seen.running == tuple(sorted(place.seen.running))
    assert place.xid in {0, place.seen.xmax, *place.seen.running}


def rows(*pairs: tuple[int, int]) -> list[Any]:
    return [{"xid": xid, "position": key} for xid, key in pairs]


def after(found: Iterable[tuple[Any, ResumeToken]]) -> list[tuple[int, int, str]]:
    return [(row["xid"], row["position"], str(place)) for row, place in found]


def test_a_place_has_seen_all_that_came_before_its_row_and_nothing_else() -> None:
    """First what had been under way (5 and 7; 6 is still), then what is new (11 and 12; 10 is still under way)."""
    seen, reached = Checkpoint(1, 10, 5, (5, 6, 7)), Checkpoint(1, 13, 6, (6, 10))
    batch = Batch(rows((5, 1), (7, 2), (7, 3), (11, 8), (12, 9)), reached)
    assert after(resume_tokens(EVENTS, seen, batch)) == [
        (5, 1, "1.10.5-4-3.5.1"), (7, 2, "1.10.4-3.7.2"), (7, 3, "1.10.4-3.7.3"), (11, 8, "1.11.5-1.11.8"),
        (12, 9, "1.12.6-2.12.9"),
    ]  # fmt: skip


def test_the_rest_of_a_transaction_brings_a_place_beyond_it() -> None:
    assert ResumeToken(Checkpoint(1, 10, 5, (5, 6)), 5, 3).beyond == Checkpoint(1, 10, 6, (6,))
    assert ResumeToken(Checkpoint(1, 10, 5, (5, 6)), 10, 3).beyond == Checkpoint(1, 11, 5, (5, 6))
    assert ResumeToken(beginning(1)).beyond == beginning(1)


@pytest.mark.parametrize("text", ["1.10.0", "1.10.10", "1.10.5.4.1", "1.0.", "0.1.", f"1.{2**63}.", "1.10.5-"])
def test_a_place_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(Rejected):
        ResumeToken.parse(text)
