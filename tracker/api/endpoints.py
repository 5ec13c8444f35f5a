"""Webhooks that other systems subscribe to at run time; the rule of each decides what is sent there."""

from typing import Annotated
from uuid import UUID, uuid4

from litestar import delete, get
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter
from msgspec import Meta, Struct
from msgspec.structs import asdict
from pydantic import SecretStr

from tracker.api.auth import requires
from tracker.api.handlers import (
    ONE,
    READING,
    READS_BODY,
    SAYING,
    By,
    Cursor,
    Db,
    Limit,
    Now,
    ProviderNames,
    command,
    refused,
)
from tracker.domain.calls.endpoint_secret import secret_of
from tracker.errors import BadParameter, Rejected
from tracker.facts import endpoints as commands
from tracker.outbound.addresses import OutboundError
from tracker.outbound.client import Outbound
from tracker.parameters import refuse_zero_bytes
from tracker.queries import webhook_endpoints as queried
from tracker.queries.paging import Page
from tracker.queries.webhook_endpoints import EndpointOut
from tracker.rulebook.endpoint_rules import check_endpoint
from tracker.store.reactions.webhook_endpoints import WebhookEndpoint

EndpointId = Annotated[str, PathParameter(description="The endpoint's id.")]
MAKING = SAYING | {409: refused("There are as many as there may be, or nothing to make its secret of.")}
Words = Annotated[list[Annotated[str, Meta(min_length=1, max_length=200)]], Meta(min_length=1, max_length=50)]


class NewEndpoint(Struct, frozen=True, forbid_unknown_fields=True):
    """Where messages are to go, and which."""

    url: Annotated[str, Meta(description="Where to post.", max_length=2000)]
    events: Annotated[Words, Meta(description="What a rule says as `on`: events, globs, or moves as in `a -> b`.")]
    filter: Annotated[
        dict[str, str | Words], Meta(description="What a rule says as `match`; all of it must hold.", max_length=20)
    ] = {}
    description: Annotated[str, Meta(description="What it is for.", max_length=200)] = ""


class MadeEndpoint(EndpointOut, frozen=True, kw_only=True):
    """A new endpoint, with what it is never told again."""

    secret: Annotated[str, Meta(description="Signs the messages, as Standard Webhooks says; shown this once.")]


class Tried(Struct, frozen=True):
    """A message is on its way."""

    action: Annotated[UUID, Meta(description="What sends it: see `GET /actions/{id}`.")]


@get("/endpoints", responses=READING, summary="Endpoints made at run time, the newest first")
async def list_endpoints(database: Db, limit: Limit = 50, cursor: Cursor = None) -> Page[EndpointOut]:
    """What was subscribed to over this API; endpoints of the configuration are not among it."""
    async with database.connection() as conn:
        return await queried.list_endpoints(conn, cursor, limit)


@get("/endpoints/{id:str}", responses=ONE, summary="One endpoint made at run time")
async def one_endpoint(database: Db, id: EndpointId) -> EndpointOut:
    """What it subscribes to, and whether anything is sent there."""
    async with database.connection() as conn:
        return await queried.one_endpoint(conn, id)


@command("/endpoints", MAKING, "Subscribe to events", 201, **READS_BODY)
async def create_endpoint(
    by: By, database: Db, now: Now, outbound: NamedDependency[Outbound], link_secret: NamedDependency[SecretStr],
    provider_names: ProviderNames, data: JSONBody[NewEndpoint],
) -> MadeEndpoint:  # fmt: skip
    """From now on what fits is posted there, signed. The secret is in this answer, and nowhere else.

    The endpoint is a rule of the same id: `GET /posts/{id}/why` says why it told nothing, and
    `POST /rules/{id}/enable` puts it in force again.
    """
    if not link_secret.get_secret_value():
        raise Rejected(
            "no_link_secret", "nothing is there to make secrets of: write"
            ' link_secret = { env = "TRACKER_LINK_SECRET" } under [server] in the configuration'
        )  # fmt: skip
    refuse_zero_bytes(url=data.url, description=data.description)
    made = f"{commands.PREFIX}{uuid4().hex[:12]}"
    check_endpoint(made, data.events, data.filter, provider_names)
    try:
        await outbound.check_url(data.url)
    except (OutboundError, TimeoutError) as error:
        raise BadParameter("url", getattr(error, "detail", "") or "its host cannot be looked up in time") from error
    async with database.transaction() as conn:
        await commands.create_endpoint(
            conn, WebhookEndpoint(made, data.url, data.events, data.filter, data.description, by, now)
        )
        shown = await queried.one_endpoint(conn, made)
    return MadeEndpoint(**asdict(shown), secret=secret_of(made, link_secret.get_secret_value()))


@delete("/endpoints/{id:str}", status_code=204, guards=[requires("operate")], responses=ONE, summary="Unsubscribe")
async def delete_endpoint(database: Db, by: By, now: Now, id: EndpointId) -> None:
    """Nothing more is sent there, nor what is on its way."""
    async with database.transaction() as conn:
        await commands.delete_endpoint(conn, id, by, now)


@command("/endpoints/{id:str}/test", ONE, "Send a test", 202)
async def try_endpoint(database: Db, by: By, now: Now, id: EndpointId) -> Tried:
    """A message `webhook.test`, signed and repeated as all are, also where the endpoint is disabled."""
    async with database.transaction() as conn:
        return Tried(await commands.try_endpoint(conn, id, by, now))
