"""The provider's door: every row of what it answers, over real HTTP and a real log."""

from __future__ import annotations

import hmac
import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from tests.conftest import QUICK
from tests.contract.serving import knocking
from tests.integration.told import NOON
from tracker.embedded.embedded import EmbeddedPostgres
from tracker.providers import build_providers
from tracker.receive.receiver import Receiver
from tracker.settings import Provider, Settings
from tracker.store import migrations
from tracker.store.database import Database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    import httpx2

pytestmark = pytest.mark.anyio

SECRET = "whsec_test"
MAX_BODY = 4096
DOOR = "/webhooks/sosyalkopru"
NOT_AUTHENTIC = {"error": "İmza geçersiz"}


def body(event: str = "post.published", post: str | None = "post_1", **more: Any) -> bytes:
    """A webhook as the provider's guide shows it."""
    data = {"status": event.rpartition(".")[2].upper(), "platforms": []} | ({"postId": post} if post else {})
    return json.dumps({"event": event, "timestamp": "2026-11-10T11:59:00.000Z", "data": data, **more}).encode()


def signed(content: bytes, delivery: str = "d1", secret: str = SECRET) -> dict[str, str]:
    """The headers that the provider sends with it."""
    signature = hmac.new(secret.encode(), content, sha256).hexdigest()
    return {"X-SosyalKopru-Signature": f"sha256={signature}", "X-SosyalKopru-Delivery": delivery}


def a_receiver(database: Database) -> Receiver:
    """Of Sosyal Köprü, with two secrets active."""
    provider = Provider(
        kind="sosyalkopru", api_url="https://api.example.com/v1", webhook_secrets=(SecretStr("old"), SecretStr(SECRET))
    )
    return Receiver(database, build_providers(Settings(providers={"sosyalkopru": provider})), lambda: NOON)


@pytest.fixture
async def client(database: Database) -> AsyncIterator[httpx2.AsyncClient]:
    """The door of this test's database."""
    async with knocking(database, a_receiver(database), MAX_BODY) as client:
        yield client


async def kept(database: Database) -> list[bytes]:
    """The bodies in the log."""
    async with database.connection() as conn:
        return [row["body"] for row in await conn.fetch("select body from events order by position")]


async def send(client: httpx2.AsyncClient, content: bytes, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    """Status and answer."""
    response = await client.post(DOOR, content=content, headers=signed(content) if headers is None else headers)
    assert response.headers["content-type"] == "application/json"
    return response.status_code, response.json()


async def test_a_new_authentic_one_is_received_and_kept_byte_for_byte(
    client: httpx2.AsyncClient, database: Database
) -> None:
    assert await send(client, body()) == (200, {"received": True})
    assert await kept(database) == [body()]


async def test_any_of_the_active_secrets_signs(client: httpx2.AsyncClient) -> None:
    assert await send(client, body(), signed(body(), secret="old")) == (200, {"received": True})


@pytest.mark.parametrize("delivery", ["d1", "d2"])
async def test_the_same_again_is_a_duplicate_by_id_or_by_body(
    client: httpx2.AsyncClient, database: Database, delivery: str
) -> None:
    await send(client, body())
    assert await send(client, body(), signed(body(), delivery)) == (200, {"received": True, "duplicate": True})
    assert len(await kept(database)) == 1


async def test_another_body_under_a_used_id_is_kept(client: httpx2.AsyncClient, database: Database) -> None:
    await send(client, body())
    assert await send(client, body(post="post_2"), signed(body(post="post_2"), "d1")) == (200, {"received": True})
    assert len(await kept(database)) == 2


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b"17", body(event=""), body(post=None), b"{}"])
async def test_authentic_but_unusable_is_quarantined_with_a_reason(
    client: httpx2.AsyncClient, database: Database, content: bytes
) -> None:
    status, answer = await send(client, content)
    assert (status, answer["received"], answer["quarantined"]) == (200, True, True)
    assert answer["reason"]
    assert await kept(database) == []
    async with database.connection() as conn:
        assert [row["body"] for row in await conn.fetch("select body from quarantine where authentic")] == [content]


@pytest.mark.parametrize(
    "content", [body("webhook.test", None), body("post.pinned"), body("account.disconnected", None)]
)
async def test_unknown_kinds_and_tests_are_received(
    client: httpx2.AsyncClient, database: Database, content: bytes
) -> None:
    assert await send(client, content) == (200, {"received": True})
    assert await kept(database) == [content]


def wrong_signatures() -> Iterator[dict[str, str]]:
    """Missing, malformed, too short, too long, of another secret, not even text."""
    right = signed(body())["X-SosyalKopru-Signature"]
    yield {}
    for wrong in (
        "",
        "sha256=",
        right[:-1],
        right + "0",
        right.removeprefix("sha256="),
        "sha256=" + "z" * 64,
        "sha1=00",
    ):
        yield {"X-SosyalKopru-Signature": wrong}
    yield signed(body(), secret="another")


@pytest.mark.parametrize("headers", list(wrong_signatures()))
async def test_a_signature_that_is_not_right_is_refused(
    client: httpx2.AsyncClient, database: Database, headers: dict[str, str]
) -> None:
    assert await send(client, body(), headers) == (401, NOT_AUTHENTIC)
    assert await kept(database) == []


async def test_a_signature_that_is_not_ascii_is_refused(client: httpx2.AsyncClient) -> None:
    response = await client.post(DOOR, content=body(), headers=[(b"X-SosyalKopru-Signature", b"sha256=\xff\xfe")])
    assert (response.status_code, response.json()) == (401, NOT_AUTHENTIC)


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("size", [MAX_BODY + 1, MAX_BODY * 10, MAX_BODY * 100])
async def test_a_body_above_the_limit_is_refused_and_nothing_of_it_kept(
    client: httpx2.AsyncClient, database: Database, size: int, chunked: bool
) -> None:
    content = b"x" * size

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, size, 1000):
            yield content[start : start + 1000]

    response = await client.post(DOOR, content=pieces() if chunked else content, headers=signed(content))
    assert response.status_code == 413
    assert "error" in response.json()
    async with database.connection() as conn:
        assert await conn.fetchval("select (select count(*) from events) + (select count(*) from quarantine)") == 0
    assert await send(client, body()) == (200, {"received": True})


async def test_a_body_of_exactly_the_limit_is_taken(client: httpx2.AsyncClient) -> None:
    content = body(padding="x" * (MAX_BODY - len(body(padding=""))))
    assert len(content) == MAX_BODY
    assert await send(client, content) == (200, {"received": True})


async def test_an_unknown_provider_is_a_404(client: httpx2.AsyncClient) -> None:
    response = await client.post("/webhooks/nobody", content=body(), headers=signed(body()))
    assert (response.status_code, list(response.json())) == (404, ["error"])


async def test_only_posting_is_taken(client: httpx2.AsyncClient) -> None:
    response = await client.get(DOOR)
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


async def test_what_cannot_be_written_is_not_acknowledged(tmp_path: Path) -> None:
    """While Postgres is down the answer is 503 with a time to come again; once it is back, 200."""
    postgres = EmbeddedPostgres(tmp_path / "postgres", QUICK)
    dsn = postgres.start()
    try:
        await migrations.upgrade(dsn)
        async with Database.open(dsn) as database, knocking(database, a_receiver(database), MAX_BODY) as client:
            postgres.stop()
            response = await client.post(DOOR, content=body(), headers=signed(body()))
            assert response.status_code == 503
            assert int(response.headers["retry-after"]) > 0
            postgres.start()
            assert await send(client, body()) == (200, {"received": True})
            assert await kept(database) == [body()]
    finally:
        postgres.stop()
