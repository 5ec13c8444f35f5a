"""Who guesses keys is slowed down by address, and neither a neighbour's right key nor the door's work suffers."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.contract.serving import bearer, serving
from tests.integration.told import NOON
from tracker.api.application import Parts, application
from tracker.dashboard import handlers
from tracker.domain.rate import Rate
from tracker.queries.key_checks import KeyChecks
from tracker.runtime.http_server import Bounds, Front, Limits, Proxies
from tracker.store import keys

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx2

    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

FEW = Rate(5, timedelta(minutes=1))
WRONG = {"Authorization": f"Bearer trk_0123456789ab_{'x' * 43}"}


@asynccontextmanager
async def guessing(database: Database) -> AsyncIterator[httpx2.AsyncClient]:
    """A served API and dashboard behind a proxy that is believed."""
    checks = KeyChecks(database, FEW, now=lambda: 0.0)
    pages = handlers(database, lambda: NOON, checks=checks)
    app = application(Parts(database, lambda: NOON, None, checks=checks, more=pages))
    async with serving(app, Front(Bounds(Limits()), Proxies.named(["127.0.0.1"]))) as client:
        client.headers["Origin"] = str(client.base_url).rstrip("/")
        yield client


async def statuses(client: httpx2.AsyncClient, times: int, headers: dict[str, str]) -> list[int]:
    return [(await client.get("/api/v1/posts", headers=headers)).status_code for _ in range(times)]


async def test_wrong_keys_are_answered_429_after_as_many_as_are_allowed(database: Database) -> None:
    async with guessing(database) as client:
        assert await statuses(client, 7, WRONG) == [401] * 5 + [429] * 2
        refused = await client.get("/api/v1/posts", headers=WRONG)
        assert refused.headers["retry-after"] == "12"
        assert refused.json()["type"] == "urn:tracker:problem:too-often"


async def test_who_comes_from_elsewhere_is_not_concerned(database: Database) -> None:
    key = await bearer(database, "read")
    async with guessing(database) as client:
        await statuses(client, 7, WRONG | {"X-Forwarded-For": "203.0.113.1"})
        assert await statuses(client, 1, WRONG | {"X-Forwarded-For": "203.0.113.1"}) == [429]
        assert await statuses(client, 1, key | {"X-Forwarded-For": "203.0.113.2"}) == [200]


async def test_a_key_that_fitted_is_let_through_beside_its_neighbours_guesses_until_it_is_revoked(
    database: Database,
) -> None:
    key = await bearer(database, "read")
    async with guessing(database) as client:
        assert await statuses(client, 1, key) == [200]
        await statuses(client, 7, WRONG)
        assert await statuses(client, 1, key) == [200]
        async with database.connection() as conn:
            await keys.revoke(conn, key["Authorization"].split("_")[1], NOON)
        assert await statuses(client, 2, key) == [401, 429]


async def test_what_cannot_be_a_key_is_refused_without_being_looked_up_or_counted(database: Database) -> None:
    async with guessing(database) as client:
        assert await statuses(client, 10, {"Authorization": "Bearer guess"}) == [401] * 10
        assert await statuses(client, 1, WRONG) == [401]


async def test_signing_in_is_slowed_down_too_and_by_its_own_words(database: Database) -> None:
    async with guessing(database) as client:
        answers = [await client.post("/sign-in", data={"key": f"guess {n}"}) for n in range(7)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 2
    assert answers[-1].headers["retry-after"] == "12"
    assert "Too many attempts" in answers[-1].text


async def test_a_session_that_is_over_leads_to_the_sign_in_however_often(database: Database) -> None:
    """And whoever has only old cookies may still sign in."""
    key = await bearer(database, "read")
    async with guessing(database) as client:
        for number in range(8):
            old = await client.get("/", headers={"Cookie": f"tracker_session=old{number % 2}"})
            assert (old.status_code, old.headers["location"].partition("?")[0]) == (303, "/sign-in")
        text = key["Authorization"].removeprefix("Bearer ")
        assert (await client.post("/sign-in", data={"key": text})).status_code == 303


async def test_guesses_at_the_same_moment_do_not_take_up_the_connections(database: Database) -> None:
    """Each is answered, and no more than a few are looked up."""
    async with guessing(database) as client:
        asked = [client.get("/api/v1/posts", headers=WRONG) for _ in range(40)]
        answers = [answer.status_code for answer in await asyncio.gather(*asked)]
    assert answers.count(401) in (5, 6)
    assert set(answers) == {401, 429}
