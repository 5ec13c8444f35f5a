"""Redeliveries: ended actions done once more, by a plan that can be tried, watched, paused and cancelled."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from litestar import Response, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, PathParameter
from msgspec import Meta, Struct, field, structs

from tracker.api.handlers import (
    DECIDING,
    ONE,
    PLANNING,
    READING,
    READS_BODY,
    By,
    Cursor,
    Db,
    DryRun,
    Limit,
    Now,
    command,
    state_in,
)
from tracker.api.problems import BadParameter
from tracker.domain.actions import POLICIES
from tracker.domain.rate import Pace, Rate
from tracker.facts import commands
from tracker.parameters import parse_choice, parse_optional_time, refuse_zero_bytes
from tracker.queries import redeliveries as queried
from tracker.queries.actions import ActionQuery, list_actions
from tracker.queries.paging import Page, compiled
from tracker.queries.redeliveries import (
    STATES,
    OneRedeliveryOut,
    PlannedOut,
    RedeliveryOut,
    count_chosen,
    oldest_chosen,
    redelivery_out,
)
from tracker.store.actions import redeliveries
from tracker.store.actions.redeliveries import ENDED
from tracker.store.database import Database

Word = Annotated[str, Meta(min_length=1, max_length=200)]


class ChosenBy(Struct, frozen=True, forbid_unknown_fields=True):
    """Which actions: all of it must hold."""

    states: Annotated[
        list[str],
        Meta(description=f"Some of {', '.join(ENDED)}.", min_length=1, max_length=len(ENDED), examples=[["dead"]]),
    ] = field(default_factory=lambda: ["dead"])
    verb: Annotated[Word | None, Meta(description=f"One of {', '.join(POLICIES)}.")] = None
    target: Annotated[Word | None, Meta(description="A channel, an endpoint or a provider.")] = None
    rule: Annotated[Word | None, Meta(description="The rule that asked for it.")] = None
    provider: Annotated[Word | None, Meta(description="The provider's name in the configuration.")] = None
    post: Annotated[Word | None, Meta(description="The post's id.")] = None
    reason: Annotated[Word | None, Meta(description="Why its last attempt ended as it did, as in timeout.")] = None
    since: Annotated[str | None, Meta(description="Asked for at this time or later.")] = None
    until: Annotated[str | None, Meta(description="Asked for before this time.")] = None


class NewRedelivery(Struct, frozen=True, forbid_unknown_fields=True):
    """What to do once more, and how."""

    filters: ChosenBy = field(default_factory=ChosenBy)
    idempotency: Annotated[
        Literal["same", "fresh"],
        Meta(
            description="same: the same actions, under the ids that they had, so that whoever has a message already can"
            " tell. fresh: new actions that say the same under new ids. A retry asks the provider first in any case."
        ),
    ] = "same"
    rate: Annotated[str, Meta(description="How fast, as in `10 per second` or `600 in 1h`; 100 a second at most.")] = (
        "10 per second"
    )
    note: Annotated[str, Meta(description="Why, for whoever looks at it later.", max_length=500)] = ""


SHOWN = 20
FASTEST = 100

TRIED = ResponseSpec(PlannedOut, description="What a dry run found; nothing was planned.", generate_examples=False)

States = Annotated[list[str] | None, state_in(STATES)]
PlanId = Annotated[UUID, PathParameter(description="The redelivery's id.")]


@command("/redeliveries", PLANNING | {200: TRIED}, "Plan to do ended actions once more", 201, **READS_BODY)
async def plan_redelivery(
    by: By, database: Db, now: Now, data: JSONBody[NewRedelivery], dry_run: DryRun = False
) -> Response[PlannedOut]:
    """What the filters choose now is settled with the plan; it begins at once. With `dry_run`, it is only shown."""
    query, rate = _query(data.filters, now), _rate(data.rate)
    refuse_zero_bytes(note=data.note)
    async with database.transaction(unhurried=True) as conn:
        shares = await count_chosen(conn, query)
        sample = await list_actions(conn, query, limit=SHOWN)
        made = None
        if not dry_run:
            how = (data.idempotency == "fresh", rate, data.note)
            chosen = compiled(oldest_chosen(query))
            told = {name: value for name, value in structs.asdict(data.filters).items() if value is not None}
            made = await commands.plan_redelivery(conn, chosen, told, how, by, now)
        shown = redelivery_out(await redeliveries.get(conn, made), now) if made else None
    count = sum(share.actions for share in shares)
    planned = PlannedOut(shown, count, shares, [*sample.items])
    return Response(planned, status_code=200 if dry_run else 201)


@get("/redeliveries", responses=READING, summary="Redeliveries, the newest first")
async def list_redeliveries(
    database: Db, now: Now, limit: Limit = 50, cursor: Cursor = None, states: States = None
) -> Page[RedeliveryOut]:
    """Answers a page."""
    async with database.connection() as conn:
        return await queried.list_redeliveries(conn, states, now, cursor, limit)


@get("/redeliveries/{id:str}", responses=ONE, summary="One redelivery, and what it has come to")
async def one_redelivery(database: Db, now: Now, id: PlanId) -> OneRedeliveryOut:
    """The actions themselves are listed by `GET /actions?redelivery=<id>`."""
    async with database.connection() as conn:
        return await queried.one_redelivery(conn, id, now)


@command("/redeliveries/{id:str}/pause", DECIDING, "Let it rest")
async def pause_redelivery(database: Db, by: By, now: Now, id: PlanId) -> OneRedeliveryOut:
    """Only one that is running; otherwise 409. What was redelivered already goes on by itself."""
    return await _brought(database, now, by, id, "paused")


@command("/redeliveries/{id:str}/resume", DECIDING, "Let it go on")
async def resume_redelivery(database: Db, by: By, now: Now, id: PlanId) -> OneRedeliveryOut:
    """Only one that is paused; otherwise 409. It makes up for nothing: it goes on at its own pace."""
    return await _brought(database, now, by, id, "running")


@command("/redeliveries/{id:str}/cancel", DECIDING, "End it")
async def cancel_redelivery(database: Db, by: By, now: Now, id: PlanId) -> OneRedeliveryOut:
    """Only one that is running or paused; otherwise 409. What was redelivered already goes on by itself."""
    return await _brought(database, now, by, id, "cancelled")


async def _brought(database: Database, now: datetime, by: str, id: UUID, state: str) -> OneRedeliveryOut:
    async with database.transaction() as conn:
        await commands.bring_redelivery(conn, id, state, by, now)
        return await queried.one_redelivery(conn, id, now)


def _query(asked: ChosenBy, now: datetime) -> ActionQuery:
    names = ("verb", "target", "rule", "provider", "post", "reason")
    texts = {name: getattr(asked, name) for name in names}
    refuse_zero_bytes(**{f"filters.{name}": text for name, text in texts.items()})
    for state in asked.states:
        parse_choice("filters.states", state, ENDED)
    if asked.verb is not None:
        parse_choice("filters.verb", asked.verb, tuple(POLICIES))
    since = parse_optional_time("filters.since", asked.since, now)
    until = parse_optional_time("filters.until", asked.until, now)
    return ActionQuery(tuple(dict.fromkeys(asked.states)), **texts, since=since, until=until)


def _rate(text: str) -> Rate:
    try:
        rate = Rate.parse(text)
        if Pace(rate).gap.total_seconds() * FASTEST < 1:
            raise ValueError(f"{FASTEST} a second is the most")
    except (ValueError, OverflowError) as error:
        raise BadParameter("rate", str(error)) from error
    return rate
