"""What can be done about a post by hand: the provider tries it again, or is asked how it stands."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from urllib.parse import unquote
from uuid import UUID

from litestar import Response, post
from litestar.di import NamedDependency

from tracker.dashboard.asked import Asked
from tracker.dashboard.rendering import Visit
from tracker.dashboard.visitor import Clock
from tracker.domain.posts.post import Post
from tracker.facts import commands
from tracker.queries.posts import find_post
from tracker.store.database import Connection, Database

Ask = Callable[[Connection, Post, str, datetime], Awaitable[UUID]]


@post("/provider/retry")
async def retry_post(
    visit: NamedDependency[Visit], database: NamedDependency[Database], clock: NamedDependency[Clock]
) -> Response[Any]:
    """Only one that has failed, at least in part; the provider is asked first how it stands."""
    return await _asked(commands.retry_post, "post_retried", visit, database, clock)


@post("/provider/ask")
async def reconcile_post(
    visit: NamedDependency[Visit], database: NamedDependency[Database], clock: NamedDependency[Clock]
) -> Response[Any]:
    """What it says becomes a fact of the log."""
    return await _asked(commands.reconcile_post, "asked", visit, database, clock)


async def _asked(ask: Ask, done: str, visit: Visit, database: Database, clock: Clock) -> Response[Any]:
    by, form = visit.must_operate().name, Asked(await visit.request.form())
    async with database.transaction() as conn:
        found = await find_post(conn, unquote(form.text("post") or ""), form.text("provider"))
        await ask(conn, found.post, by, clock())
    return await visit.back(done)
