"""Silences: alerts kept from people for a while, always with an end, and what that hid."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

from litestar import Request, delete, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter

from tracker.api import parameters
from tracker.api.guards import caller, requires
from tracker.api.problems import MAX_BODY, OF_BODIES
from tracker.api.refusals import ONE, READING, SAYING
from tracker.api.schemas import Page
from tracker.api.silence_schemas import NewSilence, SilenceOut, silence_out
from tracker.api.words import Clock, Cursor, Limit
from tracker.domain.runs import silencing
from tracker.domain.runs.pause import Silence
from tracker.errors import NotFound
from tracker.facts import commands
from tracker.queries.paging import write_cursor
from tracker.rulebook.source import RuleSource
from tracker.store.database import Connection, Database
from tracker.store.reactions import silences
from tracker.store.reactions.silences import STATES, After

NEWEST_FIRST = "-since"
NEWEST_OF_ONE = 50

States = Annotated[list[str] | None, QueryParameter(name="state", description=f"One or both: {', '.join(STATES)}.")]
SilenceId = Annotated[UUID, PathParameter(description="The silence's id.")]


@get("/silences", responses=READING, summary="Silences, the newest first")
async def list_silences(
    database: NamedDependency[Database],
    clock: NamedDependency[Clock],
    limit: Limit = 50,
    cursor: Cursor = None,
    states: States = None,
) -> Page[SilenceOut]:
    """Also those that are over; each with how many alerts it hid, and the newest of them."""
    after, now = parameters.cursor(cursor, NEWEST_FIRST, After), clock()
    words = parameters.words("state", states, STATES)
    async with database.connection() as conn:
        found, following = await silences.list_silences(conn, words, after, limit, now)
        hid = await silences.hid(conn, [silence.id for silence in found])
    items = [silence_out(silence, hid[silence.id], now) for silence in found]
    return Page(items, write_cursor(NEWEST_FIRST, following))


@get("/silences/{id:str}", responses=ONE, summary="One silence, with what it hid")
async def one_silence(database: NamedDependency[Database], clock: NamedDependency[Clock], id: SilenceId) -> SilenceOut:
    """Also when it is over."""
    async with database.connection() as conn:
        found = await silences.one(conn, id)
        if found is None:
            raise NotFound(f"there is no silence {id}")
        return await _shown(conn, found, clock())


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
    silence = silencing.silence(uuid4(), data.match, ends, data.reason, by, now, known)
    async with database.transaction() as conn:
        await commands.begin_silence(conn, silence)
        return await _shown(conn, silence, now)


@delete("/silences/{id:str}", status_code=200, guards=[requires("operate")], responses=ONE, summary="End it now")
async def end_silence(
    request: Request[Any, Any, Any], database: NamedDependency[Database], clock: NamedDependency[Clock], id: SilenceId
) -> SilenceOut:
    """It is kept; one that is over stays as it ended."""
    now = clock()
    async with database.transaction() as conn:
        return await _shown(conn, await commands.end_silence(conn, id, caller(request).name, now), now)


async def _shown(conn: Connection, silence: Silence, now: datetime) -> SilenceOut:
    hid = await silences.hid(conn, [silence.id], NEWEST_OF_ONE)
    return silence_out(silence, hid[silence.id], now)
