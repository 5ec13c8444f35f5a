"""The event log as people look at it: pages in the order of position, one event, and what has just happened."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta, Struct
from sqlalchemy import func, or_, select
from sqlmodel import col

from tracker.errors import NotFound
from tracker.parameters import parse_choice, refuse_zero_bytes
from tracker.queries.paging import (
    AnySelect,
    Keyset,
    Page,
    fetch,
    of_current_projection,
    page_of,
    read_cursor,
    write_cursor,
)
from tracker.store.tables.log import Event, Repeat
from tracker.store.tables.posts import Post

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from sqlalchemy import ColumnElement

    from tracker.store.database import Connection, Row

NEWS = "news"

SINCE = """
select at, key, what, provider, post, said
  from (
    select t.received_at as at, 'state ' || t.cause as key, 'state' as what, t.provider, t.post,
           coalesce(t.before || ' → ', '') || t.after as said
      from transitions t
     where t.projection = (select version from projections where current) and t.received_at >= $1
       and t.target is null and not t.superseded and t.after is distinct from t.before
    union all
    select f.fired_at, concat_ws(' ', 'rule', f.rule, f.key, f.cause), 'rule', f.provider, f.post,
           f.rule || ' ' || f.outcome
      from armed_rules r
     cross join lateral (select * from firings where rule = r.rule and fired_at >= $1) f
    union all
    select t.finished_at, concat_ws(' ', 'action', t.action, t.attempt), 'action', a.provider, a.post,
           a.verb || ' ' || a.target || ': ' || t.outcome
      from unnest(array['pending', 'claimed', 'done', 'dead', 'unknown', 'discarded']) as tried (state)
     cross join lateral (select * from actions
                          where state = tried.state and created_at >= $1::timestamptz - interval '1 day') a
      join action_attempts t on t.action = a.id
     where t.finished_at >= $1
  ) news
 where (at, key) > ($1, $2)
 order by at, key
 limit $3
"""


class NewsOut(Struct, frozen=True):
    """One line of what has happened."""

    at: Annotated[datetime, Meta(description="When we came to know it, or did it.")]
    key: Annotated[str, Meta(description="Tells it from every other line.")]
    what: Annotated[str, Meta(description="state, rule or action.")]
    provider: str
    post: str | None
    said: Annotated[str, Meta(description="The state before and after, the rule and its outcome, or the attempt's.")]


async def list_news(conn: Connection, since: datetime, cursor: str | None = None, limit: int = 500) -> Page[NewsOut]:
    """A page of what has happened since then, in order; of attempts, those at actions of the last day before it."""
    place = read_cursor(cursor, NEWS, tuple[datetime, str]) if cursor else (since, "")
    lines = [NewsOut(*row) for row in await conn.fetch(SINCE, *place, limit + 1)]
    last = lines[limit - 1] if len(lines) > limit else None
    return Page(lines[:limit], write_cursor(NEWS, (last.at, last.key)) if last else None)


SORTS = ("position", "-position")
LOOK = 20_000
"""Nothing but its place leads to an event of a certain type: one page looks no further than this many events."""

ProviderTime = Annotated[datetime, Meta(description="When it happened, by the provider's clock.")]
ArrivalTime = Annotated[datetime, Meta(description="When it arrived here.")]


class RepeatOut(Struct, frozen=True):
    """A delivery that said the same again."""

    delivery: str
    same: Annotated[str, Meta(description="What was the same: delivery (and body), or only the body.")]
    received_at: ArrivalTime


class RawOut(Struct, frozen=True):
    """What was signed, byte for byte."""

    headers: dict[str, str]
    body: str
    encoding: Annotated[str, Meta(description="How `body` is written: utf-8, or base64 where it is not text.")]
    sha256: str


class EventOut(Struct, frozen=True):
    """One event of the log."""

    position: int
    type: str
    source: Annotated[str, Meta(description="The provider's name, or ours: action, manual, reconcile.")]
    provider: str
    post: str | None
    part: Annotated[int, Meta(description="Counts from 0 where one delivery is about several posts.")]
    delivery: str
    occurred_at: ProviderTime | None
    received_at: ArrivalTime
    conflict: Annotated[bool, Meta(description="Its delivery id was used before, for another body.")]
    repeats: Annotated[int, Meta(description="How often it was delivered again.")]
    raw: Annotated[RawOut | None, Meta(description="Only with `raw=true` and an admin key.")]


class OneEventOut(EventOut, frozen=True):
    """One event, with the deliveries that repeated it."""

    repeated: list[RepeatOut]


class BodyStart(Struct, frozen=True):
    """The first bytes of a body as it came, and how many bytes it has."""

    body: bytes
    size: int


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Which events: all must hold; `after` is a position, `sort` is one of SORTS.

    `known_providers` are those that may have sent what is not projected (yet).
    """

    type: str | None = None
    post: str | None = None
    provider: str | None = None
    source: str | None = None
    after: int | None = None
    known_providers: Sequence[str] = ()
    sort: str = "position"

    def check(self) -> EventQuery:
        """Itself; raises BadParameter where nothing can be equal to it."""
        refuse_zero_bytes(type=self.type, post=self.post, provider=self.provider, source=self.source)
        parse_choice("sort", self.sort, SORTS)
        return self


async def list_events(
    conn: Connection, query: EventQuery, cursor: str | None = None, limit: int = 50, *, raw: bool = False
) -> Page[EventOut]:
    """A page of the log; it is not at its end when little of it matches, and `next` goes on."""
    keyset = Keyset(query.sort, tuple[int], col(Event.position), newest_first=query.sort == "-position")
    place = keyset.read(cursor)
    rows = await fetch(conn, statement(query, keyset, place, limit + 1))
    following = keyset.write(rows[limit - 1]) if len(rows) > limit else None
    if following is None and _looks(query):
        ends = await fetch(conn, _reach(query, keyset, place).offset(LOOK - 1).limit(1))
        following = keyset.write(ends[0]) if ends else None
    shown = rows[:limit]
    signed = await _signed(conn, [row["position"] for row in shown]) if raw else {}
    return Page([EventOut(**_fields(row, row["repeats"], signed)) for row in shown], following)


def statement(query: EventQuery, keyset: Keyset, place: Sequence[Any] | None, limit: int) -> AnySelect:
    """The next events; where nothing leads to those that are asked for, among the next LOOK of the log."""
    if not _looks(query):
        return page_of(_shown(Event).where(*_bounds(query), *_filters(query, Event)), keyset, place, limit)
    reach = _reach(query, keyset, place).limit(LOOK).subquery("reach")
    among = select(*reach.c, _repeats(reach.c.position)).where(*_filters(query, reach.c))
    return among.order_by(*keyset.over(reach).order()).limit(limit)


async def one_event(conn: Connection, position: int, *, raw: bool = False) -> OneEventOut:
    """The event at that position with the deliveries that repeated it; raises NotFound."""
    rows = await fetch(conn, select(Event).where(col(Event.position) == position))
    if not rows:
        raise NotFound(f"there is no event at position {position}")
    again = select(col(Repeat.delivery), col(Repeat.same), col(Repeat.received_at))
    of_it = again.where(col(Repeat.position) == position).order_by(col(Repeat.received_at), col(Repeat.id))
    repeated = [RepeatOut(**row) for row in await fetch(conn, of_it)]
    return OneEventOut(**_fields(rows[0], len(repeated), {position: rows[0]} if raw else {}), repeated=repeated)


async def beginnings_of_bodies(
    conn: Connection, positions: Sequence[int], first_day: date, size: int
) -> dict[int, BodyStart]:
    """By position the first `size` bytes of each body as it came; of events from that day on."""
    body = col(Event.body)
    some = select(col(Event.position), func.substring(body, 1, size).label("body"), func.length(body).label("size"))
    these = some.where(col(Event.position) == func.any(list(positions)), col(Event.day) >= first_day)
    return (
        {row["position"]: BodyStart(row["body"], row["size"]) for row in await fetch(conn, these)} if positions else {}
    )


def raw_out(headers: Mapping[str, str], body: bytes, body_hash: bytes) -> RawOut:
    """Headers and body of the log, or of the quarantine, as they came."""
    try:
        return RawOut(dict(headers), body.decode(), "utf-8", body_hash.hex())
    except UnicodeDecodeError:
        return RawOut(dict(headers), b64encode(body).decode(), "base64", body_hash.hex())


def _looks(query: EventQuery) -> bool:
    """Some events are left out for what they are, and no index leads to the rest."""
    return query.post is None and (query.type, query.provider, query.source) != (None, None, None)


def _shown(events: Any) -> AnySelect:
    names = ("position", "source", "provider", "delivery", "kind", "post", "part", "occurred_at", "received_at",
             "conflict")  # fmt: skip
    return select(*(getattr(events, name) for name in names), _repeats(events.position))


def _repeats(position: Any) -> ColumnElement[int]:
    return select(func.count()).where(col(Repeat.position) == position).scalar_subquery().label("repeats")


def _reach(query: EventQuery, keyset: Keyset, place: Sequence[Any] | None) -> AnySelect:
    names = [column for column in Event.__table__.c if column.key not in {"headers", "body"}]  # type: ignore[attr-defined]
    return select(*names).where(*_bounds(query), keyset.after(place)).order_by(*keyset.order())


def _bounds(query: EventQuery) -> list[ColumnElement[bool]]:
    return [col(Event.position) > query.after] if query.after is not None else []


def _filters(query: EventQuery, events: Any) -> list[ColumnElement[bool]]:
    wanted = {"kind": query.type, "provider": query.provider, "source": query.source, "post": query.post}
    where = [getattr(events, name) == value for name, value in wanted.items() if value is not None]
    if query.post is not None and query.provider is None:  # the index on (provider, post) needs the providers' names
        of_that_id = select(col(Post.provider)).where(of_current_projection(), col(Post.post) == query.post)
        projected = events.provider == func.any(func.array(of_that_id.scalar_subquery()))
        where.append(or_(projected, events.provider == func.any(list(query.known_providers))))
    return where


async def _signed(conn: Connection, positions: Sequence[int]) -> dict[int, Row]:
    names = (Event.position, Event.headers, Event.body, Event.body_hash)
    these = select(*names).where(col(Event.position) == func.any(list(positions)))  # type: ignore[call-overload]
    return {row["position"]: row for row in await fetch(conn, these)}


def _fields(row: Row, repeats: int, signed: Mapping[int, Row]) -> dict[str, Any]:
    names = ("position", "source", "provider", "post", "part", "delivery", "occurred_at", "received_at", "conflict")
    told = signed.get(row["position"])
    return {name: row[name] for name in names} | {
        "type": row["kind"],
        "repeats": repeats,
        "raw": raw_out(told["headers"], told["body"], told["body_hash"]) if told else None,
    }
