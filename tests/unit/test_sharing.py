"""Fair shares: nothing is lost, nothing is shared twice, and at most one piece is cut."""

from __future__ import annotations

from itertools import chain

from hypothesis import given
from hypothesis import strategies as st

from tracker.store.checkpoints.assignments import Cut, Parted, Piece, part


@st.composite
def pieces(draw: st.DrawFn) -> list[Piece]:
    """Sixteen buckets, of which some are somebody else's, in pieces named by their first buckets."""
    owners = draw(st.lists(st.integers(0, 4), min_size=16, max_size=16))
    found = [tuple(bucket for bucket, owner in enumerate(owners) if owner == piece) for piece in range(4)]
    return sorted(piece for piece in found if piece)


@given(pieces(), st.integers(-3, 20))
def test_as_many_as_wanted_are_taken_and_every_bucket_stays_in_one_piece(all_of: list[Piece], wanted: int) -> None:
    parted = part(all_of, wanted)
    buckets = sorted(chain.from_iterable(all_of))
    assert sorted(chain(*parted.taken, *parted.left)) == buckets
    assert sum(map(len, parted.taken)) == max(0, min(wanted, len(buckets)))
    assert () not in [*parted.taken, *parted.left]


@given(pieces(), st.integers(-3, 20))
def test_what_was_not_cut_is_as_it_was(all_of: list[Piece], wanted: int) -> None:
    parted = part(all_of, wanted)
    new = {*parted.taken, *parted.left} - {*all_of}
    assert new == ({parted.cut.kept, parted.cut.off} if parted.cut else set())


@given(pieces(), st.integers(-3, 20))
def test_a_piece_that_is_cut_keeps_its_name(all_of: list[Piece], wanted: int) -> None:
    cut = part(all_of, wanted).cut
    assert cut is None or (cut.piece in all_of and cut.kept[0] == cut.piece[0] and cut.off)


def test_half_of_one_piece() -> None:
    assert part([(0, 1, 2, 3)], 2) == Parted([(0, 1)], [(2, 3)], Cut((0, 1, 2, 3), (2, 3)))
