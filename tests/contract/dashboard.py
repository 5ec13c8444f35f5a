"""The dashboard behind real HTTP, and visitors who have signed in to it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from tests.contract.serving import serving
from tests.integration.corridor import READERS
from tests.integration.told import NOON, PROVIDER
from tracker.api.application import Parts, application
from tracker.dashboard import handlers
from tracker.domain.actions import ActionSpec
from tracker.domain.payloads import AlertPayload
from tracker.domain.runs.engine_state import ActionRequest
from tracker.rulebook.source import NO_RULES
from tracker.store import keys
from tracker.store.actions import actions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from datetime import datetime

    import httpx2

    from tracker.rulebook.source import RuleSource
    from tracker.store.database import Database

NOW = NOON + timedelta(hours=1)


@asynccontextmanager
async def dashboard(
    database: Database,
    rules: RuleSource = NO_RULES,
    *,
    parts: Mapping[str, Any] | None = None,
    clock: Callable[[], datetime] = lambda: NOW,
    **options: Any,
) -> AsyncIterator[httpx2.AsyncClient]:
    """A visitor who has not signed in; forms are sent from a page of ours. `parts` are more of the application."""
    pages = handlers(database, clock, **options)
    more: dict[str, Any] = {"readers": READERS, **(parts or {})}
    app = application(Parts(database, clock, None, rules=rules, more=pages, **more))
    async with serving(app) as client:
        client.headers["Origin"] = str(client.base_url).rstrip("/")
        yield client


async def sign_in(client: httpx2.AsyncClient, database: Database, scope: str, **form: str) -> httpx2.Response:
    """The answer to a new key of that scope; from then on the client has the session's cookie."""
    async with database.connection() as conn:
        _, text = await keys.create(conn, f"test {scope}", [scope], NOON)
    return await client.post("/sign-in", data={"key": text, **form})


async def an_action(database: Database, state: str, post: str = "p1", title: str = "it failed") -> str:
    """One action of the post in that state."""
    spec = ActionSpec("alert", "ops", AlertPayload(title=title), f"key-{uuid4()}", NOON)
    async with database.connection() as conn:
        await actions.intend(conn, [ActionRequest(spec, "on-failure", "r1", uuid4(), PROVIDER, post)], NOON)
        await conn.execute("update actions set state = $2 where id = $1", spec.id, state)
    return str(spec.id)


async def state_of(database: Database, action: str) -> str:
    """The action's state as the database has it."""
    async with database.connection() as conn:
        state: str = await conn.fetchval("select state from actions where id = $1", action)
    return state
