"""What senders ask before they send anything, over real HTTP: answered where it is declared, and never kept."""

from __future__ import annotations

import hmac
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.serving import knocking
from tests.integration.told import NOON
from tracker.providers import build_providers
from tracker.receive.quarantine_replay import Replay
from tracker.receive.receiver import Receiver
from tracker.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx2

    from tracker.providers.adapter import Adapter
    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

SECRET, TOKEN = "secretValueTest", "a token ü"
AT = str(int(NOON.timestamp()))
PLACES = {"event": "type", "post": "id"}
PATH = {"headers": ["x-s"], "signed": "{path} {body}"}


def doors() -> dict[str, Adapter]:
    section = {"kind": "generic", "api_url": "https://x.example", "webhook_secrets": [SECRET], "fields": PLACES}
    ways: dict[str, dict[str, Any]] = {
        "slack": {"scheme": "slack"},
        "zoom": {"scheme": "zoom"},
        "twitch": {"scheme": "twitch"},
        "meta": {"scheme": "meta", "handshake": {"token": TOKEN}},
        "untold": {"scheme": "meta"},
        "github": {"scheme": "github"},
        "path": PATH,
    }
    told = {name: section | {"webhook": webhook} for name, webhook in ways.items()}
    return build_providers(Settings.model_validate({"providers": told}))


@asynccontextmanager
async def a_door(database: Database, *, directly: bool = True) -> AsyncIterator[httpx2.AsyncClient]:
    receiver = Receiver(database, doors(), lambda: NOON)
    async with knocking(database, receiver, directly=directly) as client:
        yield client
        await receiver.flush_unauthentic()


async def kept(database: Database) -> list[str]:
    """What the database holds of deliveries."""
    async with database.connection() as conn:
        rows = [row for table in ("events", "quarantine") for row in await conn.fetch(f"select * from {table}")]
        return [str(dict(row)) for row in rows]


def stamped(name: str, body: bytes) -> dict[str, str]:
    """The headers of Slack or Zoom."""
    headers = {"slack": ("x-slack-signature", "x-slack-request-timestamp")}.get(
        name, ("x-zm-signature", "x-zm-request-timestamp")
    )
    signature = hmac.new(SECRET.encode(), f"v0:{AT}:".encode() + body, "sha256").hexdigest()
    return dict(zip(headers, (f"v0={signature}", AT), strict=True))


@pytest.mark.parametrize("directly", [True, False])
async def test_a_challenge_in_a_delivery_is_answered(database: Database, directly: bool) -> None:
    """Slack's by the challenge, Zoom's by the token and what it signs; both ways of the door alike."""
    slack = json.dumps({"token": "x", "challenge": "3eZbrw1aBm2rZgRNFdxV", "type": "url_verification"}).encode()
    zoom = json.dumps(
        {
            "payload": {"plainToken": "qgg8vlvZRS6UYooatFL8Aw"},
            "event_ts": 1654503849680,
            "event": "endpoint.url_validation",
        }
    ).encode()
    async with a_door(database, directly=directly) as client:
        answer = await client.post("/webhooks/slack", content=slack, headers=stamped("slack", slack))
        assert (answer.status_code, answer.json()) == (200, {"challenge": "3eZbrw1aBm2rZgRNFdxV"})
        answer = await client.post("/webhooks/zoom", content=zoom, headers=stamped("zoom", zoom))
        assert answer.json() == {
            "plainToken": "qgg8vlvZRS6UYooatFL8Aw",
            "encryptedToken": "70c1f2e2e6ca2d39297490d1f9142c7d701415ea8e6151f6562a08fa657a40ff",
        }
        assert answer.headers["content-type"] == "application/json"
    assert await kept(database) == []


@pytest.mark.parametrize("directly", [True, False])
async def test_a_challenge_can_be_answered_by_its_text_alone(database: Database, directly: bool) -> None:
    """As Twitch wants it."""
    subscription = {"status": "webhook_callback_verification_pending"}
    body = json.dumps({"challenge": "pogchamp-kappa-360noscope-vohiyo", "subscription": subscription}).encode()
    at = NOON.isoformat().replace("+00:00", "Z")
    signature = hmac.new(SECRET.encode(), f"m1{at}".encode() + body, "sha256").hexdigest()
    headers = {"id": "m1", "timestamp": at, "signature": f"sha256={signature}"}
    told = {f"twitch-eventsub-message-{name}": value for name, value in headers.items()}
    async with a_door(database, directly=directly) as client:
        answer = await client.post("/webhooks/twitch", content=body, headers=told)
        assert (answer.status_code, answer.text) == (200, "pogchamp-kappa-360noscope-vohiyo")
        assert answer.headers.get_list("content-type") == ["text/plain; charset=utf-8"]
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert await kept(database) == []


async def test_a_challenge_that_is_not_signed_is_not_answered(database: Database) -> None:
    """Nobody gets anything signed who cannot sign."""
    body = b'{"event": "endpoint.url_validation", "payload": {"plainToken": "x"}}'
    async with a_door(database) as client:
        for headers in ({}, stamped("zoom", body + b" ")):
            answer = await client.post("/webhooks/zoom", content=body, headers=headers)
            assert (answer.status_code, answer.json()) == (401, {"error": "İmza geçersiz"})


@pytest.mark.parametrize("challenge", ["", "ü", "a\nb", "x" * 513, 7, None, ["x"]])
async def test_a_challenge_that_is_none_is_a_delivery_like_others(database: Database, challenge: Any) -> None:
    body = json.dumps({"type": "url_verification", "challenge": challenge}).encode()
    async with a_door(database) as client:
        answer = await client.post("/webhooks/slack", content=body, headers=stamped("slack", body))
        assert answer.json() == {"received": True}
    assert len(await kept(database)) == 1


async def test_an_event_of_who_has_a_handshake_is_kept(database: Database) -> None:
    body = json.dumps({"type": "post.published", "id": "p1", "more": "x" * 9000}).encode()
    async with a_door(database) as client:
        answer = await client.post("/webhooks/slack", content=body, headers=stamped("slack", body))
        assert answer.json() == {"received": True}
    (event,) = await kept(database)
    assert "post.published" in event


async def test_a_challenge_in_a_get_is_answered_to_who_knows_the_token(database: Database) -> None:
    asked = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": TOKEN}
    async with a_door(database) as client:
        answer = await client.get("/webhooks/meta", params=asked)
        assert (answer.status_code, answer.text) == (200, "1158201444")
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.headers["x-content-type-options"] == "nosniff"
        for wrong in ("", "a token", TOKEN + " "):
            answer = await client.get("/webhooks/meta", params=asked | {"hub.verify_token": wrong})
            assert (answer.status_code, answer.json()) == (401, {"error": "İmza geçersiz"})
        del asked["hub.verify_token"]
        assert (await client.get("/webhooks/meta", params=asked)).status_code == 401
    assert await kept(database) == []


async def test_a_get_is_refused_everywhere_else(database: Database) -> None:
    asked = {"hub.challenge": "1", "hub.verify_token": TOKEN}
    bad = [{"hub.challenge": challenge, "hub.verify_token": TOKEN} for challenge in ("", "<b>\n", "ü", "x" * 513)]
    bad += [{f"p{n}": "" for n in range(200)} | asked, {"hub.verify_token": TOKEN}, asked | {"x": "y" * 9000}, {}]
    async with a_door(database) as client:
        for path in ("github", "untold", "nobody", "meta/secret", "slack", ""):
            answer = await client.get(f"/webhooks/{path}", params=asked)
            assert (answer.status_code, answer.headers["allow"]) == (405, "POST"), path
        for query in bad:
            assert (await client.get("/webhooks/meta", params=query)).status_code == 405, query
        for method in ("HEAD", "PUT", "DELETE", "OPTIONS"):
            assert (await client.request(method, "/webhooks/meta", params=asked)).status_code == 405


@pytest.mark.parametrize("directly", [True, False])
async def test_what_was_asked_can_be_signed_and_verified_again(database: Database, directly: bool) -> None:
    """What was refused for its secret is verified again by the address that was kept with it."""
    target = "/webhooks/path" if directly else "/webhooks/path?a=%2F&b=1"
    body = b'{"type": "post.published", "id": "p1"}'
    right = hmac.new(SECRET.encode(), target.encode() + b" " + body, "sha256").hexdigest()
    other = hmac.new(b"another", target.encode() + b" " + body, "sha256").hexdigest()
    async with a_door(database, directly=directly) as client:
        assert (await client.post(target, content=body, headers={"x-s": other})).status_code == 401
        assert (await client.post(target, content=body, headers={"x-s": right})).json() == {"received": True}
    async with database.connection() as conn:
        (item,) = await conn.fetch("select id from quarantine")
    section = {"kind": "generic", "api_url": "https://x.example", "webhook_secrets": ["another"], "fields": PLACES}
    healed = build_providers(Settings.model_validate({"providers": {"path": section | {"webhook": PATH}}}))
    verdict = await Replay(database, healed, lambda: NOON).replay(item["id"], dry_run=True)
    assert verdict.outcome == "duplicate"
