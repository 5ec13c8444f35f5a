"""Budgets: no window ever holds more calls than its rate, and nobody waits longer than they must."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.histories import EPOCH
from tracker.domain.calls.call_budget import RESERVED, SLOTS, Purpose, Window, left, moved, spend, wait
from tracker.domain.rate import Rate

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)

RATES = st.lists(
    st.builds(Rate, st.integers(2, 9), st.sampled_from([timedelta(milliseconds=7), SECOND, MINUTE, HOUR])),
    min_size=1,
    max_size=3,
)
GAPS = st.integers(0, 30 * 10**6) | st.sampled_from([0, 1, 16_667, 10**6, 60 * 10**6, 3600 * 10**6])
CALLS = st.lists(st.tuples(GAPS, st.integers(0, 10**8), st.sampled_from(Purpose)), max_size=60)


@dataclass
class Spender:
    """Calls as often as it may; `really` is the time that really passes, while its clock may be put back."""

    rates: list[Rate]
    windows: tuple[Window, ...] = ()
    clock: datetime = EPOCH
    really: timedelta = timedelta(0)
    made: list[tuple[timedelta, Purpose]] = field(default_factory=list)

    def pass_time(self, gap: timedelta, back: timedelta = timedelta(0)) -> None:
        self.really += gap
        before, self.clock = self.clock, self.clock + gap - back
        if self.clock < before:
            self.windows = moved(self.windows, self.clock - before)

    def call(self, purpose: Purpose = Purpose.REACTION, room: int = 1) -> timedelta:
        """Make the call, or answer how long it must wait."""
        waiting = wait(self.windows, self.rates, purpose, self.clock, room)
        if not waiting:
            self.windows = spend(self.windows, self.rates, self.clock)
            self.made.append((self.really, purpose))
        return waiting


@given(RATES, CALLS)
def test_no_window_holds_more_than_its_rate_whatever_the_clock_does(
    rates: list[Rate], calls: list[tuple[int, int, Purpose]]
) -> None:
    """Windows of real time, closed at both ends, wherever they begin; the clock may be put back before any call."""
    spender = Spender(rates)
    for gap, back, purpose in calls:
        spender.pass_time(timedelta(microseconds=gap), timedelta(microseconds=back if back % 3 == 0 else 0))
        spender.call(purpose)
    moments = [moment for moment, _ in spender.made]
    for rate in rates:
        for start in moments:
            assert sum(start <= one <= start + rate.per for one in moments) <= rate.times


@given(RATES, CALLS, st.sampled_from(Purpose), st.integers(1, 3))
def test_a_wait_ends_when_there_is_room_and_not_later(
    rates: list[Rate], calls: list[tuple[int, int, Purpose]], purpose: Purpose, room: int
) -> None:
    spender = Spender(rates)
    for gap, _, by in calls:
        spender.pass_time(timedelta(microseconds=gap))
        spender.call(by)
    waiting = wait(spender.windows, rates, purpose, spender.clock, room)
    assert not wait(spender.windows, rates, purpose, spender.clock + waiting, room)
    if waiting:
        just_before = spender.clock + waiting - timedelta(microseconds=1)
        assert wait(spender.windows, rates, purpose, just_before, room)
    assert waiting <= max(rate.per + Window(rate.per, EPOCH).slot for rate in rates)


@given(RATES, CALLS, st.sampled_from(Purpose))
def test_so_many_calls_are_left_as_can_be_made(
    rates: list[Rate], calls: list[tuple[int, int, Purpose]], purpose: Purpose
) -> None:
    spender = Spender(rates)
    for gap, _, by in calls:
        spender.pass_time(timedelta(microseconds=gap))
        spender.call(by)
    promised, before = left(spender.windows, rates, purpose, spender.clock), len(spender.made)
    while not spender.call(purpose):
        pass
    assert len(spender.made) - before == promised


def test_a_window_forgets_a_sixtieth_late_at_most_and_never_early() -> None:
    spender = Spender([Rate(2, HOUR)])
    spender.call()
    spender.pass_time(30 * MINUTE)
    spender.call()
    assert spender.call() == 31 * MINUTE
    spender.pass_time(31 * MINUTE - timedelta(microseconds=1))
    assert spender.call()
    spender.pass_time(timedelta(microseconds=1))
    assert not spender.call()
    assert HOUR / SLOTS == MINUTE


def test_every_rate_of_a_list_holds() -> None:
    """Four at once, and no more than six in the longer span."""
    spender = Spender([Rate(4, MINUTE), Rate(6, HOUR)])
    made = []
    for _ in range(3):
        made.append(sum(not spender.call() for _ in range(9)))
        spender.pass_time(2 * MINUTE)
    assert made == [4, 2, 0]


def test_reconciliation_leaves_a_reserve_that_reactions_and_people_may_use() -> None:
    spender = Spender([Rate(4 * RESERVED, HOUR)])
    assert sum(not spender.call(Purpose.RECONCILIATION) for _ in range(99)) == 3 * RESERVED
    assert not spender.call(Purpose.OPERATION)
    assert sum(not spender.call(Purpose.REACTION) for _ in range(99)) == RESERVED - 1


def test_a_reconciliation_waits_until_reactions_have_left_enough() -> None:
    """What reactions have used counts for it too."""
    spender = Spender([Rate(8, HOUR)])
    for _ in range(6):
        spender.call(Purpose.REACTION)
    assert spender.call(Purpose.RECONCILIATION)
    assert not spender.call(Purpose.REACTION)


def test_a_question_that_is_to_be_followed_by_a_call_waits_until_there_is_room_for_both() -> None:
    spender = Spender([Rate(3, HOUR)])
    assert not spender.call(room=2)
    assert not spender.call(room=2)
    assert spender.call(room=2)
    assert not spender.call()


@pytest.mark.parametrize("before", [Rate(9, HOUR), Rate(2, MINUTE)])
def test_a_budget_that_was_edited_knows_the_calls_that_were_made_under_the_other(before: Rate) -> None:
    """As far as their spans are the same; a process with the older configuration loses nothing either."""
    spender = Spender([before])
    spender.call()
    spender.call()
    spender.rates = [Rate(2, HOUR)]
    assert bool(spender.call()) is (before.per == HOUR)
    spender.rates = [before]
    spender.call()
    assert len(spender.made) == 3


def test_what_is_kept_stays_small() -> None:
    spender = Spender([Rate(10**6, HOUR)])
    for number in range(500):
        spender.rates = [Rate(10**6, HOUR + number * SECOND)]
        spender.pass_time(HOUR / 7)
        spender.call()
    assert len(spender.windows) <= 5
    assert all(len(window.counts) <= SLOTS + 1 for window in spender.windows)
