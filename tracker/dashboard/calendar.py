"""The calendar: a week or a month of what came out and what is planned, and the feed for calendar programs."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta, tzinfo
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from litestar import Response, get
from litestar.di import NamedDependency

from tracker.dashboard.installation import Installation
from tracker.dashboard.overview import IN_ORDER, OverviewData
from tracker.dashboard.query import Query, address, post_address, post_query
from tracker.dashboard.session import Db, Here, NotSignedIn, Now
from tracker.domain.calendar import YEARS
from tracker.domain.runs.acknowledgement import Links
from tracker.errors import BadParameter, NotFound
from tracker.parameters import parse_choice, parse_zone_of
from tracker.queries.calendar import COUNTED, MOST_OF_A_DAY, days_of, list_days
from tracker.queries.icalendar import ICALENDAR, icalendar_of
from tracker.store import keys

if TYPE_CHECKING:
    from tracker.domain.posts.post import Post

VIEWS = {"week": 30, "month": 4}
"""How many posts of a day each shows."""

FILTERS = ("state", "platform", "account", "provider")
A_WEEK, BACK, AHEAD = timedelta(days=7), 30, 31


@get("/calendar")
async def show_calendar(
    visit: Here, database: Db, now: Now, lookout: NamedDependency[OverviewData],
    installation: NamedDependency[Installation], links: NamedDependency[Links],
) -> Response[Any]:  # fmt: skip
    """The week or month of `day`, in a `zone`: that of the first provider, or the reader's once the form was sent."""
    asked = Query(visit.request.query_params)
    view = parse_choice("view", asked.text("view") or "week", VIEWS)
    zone = zone_asked(asked, installation)
    today = now.astimezone(zone).date()
    chosen = day_asked(asked.text("day")) or today
    first, number = _span(view, chosen)
    query = post_query(asked, now)
    async with database.connection() as conn:
        days = await list_days(conn, query, days_of(first, number, zone), VIEWS[view])
    given = {"state": query.states, **{name: asked.text(name) or "" for name in FILTERS[1:]}}
    around = given | {"view": view, "zone": asked.text("zone") or ""}
    signed = links.feed(visit.key.id) if visit.key and visit.key.id and links.secret else ""
    feed = links.public_url or str(visit.request.base_url)
    return visit.page(
        "calendar", days=days, zone=zone, view=view, today=today, chosen=chosen, last=first + timedelta(number - 1),
        given=given, around=around, before=_beside(view, chosen, -1), after=_beside(view, chosen, 1), counted=COUNTED,
        states=[state for state in IN_ORDER if state != "cancelled"], choices=await lookout.choices(),
        feed=urljoin(feed, address("/calendar.ics", **given, feed=signed)) if signed else "",
        unsigned=not links.secret,
    )  # fmt: skip


@get("/calendar.ics")
async def send_feed(guest: Here, database: Db, now: Now, links: NamedDependency[Links]) -> Response[str]:
    """For whoever is signed in, or has a link that was signed for a key: it is read by what the key may still read."""
    asked = Query(guest.request.query_params)
    named = links.key_of_feed(asked.text("feed") or "")
    async with database.connection() as conn:
        key = await keys.find(conn, named) if named else guest.key
        if key is None and asked.text("feed"):
            raise NotFound("this link is none of ours, or the key that it was signed for is revoked")
        if key is None or not key.reaches("read"):
            raise NotSignedIn("sign in with a key")
        days = days_of(now.date() - timedelta(days=BACK), BACK + AHEAD, now.tzinfo or parse_zone_of("zone", None))
        filled = await list_days(conn, post_query(asked, now), days, MOST_OF_A_DAY)

    def page_of(post: Post) -> str:
        return urljoin(links.public_url, post_address(post.provider, post.id))

    posts = [planned for day in filled for planned in day.posts]
    text = icalendar_of(posts, now, page_of if links.public_url else None)
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
    return Response(text, media_type=ICALENDAR, headers=headers)


def zone_asked(asked: Query, installation: Installation) -> tzinfo:
    """In which zone days are told: that of the first provider, unless the address says another. Raises BadParameter."""
    zones = [provider.timezone for provider in installation.settings.providers.values()]
    return parse_zone_of("zone", asked.text("zone") or next(iter(zones), None))


def day_asked(text: str | None) -> date | None:
    """The day, where one is named. Raises BadParameter."""
    try:
        found = date.fromisoformat(text) if text else None
    except ValueError as error:
        raise BadParameter("day", f'"{text}" is not a day: write one as in 2026-11-30') from error
    if found and found.year not in YEARS:
        raise BadParameter("day", f"{found} is not of a year from {YEARS[0]} to {YEARS[-1]}")
    return found


def _span(view: str, chosen: date) -> tuple[date, int]:
    """The first day, a Monday, and how many days: a week, or all weeks that the month touches."""
    if view == "week":
        return chosen - timedelta(days=chosen.weekday()), 7
    first, days = chosen.replace(day=1), monthrange(chosen.year, chosen.month)[1]
    return first - timedelta(days=first.weekday()), -(-(first.weekday() + days) // 7) * 7


def _beside(view: str, chosen: date, step: int) -> date:
    """A day of the week or month before (-1) or after (1)."""
    if view == "week":
        return chosen + step * A_WEEK
    return (chosen.replace(day=15) + step * timedelta(days=30)).replace(day=1)
