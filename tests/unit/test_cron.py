"""Cron lines mean what Debian's cron takes them to mean, and what cannot be read or never comes is refused."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.settings.jobs import LONGEST, NAMED, parse_cron

VECTORS = tomllib.loads(Path(__file__).with_name("cron_vectors.toml").read_text(encoding="utf-8"))
EXPECTED = [tuple(case) for cases in VECTORS["expected"].values() for case in cases]
REFUSED = [line for lines in VECTORS["refused"].values() for line in lines]
MONDAY = datetime(2026, 11, 30, tzinfo=UTC)


def moments(text: str) -> list[datetime]:
    return [datetime.fromisoformat(part) for part in text.split()]


@pytest.mark.parametrize(("line", "zone", "start", "expected"), EXPECTED)
def test_a_line_comes_when_two_libraries_say(line: str, zone: str, start: str, expected: str) -> None:
    """Each of them holds its own cases in its own tests."""
    wanted = moments(expected)
    assert list(islice(parse_cron(line, zone).occasions(datetime.fromisoformat(start)), len(wanted))) == wanted


@pytest.mark.parametrize("line", REFUSED)
def test_a_line_that_two_libraries_refuse_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"is not a cron line|never comes"):
        parse_cron(line, "UTC")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("0 4 * * 1", "2026-11-30T04:00Z 2026-12-07T04:00Z"),
        ("0 4 * * 0", "2026-12-06T04:00Z 2026-12-13T04:00Z"),
        ("0 4 * * 7", "2026-12-06T04:00Z 2026-12-13T04:00Z"),
        ("0 4 * * sun", "2026-12-06T04:00Z 2026-12-13T04:00Z"),
        ("0 4 * * 5-7", "2026-12-04T04:00Z 2026-12-05T04:00Z 2026-12-06T04:00Z 2026-12-11T04:00Z"),
        ("0 0 1 * mon", "2026-12-01T00:00Z 2026-12-07T00:00Z"),
        ("0 0 */2 * mon", "2026-12-07T00:00Z 2026-12-21T00:00Z"),
        ("0 0 * * sat#1", "2026-12-05T00:00Z 2027-01-02T00:00Z"),
        ("0 0 30 2 mon", "2027-02-01T00:00Z 2027-02-08T00:00Z"),
        ("0 0 29 2 *", "2028-02-29T00:00Z 2032-02-29T00:00Z"),
        ("0 0 */100,29 2 mon#5", "2044-02-29T00:00Z"),
        ("@weekly", "2026-12-06T00:00Z 2026-12-13T00:00Z"),
        (" 0\t4 * * *\n", "2026-11-30T04:00Z 2026-12-01T04:00Z"),
    ],
)
def test_days_weekdays_and_names_are_those_of_every_cron(line: str, expected: str) -> None:
    """0 and 7 are Sunday; a day and a weekday are either of them, where neither begins with a star."""
    wanted = moments(expected)
    assert list(islice(parse_cron(line, "UTC").occasions(MONDAY), len(wanted))) == wanted


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("99 99 * * *", '"99" is no minute, which is * or 0 to 59; "99" is no hour'),
        ("* * 30 2 *", "never comes: no month of the line has that many days"),
        ("* * */20 * 1L", "never comes: no day fits"),
        ("sat#1", 'has 1 field, not five: minute hour day month weekday, as in "0 4 * * *"'),
        ("0 0 4 * * *", "has 6 fields, not five"),
        ("", "has 0 fields, not five"),
        ("daily", 'did you mean "@daily"'),
        ("0 22-2 * * *", "a range from the lower one to the higher"),
        ("0 4 * * sunday", '"sunday" is no weekday, which is * or 0 to 7 or sun to sat (0 and 7 are Sunday)'),
        ("@daly", 'did you mean "@daily"'),
        ("@reboot", "or one of @hourly"),
        ("1," * LONGEST, f"longer than {LONGEST} characters"),
        (f"{'9' * 190} * * * *", "is no minute"),
        ("¹ * * * *", '"¹" is no minute'),
    ],
)
def test_what_is_wrong_with_a_line_and_what_to_write_is_said(line: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"is not a cron line|never comes") as refused:
        parse_cron(line, "UTC")
    assert said in str(refused.value)


@pytest.mark.parametrize("name", NAMED)
def test_a_name_is_the_line_that_it_stands_for(name: str) -> None:
    named, line = parse_cron(name, "Europe/Berlin"), parse_cron(NAMED[name], "Europe/Berlin")
    assert list(islice(named.occasions(MONDAY), 5)) == list(islice(line.occasions(MONDAY), 5))


@given(st.text("0123456789*/,-#?LWabcdefgjmnoprstuvy@ ", max_size=40), st.integers(0, 10**8))
def test_any_line_is_refused_in_words_or_comes_later_and_later(line: str, minutes: int) -> None:
    """Nothing else is raised, and nothing takes long."""
    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes % (30 * 365 * 1440))
    try:
        cron = parse_cron(line, "America/St_Johns")
    except ValueError:
        return
    found = [start, *islice(cron.occasions(start), 50)]
    assert found == sorted(set(found))
    assert len(found) > 1
