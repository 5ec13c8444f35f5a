"""Silences: alerts kept from people for a while, always with an end, and what that hid."""

from typing import Annotated, Any
from uuid import UUID, uuid4

from litestar import Request, delete, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter
from msgspec import Meta, Struct, field

from tracker.api.auth import caller, requires
from tracker.api.parameters import Clock, Cursor, Limit
from tracker.api.problems import MAX_BODY, OF_BODIES
from tracker.api.responses import ONE, READING, SAYING
from tracker.facts import commands
from tracker.queries import silences as queried
from tracker.queries.paging import Page
from tracker.queries.silences import STATES, Matched, SilenceOut
from tracker.rulebook.source import RuleSource
from tracker.store.database import Database

States = Annotated[list[str] | None, QueryParameter(name="state", description=f"One or both: {', '.join(STATES)}.")]
SilenceId = Annotated[UUID, PathParameter(description="The silence's id.")]


class NewSilence(Struct, frozen=True, forbid_unknown_fields=True):
    """Which alerts are to be hidden, until when, and why."""

    match: Matched
    reason: Annotated[str, Meta(description="Why, for those who wonder.", examples=["Instagram maintenance"])]
    until: Annotated[str | None, Meta(description="A time with a zone; at most 30 days ahead.")] = None
    for_: Annotated[str | None, Meta(description="Instead of `until`, how long.", examples=["2h"])] = field(
        name="for", default=None
    )


@get("/silences", responses=READING, summary="Silences, the newest first")
async def list_silences(
    database: NamedDependency[Database],
    clock: NamedDependency[Clock],
    limit: Limit = 50,
    cursor: Cursor = None,
    states: States = None,
) -> Page[SilenceOut]:
    """Also those that are over; each with how many alerts it hid, and the newest of them."""
    async with database.connection() as conn:
        return await queried.list_silences(conn, states, clock(), cursor, limit)


@get("/silences/{id:str}", responses=ONE, summary="One silence, with what it hid")
async def one_silence(database: NamedDependency[Database], clock: NamedDependency[Clock], id: SilenceId) -> SilenceOut:
    """Also when it is over."""
    async with database.connection() as conn:
        return await queried.one_silence(conn, id, clock())


@post(
    "/silences",
    guards=[requires("operate")],
    responses=SAYING,
    request_max_body_size=MAX_BODY,
    exception_handlers=OF_BODIES,
    summary="Hide alerts for a while",
)
async def create_silence(
    request: Request[Any, Any, Any],
    database: NamedDependency[Database],
    clock: NamedDependency[Clock],
    rules: NamedDependency[RuleSource],
    provider_names: NamedDependency[tuple[str, ...]],
    data: JSONBody[NewSilence],
) -> SilenceOut:
    """From now on, until its end. The rules fire as ever; their alerts are on record, as hidden."""
    now = clock()
    known = {"rule": [rule.id for rule in rules.rules()], "provider": provider_names}
    ends, by = (data.until, data.for_), caller(request).name
    silence = commands.silence(uuid4(), data.match, ends, data.reason, by, now, known)
    async with database.transaction() as conn:
        await commands.begin_silence(conn, silence)
        return await queried.one_silence(conn, silence.id, now)


@delete("/silences/{id:str}", status_code=200, guards=[requires("operate")], responses=ONE, summary="End it now")
async def end_silence(
    request: Request[Any, Any, Any], database: NamedDependency[Database], clock: NamedDependency[Clock], id: SilenceId
) -> SilenceOut:
    """It is kept; one that is over stays as it ended."""
    now = clock()
    async with database.transaction() as conn:
        await commands.end_silence(conn, id, caller(request).name, now)
        return await queried.one_silence(conn, id, now)
