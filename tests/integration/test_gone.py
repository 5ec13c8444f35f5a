"""A post that is gone at the provider: the fact is the same, whoever asked, and is there once."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from tests.integration.gates import OpenGate
from tests.integration.little_provider import RECREATE, little_provider
from tests.integration.told import NOON, PROVIDER
from tracker.act.performers.channels import build_performers
from tracker.act.performers.provider_actions import RetryPost
from tracker.act.worker import Worker
from tracker.domain.actions import ActionSpec, Claimed, Discard, Reason
from tracker.domain.payloads import ReconcilePayload, RetryPayload
from tracker.domain.posts.event import Report, State
from tracker.domain.posts.post import Post
from tracker.domain.runs.engine_state import ActionRequest
from tracker.facts.commands import reconcile_post
from tracker.facts.own_facts import fact_of, not_found
from tracker.outbound.addresses import Allowed
from tracker.outbound.client import Outbound, Reply
from tracker.providers import build_clients
from tracker.settings import Settings
from tracker.store.actions import actions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tracker.domain.calls.call_budget import Purpose
    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "reconcile": ("reconcile", {}),
    "retry": ("retry", {}),
    "retry, by creating anew": ("retry", {"retry": "create", "recreate": RECREATE}),
}


@asynccontextmanager
async def working(database: Database, url: str, more: dict[str, Any]) -> AsyncIterator[Worker]:
    section = {"kind": "sosyalkopru", "api_url": url, "api_key": "k", **more}
    wanted = Settings.model_validate({"providers": {PROVIDER: section}})
    async with Outbound(Allowed.parse(["127.0.0.1"]), timeout=timedelta(seconds=5)) as outbound:
        performers = build_performers(wanted, build_clients(wanted, outbound, OpenGate()), outbound)
        yield Worker(database, performers, "one", lambda: NOON)


async def intend(database: Database, verb: str, post: str, rule: str = "r") -> None:
    payload = ReconcilePayload(post=post) if verb == "reconcile" else RetryPayload(post=post, attempt=1)
    asked = ActionRequest(ActionSpec(verb, PROVIDER, payload, str(uuid4()), NOON), rule, "1", uuid4(), PROVIDER, post)
    async with database.transaction() as conn:
        await actions.intend(conn, [asked], NOON)


async def until_done(worker: Worker) -> None:
    while await worker.claim():
        await worker.settle()


async def gone(database: Database) -> list[tuple[str, str]]:
    async with database.connection() as conn:
        rows = await conn.fetch("select source, post from events where kind = 'post.not_found' order by position")
    return [(row["source"], row["post"]) for row in rows]


@pytest.mark.parametrize("way", WAYS)
async def test_who_asks_about_a_post_that_is_gone_learns_it_as_a_round_does(database: Database, way: str) -> None:
    """However often it is asked; a post that is there is not gone."""
    verb, more = WAYS[way]
    async with little_provider() as provider, working(database, provider.url, more) as worker:
        for post in ("nowhere", "nowhere", "p1"):
            await intend(database, verb, post)
            await until_done(worker)
    assert await gone(database) == [("reconcile", "nowhere")]
    assert fact_of(not_found(PROVIDER, "nowhere", NOON, NOON)).event == "post.not_found"


async def test_who_asks_by_hand_learns_it_too(database: Database) -> None:
    """As POST /posts/{id}/reconcile and the command do."""
    async with little_provider() as provider, working(database, provider.url, {}) as worker:
        async with database.transaction() as conn:
            await reconcile_post(conn, Post(PROVIDER, "nowhere"), "me", NOON)
        await until_done(worker)
    assert await gone(database) == [("reconcile", "nowhere")]


class NoSuchCall:
    """A provider that knows the post, and has no such call."""

    def can(self, call: str) -> bool:
        return True

    def on_behalf_of(self, _: Purpose) -> NoSuchCall:
        return self

    async def get_post(self, _: str, *, then: int = 0) -> Reply[Report]:
        return Reply(Report(state=State.FAILED), sent=True)

    async def retry_post(self, *_: str) -> Reply[bool]:
        return Reply(None, Reason.NOT_FOUND, sent=True, status=404)


async def test_a_retry_that_is_not_found_says_nothing_of_the_post() -> None:
    section = {"kind": "sosyalkopru", "api_url": "http://127.0.0.1:9", "api_key": "k"}
    wanted = Settings.model_validate({"providers": {PROVIDER: section}})
    client: Any = NoSuchCall()
    claimed = Claimed(
        uuid4(), "retry", PROVIDER, RetryPayload(post="p1", attempt=1), "key-1", 1, 1, None, PROVIDER, "p1", "r", None,
        NOON,
    )  # fmt: skip
    outcome = await RetryPost({PROVIDER: client}, wanted.providers).perform(claimed, NOON)
    assert outcome == Discard(Reason.NOT_FOUND)
