"""What a door refused waits within bounds: the heavier outlives the lighter, and no door makes room for another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.domain.refused_deliveries import HEAVIEST, Refusals, weight_of


def taken(refusals: Refusals[str], most: int = 100) -> dict[str, list[str]]:
    """All that can be taken in one go."""
    return refusals.take(most)


@pytest.mark.parametrize(
    ("lighter", "heavier"),
    [
        ("signature_missing", "signature_malformed"),
        ("signature_malformed", "signature_wrong"),
        ("signature_malformed", "signature_stale"),
        ("signature_missing", "a reason of tomorrow"),
    ],
)
def test_a_missing_signature_weighs_less_than_a_malformed_one_and_that_less_than_a_wrong_one(
    lighter: str, heavier: str
) -> None:
    assert weight_of(lighter) < weight_of(heavier) <= HEAVIEST


def test_a_flood_at_one_door_leaves_what_waits_of_the_others_whole() -> None:
    refusals: Refusals[str] = Refusals(5, 1000)
    for n in range(3):
        refusals.add("a", f"a{n}", 2, 1)
    for n in range(1000):
        refusals.add("b", f"b{n}", 2, 1)
    assert taken(refusals) == {"a": ["a0", "a1", "a2"], "b": [f"b{n}" for n in range(995, 1000)]}


def test_wrong_signatures_outlive_a_flood_of_missing_ones() -> None:
    refusals: Refusals[str] = Refusals(3, 1000)
    refusals.add("a", "wrong", 2, 1)
    for n in range(10):
        refusals.add("a", f"missing{n}", 0, 1)
    assert taken(refusals) == {"a": ["wrong", "missing8", "missing9"]}


def test_missing_ones_make_room_for_wrong_ones() -> None:
    refusals: Refusals[str] = Refusals(3, 1000)
    for n in range(3):
        refusals.add("a", f"missing{n}", 0, 1)
    for n in range(2):
        refusals.add("a", f"wrong{n}", 2, 1)
    assert taken(refusals) == {"a": ["wrong0", "wrong1", "missing2"]}


def test_large_ones_are_bounded_by_their_bytes() -> None:
    refusals: Refusals[str] = Refusals(100, 10)
    for n in range(5):
        refusals.add("a", f"large{n}", 2, 4)
    assert taken(refusals) == {"a": ["large3", "large4"]}


def test_what_is_taken_at_once_is_shared_out_among_the_doors_and_the_rest_waits() -> None:
    refusals: Refusals[str] = Refusals(100, 1000)
    for n in range(10):
        refusals.add("a", f"a{n}", 2, 1)
        refusals.add("b", f"b{n}", 2, 1)
    assert refusals.take(6) == {"a": ["a0", "a1", "a2"], "b": ["b0", "b1", "b2"]}
    assert len(refusals) == 14


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, HEAVIEST), st.integers(0, 9)), max_size=80))
def test_whatever_comes_the_bounds_hold_for_each_door_and_nothing_lighter_outlives_a_heavier_that_came_later(
    coming: list[tuple[str, int, int]],
) -> None:
    refusals: Refusals[tuple[int, int, int]] = Refusals(4, 20)
    for number, (door, weight, size) in enumerate(coming):
        refusals.add(door, (weight, number, size), weight, size)
    for door, kept in refusals.take(1000).items():
        assert len(kept) <= 4
        assert sum(size for _, _, size in kept) <= 20
        dropped = [(w, n) for n, (d, w, _) in enumerate(coming) if d == door and (w, n) not in {k[:2] for k in kept}]
        there_before = [(one, other) for one in kept for other in dropped if one[1] < other[1]]
        assert not [1 for (weight, _, _), (heavier, _) in there_before if weight < heavier]
    assert len(refusals) == 0
