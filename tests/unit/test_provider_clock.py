"""A provider's clock: evidently in another zone only where most of its times say so, and which zone mends it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tracker.domain.posts.provider_clock import ProviderClock, zone_east_by

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


def clock(low: timedelta, usual: timedelta, high: timedelta, told: int = 20) -> ProviderClock:
    return ProviderClock("p", told, 0, timedelta(0), usual, low, high)


@pytest.mark.parametrize("off", [3 * HOUR, -5 * HOUR, 5.5 * HOUR])
def test_times_that_are_off_by_whole_or_half_hours_are_evidently_of_another_zone(off: timedelta) -> None:
    assert clock(off - 40 * SECOND, off - SECOND, off).off_by == off


def test_few_times_or_scattered_ones_are_no_evidence() -> None:
    assert clock(3 * HOUR, 3 * HOUR, 3 * HOUR, told=4).off_by is None
    assert clock(-9 * HOUR, -3 * HOUR, -HOUR).off_by is None
    assert clock(-40 * SECOND, -SECOND, 2 * SECOND).off_by is None


def test_the_zone_is_named_where_one_has_no_other_name_than_its_hours() -> None:
    assert (zone_east_by(3 * HOUR), zone_east_by(-5 * HOUR)) == ("Etc/GMT-3", "Etc/GMT+5")
    assert zone_east_by(5.5 * HOUR) == ""
