"""The event log: pages of it, one event, and the stream of what comes in and what it changes."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Annotated, Any

import msgspec
from litestar import Request, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, PathParameter, QueryParameter
from litestar.response import Stream
from msgspec import Meta, Struct

from tracker.api.auth import requires
from tracker.api.handlers import (
    LARGEST_NUMBER,
    ONE,
    READING,
    Cursor,
    Db,
    Limit,
    Now,
    ProviderName,
    ProviderNames,
    Raw,
    text,
)
from tracker.api.problems import BadParameter
from tracker.domain.posts.change import Change, Move
from tracker.errors import Rejected
from tracker.parameters import parse_optional_time, refuse_zero_bytes
from tracker.queries import events as queried
from tracker.queries.events import ArrivalTime, EventOut, EventQuery, OneEventOut, ProviderTime
from tracker.queries.paging import Page
from tracker.queries.post_views import ErrorOut, error_out
from tracker.store.log.feed import ResumeToken
from tracker.stream.broadcast import Broadcast, News

MEDIA_TYPE = "text/event-stream"
COME_BACK = 2000
"""After so many milliseconds a browser that was cut off comes back."""

LastEventId = Annotated[
    str | None,
    HeaderParameter(
        name="Last-Event-ID",
        description="The `id` of the last event that was received: the stream goes on right after it, however long ago"
        " that was. Without it, the stream begins now.",
    ),
]


class MovedOut(Struct, frozen=True):
    """The post as a whole (`target` null) or one of its targets came into a state."""

    target: str | None
    before: str | None
    after: str
    attempt: int
    occurred_at: ProviderTime
    error: ErrorOut | None
    again: Annotated[bool, Meta(description="Nothing changed, but the event that told the end has come once more.")]


class StreamedOut(Struct, frozen=True):
    """One event of the log, and what it changed."""

    position: int
    type: str
    source: Annotated[str, Meta(description="The provider's name, or ours: action, manual, reconcile, rule, signal.")]
    provider: str
    post: str | None
    kind: Annotated[
        str,
        Meta(description="moved, noted (nothing moved), or revised: it came late and belongs earlier in the history."),
    ]
    before: Annotated[str | None, Meta(description="The post's state as it was known before.")]
    after: Annotated[str | None, Meta(description="The post's state as it is known now.")]
    attempt: int
    occurred_at: ProviderTime
    received_at: ArrivalTime
    moves: list[MovedOut]


@dataclass(frozen=True, slots=True)
class Told:
    """An event as it is sent, and what filters ask about it."""

    type: str
    provider: str
    post: str | None
    frame: bytes


ANSWERS = READING | {
    200: ResponseSpec(
        StreamedOut,
        description="Server-sent events. Each has an `id`, and as `data` what is described here; between them come"
        " comments, and ids without data, which move the place to go on from.",
        media_type=MEDIA_TYPE,
        generate_examples=False,
    )
}


@get("/events/stream", responses=ANSWERS, media_type=MEDIA_TYPE, summary="The log as it happens: server-sent events")
async def stream_events(
    broadcast: NamedDependency[Broadcast[Told]],
    last_event_id: LastEventId = None,
    type: Annotated[str | None, text("As in post.published.")] = None,
    post: Annotated[str | None, text("The post's id.")] = None,
    provider: ProviderName = None,
) -> Stream:
    """One who comes back with the last id misses nothing and gets nothing twice, whichever process it comes to.

    An event is told once the post that it is about is up to date. A listener that does not keep up is cut off, and
    goes on from its last id.
    """
    wanted = {"type": type, "post": post, "provider": provider}
    refuse_zero_bytes(**wanted)
    try:
        place = ResumeToken.parse(last_event_id) if last_event_id else None
        await broadcast.admit(place)
    except Rejected as error:
        raise BadParameter("Last-Event-ID", str(error)) from error
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Stream(_frames(broadcast, place, wanted), media_type=MEDIA_TYPE, headers=headers)


async def _frames(
    broadcast: Broadcast[Told], place: ResumeToken | None, wanted: Mapping[str, str | None]
) -> AsyncIterator[bytes]:
    yield b"retry: %d\n\n" % COME_BACK
    asked = [(name, word) for name, word in wanted.items() if word is not None]
    async for news in broadcast.listen(place):
        if not asked or not news.items:
            yield _all_of(news)
        elif some := [told.frame for told in news.items if all(getattr(told, name) == word for name, word in asked)]:
            yield b"".join(some)


@lru_cache(maxsize=64)
def _all_of(news: News[Told]) -> bytes:
    """Put together once for all who listen; a sign of life moves only the place."""
    return b"".join(told.frame for told in news.items) or f": here\nid: {news.place}\n\n".encode()


def shown(change: Change, place: ResumeToken) -> Told:
    """A change as it is sent, with the place behind it as its id."""
    told = StreamedOut(
        change.cause, change.event, change.source, change.provider, change.post, change.kind, change.before,
        change.after, change.attempt, change.occurred_at, change.received_at, [_moved(move) for move in change.moves],
    )  # fmt: skip
    frame = b"id: %s\ndata: %s\n\n" % (str(place).encode(), msgspec.json.encode(told))
    return Told(change.event, change.provider, change.post, frame)


def _moved(move: Move) -> MovedOut:
    error = error_out(move.problem)
    return MovedOut(move.target, move.before, move.after, move.attempt, move.occurred_at, error, move.again)


MOST_RAW = 20
"""Bodies on one page: each may be as large as the door lets in."""

Position = Annotated[int, PathParameter(description="The event's place in the log.", ge=0, le=LARGEST_NUMBER)]


Sort = Annotated[str, QueryParameter(description="position, or -position for the newest first.", enum=queried.SORTS)]


@get("/events", responses=READING, summary="The log, in the order of position")
async def list_events(
    request: Request[Any, Any, Any],
    database: Db,
    provider_names: ProviderNames,
    limit: Limit = 50,
    cursor: Cursor = None,
    type: Annotated[str | None, text("As in post.published.")] = None,
    post: Annotated[str | None, text("The post's id.")] = None,
    provider: ProviderName = None,
    source: Annotated[str | None, text("A provider, or action, manual, reconcile, rule, signal.")] = None,
    after: Annotated[int | None, QueryParameter(description="Only later positions.", ge=0, le=LARGEST_NUMBER)] = None,
    sort: Sort = "position",
    raw: Raw = False,
) -> Page[EventOut]:
    """Events of transactions under way may still come in at positions just behind the last one shown.

    `GET /events/stream` misses none. Where few events match, a page may hold fewer than `limit`, even none, and `next`
    still goes on; with `raw=true` it holds 20 at most.
    """
    if raw:
        await requires("admin")(request, request.route_handler)
        limit = min(limit, MOST_RAW)
    query = EventQuery(type, post, provider, source, after, provider_names, sort).check()
    async with database.connection() as conn:
        return await queried.list_events(conn, query, cursor, limit, raw=raw)


@get("/news", responses=READING, summary="What has happened, a line for each state, firing and attempt")
async def list_news(
    database: Db,
    now: Now,
    limit: Limit = 500,
    cursor: Cursor = None,
    since: Annotated[str | None, text("From this time on; without it, the last hour.")] = None,
) -> Page[queried.NewsOut]:
    """The oldest first. A line may be written down a few seconds after its time: who follows asks a little back."""
    begin = parse_optional_time("since", since, now) or now - timedelta(hours=1)
    async with database.connection() as conn:
        return await queried.list_news(conn, begin, cursor, limit)


@get("/events/{position:str}", responses=ONE, summary="One event")
async def one_event(request: Request[Any, Any, Any], database: Db, position: Position, raw: Raw = False) -> OneEventOut:
    """With the deliveries that repeated it."""
    if raw:
        await requires("admin")(request, request.route_handler)
    async with database.connection() as conn:
        return await queried.one_event(conn, position, raw=raw)
