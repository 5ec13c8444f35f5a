"""Orders about many posts or actions at once: a dry run says what would come of one, a plan carries it out."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Response, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, PathParameter
from msgspec import Meta, Struct, field, structs

from tracker.act.plans import give_order
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
    ProviderNames,
    command,
    state_in,
)
from tracker.domain.plans import STATES
from tracker.errors import BadParameter
from tracker.facts import planning
from tracker.facts.commands import end_of_silence
from tracker.parameters import parse_zone_of
from tracker.queries import plans as queried
from tracker.queries.paging import Page
from tracker.queries.plans import (
    LONGEST_NOTE,
    MOST_IDS,
    USUAL_PACE,
    OnePlanOut,
    PlannedOut,
    PlanOut,
    parse_order,
)
from tracker.store.database import Database

Word = Annotated[str, Meta(min_length=1, max_length=200)]
Words = Annotated[list[Word], Meta(min_length=1, max_length=50)]


class PostFilters(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which posts, as the parameters of `GET /posts` say it: all must hold."""

    state: Words | None = None
    platform: Word | None = None
    account: Word | None = None
    provider: Word | None = None
    error: Word | None = None
    since: Word | None = None
    until: Word | None = None
    scheduled_from: Word | None = None
    scheduled_to: Word | None = None
    stuck_for: Word | None = None
    q: Word | None = None
    attribute: Words | None = None
    label: Words | None = None


class ActionFilters(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which actions, as the parameters of `GET /actions` say it: all must hold."""

    state: Words | None = None
    verb: Word | None = None
    target: Word | None = None
    rule: Word | None = None
    provider: Word | None = None
    post: Word | None = None
    reason: Word | None = None
    since: Word | None = None
    until: Word | None = None


class ManyOrder(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How an order about many is carried out."""

    include: Annotated[
        Literal["usual", "all"],
        Meta(description="all: also posts that it will not help to try again, and actions that are done."),
    ] = "usual"
    pace: Annotated[Word, Meta(description="How fast, as in `60 per minute`; 100 a second at most.")] = USUAL_PACE
    note: Annotated[str, Meta(description="Why, for whoever looks at it later.", max_length=LONGEST_NOTE)] = ""


class ManyPosts(ManyOrder, frozen=True, forbid_unknown_fields=True):
    """About which posts: by `filters`, `ids`, or both; a retry without `state` or `ids` is about all that failed."""

    filters: PostFilters | None = None
    ids: Annotated[
        Annotated[list[Word], Meta(min_length=1, max_length=MOST_IDS)] | None,
        Meta(description="Ids of posts at their provider."),
    ] = None


class ManySilences(ManyPosts, frozen=True, forbid_unknown_fields=True):
    """About which posts alerts are hidden, and until when."""

    until: Annotated[str | None, Meta(description="As of `POST /silences`.")] = None
    for_: Annotated[str | None, Meta(description="Instead of `until`, how long.", examples=["2h"])] = field(
        name="for", default=None
    )
    zone: Annotated[str | None, Meta(description="Whose tomorrow it is; UTC unless it is said.")] = None


class ManyActions(ManyOrder, frozen=True, forbid_unknown_fields=True):
    """About which actions: by `filters`, `ids`, or both; without `state` or `ids`, about the dead ones."""

    filters: ActionFilters | None = None
    ids: Annotated[list[UUID], Meta(min_length=1, max_length=MOST_IDS)] | None = None


TRIED = ResponseSpec(PlannedOut, description="What a dry run found; nothing was planned.", generate_examples=False)
ANSWERS: dict[str, Any] = {"responses": PLANNING | {200: TRIED}, "status_code": 201, **READS_BODY}

States = Annotated[list[str] | None, state_in(STATES)]
PlanId = Annotated[UUID, PathParameter(description="The plan's id.")]
Planned = Response[PlannedOut]


@command("/posts/retry", summary="Have the provider try many again", **ANSWERS)
async def retry_posts(
    by: By, database: Db, now: Now, provider_names: ProviderNames, data: JSONBody[ManyPosts], dry_run: DryRun = False
) -> Planned:
    """Which ones is settled now. Where the provider says that trying again will not help, it passes over them."""
    return await _planned("posts", "retry", database, now, by, data, dry_run, provider_names)


@command("/posts/reconcile", summary="Ask the providers how many stand", **ANSWERS)
async def reconcile_posts(
    by: By, database: Db, now: Now, provider_names: ProviderNames, data: JSONBody[ManyPosts], dry_run: DryRun = False
) -> Planned:
    """Which ones is settled now. What the providers say becomes facts of the log."""
    return await _planned("posts", "reconcile", database, now, by, data, dry_run, provider_names)


@command("/posts/silence", summary="Hide alerts about many", **ANSWERS)
async def silence_posts(
    by: By, database: Db, now: Now, provider_names: ProviderNames, data: JSONBody[ManySilences], dry_run: DryRun = False
) -> Planned:
    """A silence for each, until one moment; `note` is why."""
    until = end_of_silence(data.until, data.for_, now, parse_zone_of("zone", data.zone))
    return await _planned("posts", "silence", database, now, by, data, dry_run, provider_names, until)


@command("/actions/retry", summary="Attempt many once more", **ANSWERS)
async def retry_actions(
    by: By, database: Db, now: Now, data: JSONBody[ManyActions], dry_run: DryRun = False
) -> Planned:
    """Which ones is settled now. Under their own ids, so that whoever has heard of one already can tell."""
    return await _planned("actions", "retry", database, now, by, data, dry_run)


@command("/actions/discard", summary="Never attempt many again", **ANSWERS)
async def discard_actions(
    by: By, database: Db, now: Now, data: JSONBody[ManyActions], dry_run: DryRun = False
) -> Planned:
    """Which ones is settled now. Those that are pending, dead or unknown."""
    return await _planned("actions", "discard", database, now, by, data, dry_run)


@command("/actions/redeliver", summary="Do many once more under new ids", **ANSWERS)
async def redeliver_actions(
    by: By, database: Db, now: Now, data: JSONBody[ManyActions], dry_run: DryRun = False
) -> Planned:
    """New actions that say the same, for whoever has lost what it had. A retry of a post asks the provider first."""
    return await _planned("actions", "redeliver", database, now, by, data, dry_run)


@get("/plans", responses=READING, summary="Plans, the newest first")
async def list_plans(
    database: Db, now: Now, limit: Limit = 50, cursor: Cursor = None, states: States = None
) -> Page[PlanOut]:
    """Answers a page."""
    async with database.connection() as conn:
        return await queried.list_plans(conn, states, now, cursor, limit)


@get("/plans/{id:str}", responses=ONE, summary="One plan, and what has become of its orders")
async def one_plan(database: Db, now: Now, id: PlanId) -> OnePlanOut:
    """Its actions are listed by `GET /actions?plan=<id>`."""
    async with database.connection() as conn:
        return await queried.one_plan(conn, id, now)


@command("/plans/{id:str}/pause", DECIDING, "Let it rest")
async def pause_plan(database: Db, by: By, now: Now, id: PlanId) -> OnePlanOut:
    """Only one that is running; otherwise 409. What was ordered already goes on by itself."""
    return await _brought(database, now, by, id, "paused")


@command("/plans/{id:str}/resume", DECIDING, "Let it go on")
async def resume_plan(database: Db, by: By, now: Now, id: PlanId) -> OnePlanOut:
    """Only one that is paused; otherwise 409. It makes up for nothing: it goes on at its own pace."""
    return await _brought(database, now, by, id, "running")


@command("/plans/{id:str}/cancel", DECIDING, "End it")
async def cancel_plan(database: Db, by: By, now: Now, id: PlanId) -> OnePlanOut:
    """Only one that is running or paused; otherwise 409. What was ordered already goes on by itself."""
    return await _brought(database, now, by, id, "cancelled")


async def _brought(database: Database, now: datetime, by: str, id: UUID, state: str) -> OnePlanOut:
    async with database.transaction() as conn:
        await planning.bring_plan(conn, id, state, by, now)
        return await queried.one_plan(conn, id, now)


async def _planned(
    subject: str, verb: str, database: Database, now: datetime, by: str, data: ManyPosts | ManyActions, dry_run: bool,
    provider_names: Sequence[str] = (), until: datetime | None = None,
) -> Planned:  # fmt: skip
    if data.filters is None and data.ids is None:
        raise BadParameter("filters", 'say which: "filters" as of the list ({} are all), or "ids"')
    given = structs.asdict(data.filters) if data.filters else {}
    filters = {name: value for name, value in given.items() if value is not None}
    filters |= {"ids": data.ids} if data.ids else {}
    everything = data.include == "all"
    order = parse_order(subject, verb, filters, pace=data.pace, note=data.note, include_all=everything, until=until)
    async with database.transaction(unhurried=True) as conn:
        with _of_filters():
            planned = await give_order(conn, order, by, now, provider_names, dry_run=dry_run)
    return Response(planned, status_code=200 if dry_run else 201)


@contextmanager
def _of_filters() -> Iterator[None]:
    """What is wrong is a key of `filters`."""
    try:
        yield
    except BadParameter as error:
        name = error.parameter if error.parameter.startswith("ids") else f"filters.{error.parameter}"
        raise BadParameter(name, str(error)) from error
