"""What a person can have done about a post: the provider tries it again, or is asked how it stands."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Request, post
from litestar.di import NamedDependency

from tracker.api.auth import caller, requires
from tracker.api.parameters import Clock, PostId, ProviderName
from tracker.api.responses import DECIDING, ONE
from tracker.domain.posts.post import Post
from tracker.facts import commands
from tracker.queries.actions import OneActionOut, one_action
from tracker.queries.posts import find_post
from tracker.store.database import Connection, Database

Ask = Callable[[Connection, Post, str, datetime], Awaitable[UUID]]


@post(
    "/posts/{id:str}/retry",
    status_code=202,
    guards=[requires("operate")],
    responses=DECIDING,
    summary="Have the provider try it again",
)
async def retry_post(
    request: Request[Any, Any, Any],
    database: NamedDependency[Database],
    clock: NamedDependency[Clock],
    id: PostId,
    provider: ProviderName = None,
) -> OneActionOut:
    """Only one that has failed, at least in part; otherwise 409. The provider is asked first how it stands.

    Answers the action that does it: the one that is open already, where there is one.
    """
    return await _asked(commands.retry_post, request, database, clock, id, provider)


@post(
    "/posts/{id:str}/reconcile",
    status_code=202,
    guards=[requires("operate")],
    responses=ONE,
    summary="Ask the provider how it stands",
)
async def reconcile_post(
    request: Request[Any, Any, Any],
    database: NamedDependency[Database],
    clock: NamedDependency[Clock],
    id: PostId,
    provider: ProviderName = None,
) -> OneActionOut:
    """What it says becomes a fact of the log. Answers the action that does it: the open one, where there is one."""
    return await _asked(commands.reconcile_post, request, database, clock, id, provider)


async def _asked(
    ask: Ask, request: Request[Any, Any, Any], database: Database, clock: Clock, id: str, provider: str | None
) -> OneActionOut:
    async with database.transaction() as conn:
        found = await find_post(conn, id, provider)
        action = await ask(conn, found.post, caller(request).name, clock())
        return await one_action(conn, action)
