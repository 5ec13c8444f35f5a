"""Times in the wild: whatever is written in one of these ways is read back, and what is no time is none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from email.utils import format_datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tracker.providers.times import tells_no_time, time_of, unit_of

AT = datetime(2026, 11, 30, 10, 0, 5, tzinfo=UTC)
FINE = AT.replace(microsecond=123000)
BERLIN = ZoneInfo("Europe/Berlin")

READ: list[tuple[Any, datetime]] = [
    ("2026-11-30T10:00:05Z", AT),
    ("2026-11-30t10:00:05z", AT),
    ("2026-11-30 10:00:05 UTC", AT),
    ("2026-11-30 10:00:05 gmt", AT),
    ("2026-11-30T10:00:05", AT),
    (" 2026-11-30 13:00:05 +03:00 ", AT),
    ("2026-11-30T13:00:05+0300", AT),
    ("2026-11-30T13:00:05+03", AT),
    ("2026-11-30T10:00:05Z[UTC]", AT),
    ("2026-11-30T11:00:05+01:00[Europe/Berlin]", AT),
    ("2026-11-30T11:00:05[Europe/Berlin]", AT),
    ("2026-11-30T10:00:05Z[UTC][u-ca=iso8601]", AT),
    ("2026-11-30 10:00:05.123 +0000 UTC", FINE),
    ("2026-11-30 11:00:05.123456 +0100 CET m=+0.000123", FINE.replace(microsecond=123456)),
    ("2026-11-30 13:00:05 +0300 +03", AT),
    ("2026-11-30T10:00:05,123Z", FINE),
    ("2026-11-30 10:00:05,123", FINE),
    ("2026-11-30T10:00:05.123456789Z", FINE.replace(microsecond=123456)),
    ("2026-11-30T10:00:04.9999999999999Z", FINE.replace(second=4, microsecond=999999)),
    ("20261130T100005Z", AT),
    ("20261130t100005z", AT),
    ("20261130100005", AT),
    ("2026/11/30 10:00:05", AT),
    ("2026-11-30T09:59:60Z", AT.replace(second=0)),
    ("2026-12-31T23:59:60Z", datetime(2027, 1, 1, tzinfo=UTC)),
    ("2026-11-30T24:00:00Z", datetime(2026, 12, 1, tzinfo=UTC)),
    ("2026-11-30 24:00", datetime(2026, 12, 1, tzinfo=UTC)),
    ("2026-11-30", datetime(2026, 11, 30, tzinfo=UTC)),
    ("2026-11-30 10:00", AT.replace(second=0)),
    ("2026-11-30 01:00 PM", AT.replace(hour=13, second=0)),
    ("Mon, 30 Nov 2026 10:00:05 GMT", AT),
    ("Mon, 30 Nov 2026 13:00:05 +0300", AT),
    ("30 Nov 2026 05:00:05 EST", AT),
    ("Monday, 30-Nov-26 10:00:05 GMT", AT),
    ("Mon Nov 30 10:00:05 2026", AT),
    ("Mon Nov 30 10:00:05 UTC 2026", AT),
    ("Mon Nov 30 2026 10:00:05 GMT+0000 (Coordinated Universal Time)", AT),
    ("Mon Nov 30 2026 13:00:05 GMT+0300 (GMT+03:00)", AT),
    ("November 30, 2026 10:00:05 AM", AT),
    ("Nov 30, 2026, 10:00:05 AM", AT),
    ("Nov 30, 2026 at 10:00 AM UTC", AT.replace(second=0)),
    ("30.11.2026 13:00", AT.replace(hour=13, second=0)),
    ("30.11.2026, 10:00:05", AT),
    (1796032805, AT),
    (1796032805.123, FINE),
    (1796032805123, FINE),
    (1796032805123000, FINE),
    (1796032805123000000, FINE),
    ("1796032805", AT),
    ("1796032805.123", FINE),
    ("1796032805,123", FINE),
    ("1796032805123", FINE),
    ("1796032805123.5", FINE.replace(microsecond=123500)),
    ("1796032805123000", FINE),
    ("1796032805123000000", FINE),
    ({"_seconds": 1796032805, "_nanoseconds": 123000000}, FINE),
    ({"seconds": "1796032805", "nanos": 123000000}, FINE),
    ({"seconds": 1796032805}, AT),
    ({"$date": "2026-11-30T10:00:05.123Z"}, FINE),
    ({"$date": {"$numberLong": "1796032805123"}}, FINE),
    ({"$date": 1796032805123}, FINE),
    ({"date": "2026-11-30 11:00:05.123000", "timezone_type": 3, "timezone": "Europe/Berlin"}, FINE),
    ({"date": "2026-11-30 10:00:05.123000", "timezone_type": 1, "timezone": "+00:00"}, FINE),
]  # fmt: skip


@pytest.mark.parametrize(("written", "at"), READ)
def test_a_time_in_the_wild_is_read(written: Any, at: datetime) -> None:
    assert time_of(written, UTC) == at


@pytest.mark.parametrize("written", [
    "30.11.2026 11:00:05", "2026-11-30T11:00:05", "2026/11/30 11:00:05", "Mon Nov 30 11:00:05 2026", "20261130111505",
])  # fmt: skip
def test_a_time_that_names_no_zone_is_in_the_providers(written: str) -> None:
    assert time_of(written, BERLIN) == time_of(written, UTC) - timedelta(hours=1)  # type: ignore[operator]  # read


@pytest.mark.parametrize("written", [
    "yesterday", "11/12/2026 10:00", "2026-13-01", "2026-02-30T10:00:00Z", "10:00", "2026-11-30T25:00:00Z",
    "2026-11-30T24:00:01Z", "2026-11-30T10:00:61Z", "2026-11-30 10:00 CET", "2026-11-30T10:00[Nowhere/Atall]",
    "2026-11-30T10:00[../../etc/passwd]", "2026-11-30T10:00:00+99:00", "30 Foo 2026 10:00", "1796", "1" * 50, "9" * 19,
    12, 1e300, float("nan"), float("inf"), 10**400, True, [1796032805], {"seconds": "x"}, {"$date": {}}, {"at": 1},
    "2026-11-30 10:00 hello", "1999-12-31T23:59:59Z", "2100-01-01T00:00:00Z", "x" * 5000,
    {"$date": {"$date": {"$date": "soon"}}},
])  # fmt: skip
def test_what_is_no_time_is_none(written: Any) -> None:
    assert time_of(written, UTC) is None
    assert not tells_no_time(written)


@pytest.mark.parametrize("written", [
    None, "", "  ", 0, "0", "0001-01-01T00:00:00Z", "0000-00-00 00:00:00", "1970-01-01T00:00:00Z", {}, [], False,
])  # fmt: skip
def test_what_stands_for_nothing_is_no_time_and_not_unreadable(written: Any) -> None:
    assert tells_no_time(written)
    assert time_of(written, UTC) is None


@pytest.mark.parametrize(("written", "unit"), [
    ("2026-11-30", 86400), ("2026-11-30 10:00", 60), ("2026-11-30T10:00:05Z", 1), ("2026-11-30T10:00:05.1Z", 0.1),
    ("2026-11-30T10:00:05.123+03:00", 0.001), ("2026-11-30T10:00:05.123456Z", 0), ("20261130T100005Z", 1),
    ("Mon, 30 Nov 2026 10:00:05 GMT", 1), ("20261130100005", 1), (1796032805, 1), (1796032805.5, 0),
    (1796032805.0, 1), ("1796032805.5", 0.1),
    ("1796032805123", 0.001), (1796032805123, 0.001), (1796032805123456, 0), (1796032805123456789, 0),
    ({"_seconds": 1796032805, "_nanoseconds": 0}, 1), ({"_seconds": 1796032805, "_nanoseconds": 5}, 0),
    ({"$date": "2026-11-30T10:00:05.123Z"}, 0.001),
])  # fmt: skip
def test_a_time_has_the_unit_that_it_is_told_in(written: Any, unit: float) -> None:
    assert unit_of(written) == timedelta(seconds=unit)


def _iso(separator: str, ending: str, timespec: str = "auto") -> Callable[[datetime], str]:
    return lambda at: at.replace(tzinfo=None).isoformat(separator, timespec) + ending


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
STYLES: dict[str, tuple[Callable[[datetime], Any], timedelta]] = {
    "iso": (datetime.isoformat, timedelta(0)),
    "iso, lower": (lambda at: at.isoformat().lower().replace("+00:00", "z"), timedelta(0)),
    "ruby": (lambda at: at.strftime("%Y-%m-%d %H:%M:%S UTC"), timedelta(seconds=1)),
    "go": (_iso(" ", " +0000 UTC"), timedelta(0)),
    "java": (_iso("T", "Z[UTC]"), timedelta(0)),
    "comma": (lambda at: _iso("T", "Z", "milliseconds")(at).replace(".", ","), timedelta(milliseconds=1)),
    "mail": (format_datetime, timedelta(seconds=1)),
    "rfc 850": (lambda at: at.strftime("%A, %d-%b-%y %H:%M:%S GMT"), timedelta(seconds=1)),
    "asctime": (lambda at: at.strftime("%a %b %e %H:%M:%S %Y"), timedelta(seconds=1)),
    "javascript": (lambda at: at.strftime("%a %b %d %Y %H:%M:%S GMT+0000 (Coordinated Universal Time)"),
                   timedelta(seconds=1)),
    "day first": (lambda at: at.strftime("%d.%m.%Y %H:%M"), timedelta(minutes=1)),
    "elsewhere": (lambda at: at.astimezone(timezone(timedelta(hours=-9, minutes=-30))).isoformat(), timedelta(0)),
    "seconds": (lambda at: int(at.timestamp()), timedelta(seconds=1)),
    "milliseconds": (lambda at: (at - EPOCH) // timedelta(milliseconds=1), timedelta(milliseconds=1)),
    "microseconds, a text": (lambda at: str((at - EPOCH) // timedelta(microseconds=1)), timedelta(0)),
    "nanoseconds": (lambda at: (at - EPOCH) // timedelta(microseconds=1) * 1000, timedelta(0)),
    "fraction": (lambda at: f"{(at - EPOCH) // timedelta(seconds=1)}.{at.microsecond:06}", timedelta(0)),
    "float": (datetime.timestamp, timedelta(0)),
    "firestore": (lambda at: {"_seconds": (at - EPOCH) // timedelta(seconds=1), "_nanoseconds": at.microsecond * 1000},
                  timedelta(0)),
    "mongo": (lambda at: {"$date": {"$numberLong": str((at - EPOCH) // timedelta(milliseconds=1))}},
              timedelta(milliseconds=1)),
    "php": (lambda at: {"date": at.strftime("%Y-%m-%d %H:%M:%S.%f"), "timezone_type": 3, "timezone": "UTC"},
            timedelta(0)),
}  # fmt: skip
YEARS = datetime(2002, 1, 1, tzinfo=UTC), datetime(2068, 1, 1, tzinfo=UTC)
MOMENTS = st.datetimes(*(at.replace(tzinfo=None) for at in YEARS), timezones=st.just(UTC))


@pytest.mark.parametrize("style", STYLES)
@given(MOMENTS)
@example(datetime(2026, 12, 31, 23, 59, 59, 999999, tzinfo=UTC))
@example(datetime(2026, 2, 1, tzinfo=UTC))
def test_what_is_written_in_any_style_is_read_back(style: str, at: datetime) -> None:
    """Up to the unit that it is told in, which is known too."""
    write, unit = STYLES[style]
    written = write(at)
    read = time_of(written, UTC)
    assert read is not None, written
    assert read <= at < read + max(unit, timedelta(microseconds=1)), written
    assert unit_of(written) <= max(unit, timedelta(seconds=1) if not at.microsecond else unit), written


ZONES: list[tzinfo] = [UTC, BERLIN]


@given(st.text(max_size=60) | st.text("0123456789-:.,/+TZ []()aApPmMNOVnov", max_size=40), st.sampled_from(ZONES))
def test_any_text_is_a_time_of_this_century_or_none(text: str, zone: tzinfo) -> None:
    read = time_of(text, zone)
    assert read is None or (read.utcoffset() == timedelta(0) and 2000 <= read.year < 2100)
    assert unit_of(text) >= timedelta(0)
