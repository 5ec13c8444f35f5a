"""Silences: alerts kept from people for a while, always with an end, and what that hid."""

from typing import Annotated
from uuid import UUID, uuid4

from litestar import delete, get
from litestar.params import JSONBody, PathParameter
from msgspec import Meta, Struct, field

from tracker.api.auth import requires
from tracker.api.handlers import (
    ONE,
    READING,
    READS_BODY,
    SAYING,
    AlertValues,
    By,
    Cursor,
    Db,
    Limit,
    Now,
    command,
    state_in,
)
from tracker.facts import commands
from tracker.parameters import parse_zone_of
from tracker.queries import silences as queried
from tracker.queries.paging import Page
from tracker.queries.silences import STATES, Matched, SilenceOut

States = Annotated[list[str] | None, state_in(STATES, "One or both")]
SilenceId = Annotated[UUID, PathParameter(description="The silence's id.")]


class NewSilence(Struct, frozen=True, forbid_unknown_fields=True):
    """Which alerts are to be hidden, until when, and why."""

    match: Matched
    reason: Annotated[str, Meta(description="Why, for those who wonder.", examples=["Instagram maintenance"])]
    until: Annotated[
        str | None,
        Meta(description="A time with a zone, at most 30 days ahead; or tomorrow, or a day of the week: 09:00 of it."),
    ] = None
    for_: Annotated[str | None, Meta(description="Instead of `until`, how long.", examples=["2h"])] = field(
        name="for", default=None
    )
    zone: Annotated[
        str | None, Meta(description="Whose tomorrow it is; UTC unless it is said.", examples=["Europe/Istanbul"])
    ] = None


@get("/silences", responses=READING, summary="Silences, the newest first")
async def list_silences(
    database: Db, now: Now, limit: Limit = 50, cursor: Cursor = None, states: States = None
) -> Page[SilenceOut]:
    """Also those that are over; each with how many alerts it hid, and the newest of them."""
    async with database.connection() as conn:
        return await queried.list_silences(conn, states, now, cursor, limit)


@get("/silences/{id:str}", responses=ONE, summary="One silence, with what it hid")
async def one_silence(database: Db, now: Now, id: SilenceId) -> SilenceOut:
    """Also when it is over."""
    async with database.connection() as conn:
        return await queried.one_silence(conn, id, now)


@command("/silences", SAYING, "Hide alerts for a while", 201, **READS_BODY)
async def create_silence(
    by: By, database: Db, now: Now, alert_values: AlertValues, data: JSONBody[NewSilence]
) -> SilenceOut:
    """From now on, until its end. The rules fire as ever; their alerts are on record, as hidden."""
    until = commands.end_of_silence(data.until, data.for_, now, parse_zone_of("zone", data.zone))
    silence = commands.silence(uuid4(), data.match, until, data.reason, by, now, alert_values)
    async with database.transaction() as conn:
        await commands.begin_silence(conn, silence)
        return await queried.one_silence(conn, silence.id, now)


@delete("/silences/{id:str}", status_code=200, guards=[requires("operate")], responses=ONE, summary="End it now")
async def end_silence(database: Db, by: By, now: Now, id: SilenceId) -> SilenceOut:
    """It is kept; one that is over stays as it ended."""
    async with database.transaction() as conn:
        await commands.end_silence(conn, id, by, now)
        return await queried.one_silence(conn, id, now)
