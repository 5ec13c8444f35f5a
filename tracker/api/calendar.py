"""The calendar: what came out and what is planned, by day, for programs and for programs for calendars."""

from datetime import datetime, timedelta
from typing import Annotated

from litestar import Response, get
from litestar.params import QueryParameter

from tracker.api.handlers import READING, Db, Now, ProviderName, ProviderNames, text
from tracker.api.posts import Attributes, Labels, States
from tracker.parameters import parse_future_time, parse_optional_time, parse_zone_of
from tracker.queries.calendar import (
    MOST_DAYS,
    MOST_OF_A_DAY,
    Day,
    DayOut,
    day_out,
    days_between,
    list_days,
)
from tracker.queries.icalendar import ICALENDAR, icalendar_of
from tracker.queries.paging import Page
from tracker.queries.post_filters import PostQuery, require_provider

A_WEEK, A_MONTH = timedelta(days=7), timedelta(days=30)

From = Annotated[
    str | None, QueryParameter(name="from", description="The first day is that of this time; without it, today's.")
]
To = Annotated[
    str | None,
    QueryParameter(name="to", description=f"The last day is that of the moment before; {MOST_DAYS} days at most."),
]
Zone = Annotated[str, text("The time zone of the days, as in Europe/Istanbul.")]
Shown = Annotated[int, QueryParameter(description="Posts of a day that are shown.", ge=1, le=MOST_OF_A_DAY)]
Platform = Annotated[str | None, text("As in instagram, in any case.")]
Account = Annotated[str | None, text("An account of any of its targets.")]
ErrorCode = Annotated[str | None, text("The code of what is wrong with a part of it, as in auth_expired.")]


@get("/calendar", responses=READING, summary="What came out and what is planned, by day")
async def calendar(
    database: Db,
    now: Now,
    provider_names: ProviderNames,
    from_: From = None,
    to: To = None,
    zone: Zone = "UTC",
    limit: Shown = MOST_OF_A_DAY,
    states: States = None,
    platform: Platform = None,
    account: Account = None,
    provider: ProviderName = None,
    error: ErrorCode = None,
    attributes: Attributes = None,
    labels: Labels = None,
) -> Page[DayOut]:
    """A post stands where it was published or failed, and until then where it is planned; what was cancelled does not.

    A week without `to`, every day of it, also one without posts.
    """
    query = PostQuery.parse(
        now, state=states, platform=platform, account=account, provider=provider, error=error, attribute=attributes,
        label=labels,
    )  # fmt: skip
    days = _days(from_, to, zone, now, timedelta(0), A_WEEK)
    async with database.connection() as conn:
        await require_provider(conn, query.provider, provider_names)
        return Page([day_out(day) for day in await list_days(conn, query, days, limit)], None)


@get("/calendar.ics", responses=READING, media_type=ICALENDAR, summary="The calendar as iCalendar (RFC 5545)")
async def calendar_feed(
    database: Db,
    now: Now,
    provider_names: ProviderNames,
    from_: From = None,
    to: To = None,
    states: States = None,
    platform: Platform = None,
    account: Account = None,
    provider: ProviderName = None,
    error: ErrorCode = None,
    attributes: Attributes = None,
    labels: Labels = None,
) -> Response[str]:
    """An event for each post; without `from` and `to`, thirty days back and thirty ahead.

    Calendar programs send no key: for them the dashboard's calendar shows a signed link.
    """
    query = PostQuery.parse(
        now, state=states, platform=platform, account=account, provider=provider, error=error, attribute=attributes,
        label=labels,
    )  # fmt: skip
    days = _days(from_, to, "UTC", now, A_MONTH, A_MONTH)
    async with database.connection() as conn:
        await require_provider(conn, query.provider, provider_names)
        filled = await list_days(conn, query, days, MOST_OF_A_DAY)
    posts = [planned for day in filled for planned in day.posts]
    return Response(icalendar_of(posts, now), media_type=ICALENDAR)


def _days(begin: str | None, end: str | None, zone: str, now: datetime, back: timedelta, ahead: timedelta) -> list[Day]:
    """The days asked for; without a word, from `back` ago up to `ahead` of today, or of `begin`."""
    known = parse_zone_of("zone", zone)
    since = parse_optional_time("from", begin, now)
    first = since or now.astimezone(known).replace(hour=0, minute=0, second=0, microsecond=0) - back
    until = parse_future_time("to", end, now) if end else (since or first + back) + ahead
    return days_between(first, until, known)
