"""The calendar: what came out and what is planned, by day.

A post stands where it was published or failed, and until then where it is planned. What was cancelled, or has no time,
stands nowhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta, Struct
from sqlalchemy import select
from sqlmodel import col

from tracker.domain.posts.event import State
from tracker.domain.posts.post import Post
from tracker.domain.posts.target import FALLEN_SHORT
from tracker.errors import BadParameter
from tracker.queries.paging import any_of, compiled
from tracker.queries.post_filters import PostQuery, filters
from tracker.queries.post_views import PostOut, post_out
from tracker.store.tables.posts import TO_COME
from tracker.store.tables.posts import Post as Posts

if TYPE_CHECKING:
    from tracker.store.database import Connection

MOST_DAYS, MOST_OF_A_DAY, COUNTED = 62, 100, 1000
"""So many days are asked for at once, so many posts of one are shown, and so many counted."""


class CalendarPostOut(PostOut, frozen=True):
    """A post in the calendar."""

    at: Annotated[datetime, Meta(description="When it was published or failed, or else is planned for.")]


class DayOut(Struct, frozen=True):
    """One day of the calendar."""

    day: date
    begins_at: datetime
    ends_at: datetime
    number: Annotated[int, Meta(description=f"How many posts it has, counted up to {COUNTED}.")]
    posts: Annotated[list[CalendarPostOut], Meta(description="The first of them, in the order of time.")]


@dataclass(frozen=True, slots=True)
class Day:
    """A day of a zone, from `begins` up to but not including `ends`."""

    day: date
    begins: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class Planned:
    """A post, and when it was published or failed, or else is planned for."""

    at: datetime
    post: Post


@dataclass(frozen=True, slots=True)
class FilledDay:
    """A day with the first of its posts, in the order of time; `number` is how many it has, counted up to COUNTED."""

    day: Day
    number: int
    posts: Sequence[Planned]


STRETCH = """
(select {at} as at, provider, post, fold::text as fold from ({posts}) p
  where {at} >= wanted.begins and {at} < wanted.ends and {states}
  order by {at}, provider desc, post desc limit {counted})
"""
STRETCHES = {
    "published_at": (State.PUBLISHED, State.REMOVED),
    "failed_at": tuple(sorted(FALLEN_SHORT)),
    "scheduled_at": tuple(sorted(set(State) - FALLEN_SHORT - {State.PUBLISHED, State.REMOVED, State.CANCELLED})),
}
"""By which time, and by the index of which, posts in these states stand in the calendar."""

CALENDAR = """
select wanted.place, here.number, here.at, here.fold
  from unnest(${begins}::timestamptz[], ${ends}::timestamptz[]) with ordinality as wanted (begins, ends, place)
 cross join lateral (
       select least(count(*) over (), {counted}) as number, at, fold from ({stretches}) stretches
        order by at, provider desc, post desc limit {shown}) here
 order by wanted.place, here.at
"""


def days_of(first: date, number: int, zone: tzinfo) -> list[Day]:
    """So many days of the zone from that one on; where clocks change, one has 23 or 25 hours. Raises BadParameter."""
    try:
        dates = [first + timedelta(days=place) for place in range(number + 1)]
        begins = [datetime.combine(day, time(), zone).astimezone(UTC) for day in dates]
    except OverflowError as error:
        raise BadParameter("from", f"{first} is out of any calendar") from error
    return [Day(*of_day) for of_day in zip(dates, begins, begins[1:], strict=False)]


def days_between(since: datetime, until: datetime, zone: tzinfo) -> list[Day]:
    """The days of the zone that the span touches. Raises BadParameter."""
    if since >= until:
        raise BadParameter("from", "must be before `to`")
    try:
        first, last = since.astimezone(zone).date(), (until - timedelta(microseconds=1)).astimezone(zone).date()
    except OverflowError as error:
        raise BadParameter("from", "is out of any calendar") from error
    if (number := (last - first).days + 1) > MOST_DAYS:
        raise BadParameter("to", f"is in the {number}th day from `from` on: ask for {MOST_DAYS} days at most")
    return days_of(first, number, zone)


async def list_days(conn: Connection, query: PostQuery, days: Sequence[Day], shown: int) -> list[FilledDay]:
    """The days with the first `shown` posts of each; words that are searched for are passed over."""
    posts: list[list[Planned]] = [[] for _ in days]
    numbers = [0] * len(days)
    if text := on_days(query, days, shown):
        for row in await conn.fetch(text[0], *text[1]):
            place = row["place"] - 1
            numbers[place] = row["number"]
            posts[place].append(Planned(row["at"], msgspec.json.decode(row["fold"], type=Post)))
    return [FilledDay(*of_day) for of_day in zip(days, numbers, posts, strict=True)]


def on_days(query: PostQuery, days: Sequence[Day], shown: int) -> tuple[str, list[Any]] | None:
    """The statement and its values: for each day a stretch of each index, read to its bound. None: nothing can fit."""
    where = filters(query)
    where += [any_of(col(Posts.state), query.states)] if query.states else []
    columns = [getattr(Posts, name) for name in ("provider", "post", "state", "fold", *STRETCHES)]
    posts, values = compiled(select(*columns).where(*where))
    stretches = [
        STRETCH.format(at=at, posts=posts, states=_in_states(at), counted=COUNTED)
        for at, states in STRETCHES.items()
        if not query.states or set(query.states) & set(states)
    ]
    if not stretches:
        return None
    places = {"begins": len(values) + 1, "ends": len(values) + 2}
    text = CALENDAR.format(stretches=" union all ".join(stretches), counted=COUNTED, shown=shown, **places)
    return text, [*values, [day.begins for day in days], [day.ends for day in days]]


def day_out(filled: FilledDay) -> DayOut:
    """A day as it is shown."""
    day = filled.day
    shown = [CalendarPostOut(**msgspec.structs.asdict(post_out(one.post)), at=one.at) for one in filled.posts]
    return DayOut(day.day, day.begins, day.ends, filled.number, shown)


def _in_states(at: str) -> str:
    """Which states, written as the index of what is planned has them."""
    if at == "scheduled_at":
        return TO_COME
    return f"state in ({', '.join(repr(str(state)) for state in STRETCHES[at])})"
