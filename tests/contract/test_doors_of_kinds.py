"""The doors of other kinds: a secret in the address or in a header, several posts at once, and none at all."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.serving import knocking
from tests.integration.told import NOON
from tracker.providers import build_providers
from tracker.providers.signing import sign
from tracker.receive.quarantine_replay import Replay, Verdict
from tracker.receive.receiver import Receiver
from tracker.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx2

    from tracker.providers.adapter import Adapter
    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

SECRET = "sehr-geheim_1234567890"
NOT_AUTHENTIC = {"error": "İmza geçersiz"}
ASKED = ("buffer", "publer", "blotato")
KINDS = ("sosyalkopru", "zernio", "post_for_me", "mixpost", "postiz", *ASKED)
POST = {"id": "p1", "state": "PUBLISHED", "integration": {"id": "ch", "providerIdentifier": "x"}}
RESULT = {"event_type": "social.post.result.created", "data": {"post_id": "p1", "success": True}}


def doors() -> dict[str, Adapter]:
    """Each kind under its own name."""
    section = {"api_url": "https://api.example.com", "webhook_secrets": [SECRET]}
    return build_providers(
        Settings.model_validate({"providers": {kind: section | {"kind": kind} for kind in KINDS}})
    )  # fmt: skip


@asynccontextmanager
async def knocking_at_all(database: Database) -> AsyncIterator[httpx2.AsyncClient]:
    """At every kind's door; what was not authentic is kept in the end."""
    receiver = Receiver(database, doors(), lambda: NOON)
    async with knocking(database, receiver) as client:
        yield client
        await receiver.flush_unauthentic()


async def kept(database: Database) -> str:
    """Everything that the database holds of deliveries, as one text."""
    async with database.connection() as conn:
        rows = [
            dict(row)
            for table in ("events", "deliveries", "repeats", "quarantine")
            for row in await conn.fetch(f"select * from {table}")
        ]
    return json.dumps(rows, default=str)


async def posts(database: Database) -> list[tuple[str | None, int]]:
    """The posts of the log's events, with their parts."""
    async with database.connection() as conn:
        return [tuple(row) for row in await conn.fetch("select post, part from events order by position")]


async def send(client: httpx2.AsyncClient, path: str, body: Any, headers: dict[str, Any] | None = None) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await client.post(f"/webhooks/{path}", content=content, headers=headers)


async def test_the_end_of_the_address_is_believed_and_never_kept(
    database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    """Right, wrong, missing, too long; usable or not; nor where a proxy has copied the address into a header."""
    copied = {"x-original-uri": f"/webhooks/postiz/{SECRET}", "x-other": "stays"}
    async with knocking_at_all(database) as client:
        assert (await send(client, f"postiz/{SECRET}", [POST], copied)).json() == {"received": True}
        assert (await send(client, f"postiz/{SECRET}", [POST])).json() == {"received": True, "duplicate": True}
        unusable = await send(client, f"postiz/{SECRET}", [], copied)
        assert unusable.json() == {"received": True, "quarantined": True, "reason": "no_post"}
        for wrong in ("postiz", "postiz/", f"postiz/{SECRET}x", f"postiz/{SECRET}/more", "postiz/%ff%00"):
            answer = await send(client, wrong, [POST], {"referer": f"https://x.example/{wrong}"})
            assert (answer.status_code, answer.json()) == (401, NOT_AUTHENTIC), wrong
    everything = await kept(database)
    assert everything.count("signature_wrong") == 3
    assert everything.count("signature_missing") == 2
    assert "stays" in everything
    assert SECRET not in everything
    assert SECRET not in "".join(capfd.readouterr())


async def test_an_address_that_was_written_otherwise_is_not_kept_either(database: Database) -> None:
    """A proxy copies the address as it came, or into another one: with escapes, which are the same secret."""
    escaped = f"%{ord(SECRET[0]):x}{SECRET[1:]}"
    wrong = f"{escaped}%C3%A9"
    async with knocking_at_all(database) as client:
        unusable = await send(client, f"postiz/{escaped}", [], {"x-original-uri": f"/webhooks/postiz/{escaped}"})
        assert unusable.json()["reason"] == "no_post"
        copies = (wrong, wrong.replace("%", "%25"), f"{SECRET}\u00e9".encode())
        for copy in copies:
            answer = await send(client, f"postiz/{wrong}", [POST], {"x-original-uri": copy})
            assert answer.status_code == 401
    everything = await kept(database)
    assert everything.count('"postiz"') == 1 + len(copies)
    assert SECRET[1:] not in everything


async def test_an_address_with_a_secret_is_no_door_of_who_signs(database: Database) -> None:
    """Nor is it told to anybody, should a provider have been misspelt."""
    async with knocking_at_all(database) as client:
        for path in (f"sosyalkopru/{SECRET}", f"nobody/{SECRET}", *ASKED, *(f"{kind}/{SECRET}" for kind in ASKED)):
            answer = await send(client, path, {})
            assert answer.status_code == 404
            assert SECRET not in answer.text
    assert await kept(database) == "[]"


async def test_who_signs_only_by_wish_may_have_the_secret_in_the_address(database: Database) -> None:
    """But where it has signed, the signature counts, and where there is neither, nobody is believed."""
    body = json.dumps({"id": "e1", "event": "post.published", "post": {"id": "p1", "status": "published"}}).encode()
    right = sign(doors()["zernio"].verifier.scheme, [SECRET.encode()], body, NOON)
    async with knocking_at_all(database) as client:
        assert (await send(client, f"zernio/{SECRET}", body)).json() == {"received": True}
        assert (await send(client, "zernio", body, right)).json() == {"received": True, "duplicate": True}
        assert (await send(client, "zernio", body)).status_code == 401
        assert (await send(client, f"zernio/{SECRET}x", body)).status_code == 401
        assert (await send(client, f"zernio/{SECRET}", body, {"x-zernio-signature": "00" * 32})).status_code == 401
    assert SECRET not in await kept(database)


async def test_a_header_that_is_the_secret_is_never_kept(database: Database) -> None:
    """Whether it was right or wrong: a wrong one is often the right one of somebody else, or of yesterday."""
    name = "Post-For-Me-Webhook-Secret"
    async with knocking_at_all(database) as client:
        assert (await send(client, "post_for_me", RESULT, {name: SECRET})).json() == {"received": True}
        assert (await send(client, "post_for_me", b"{", {name: SECRET})).json()["reason"] == "not_json"
        assert (await send(client, "post_for_me", RESULT, {name: f"{SECRET}-old"})).status_code == 401
    everything = await kept(database)
    assert "signature_wrong" in everything
    assert SECRET not in everything


async def test_what_was_refused_for_a_secret_that_is_not_kept_stays_refused(database: Database) -> None:
    """It cannot be verified again."""
    async with knocking_at_all(database) as client:
        await send(client, "post_for_me", RESULT, {"post-for-me-webhook-secret": "old"})
        await send(client, "postiz/old", [POST])
    async with database.connection() as conn:
        items = [row["id"] for row in await conn.fetch("select id from quarantine order by id")]
    replay = Replay(database, doors(), lambda: NOON)
    assert [await replay.replay(item) for item in items] == [
        Verdict(item, "held", "signature_missing") for item in items
    ]  # fmt: skip


async def test_one_delivery_about_several_posts_is_kept_for_each(database: Database) -> None:
    """And counts as one when it comes again."""
    deleted = json.dumps({"event": "post.deleted", "data": {"uuids": ["u1", "u2", "u3"]}}).encode()
    headers = sign(doors()["mixpost"].verifier.scheme, [SECRET.encode()], deleted, NOON)
    several = [POST, POST | {"id": "p2"}]
    async with knocking_at_all(database) as client:
        assert (await send(client, "mixpost", deleted, headers)).json() == {"received": True}
        assert (await send(client, "mixpost", deleted, headers)).json() == {"received": True, "duplicate": True}
        assert (await send(client, f"postiz/{SECRET}", several)).json() == {"received": True}
    assert await posts(database) == [("u1", 0), ("u2", 1), ("u3", 2), ("p1", 0), ("p2", 1)]


async def test_more_posts_than_can_be_are_quarantined(database: Database) -> None:
    async with knocking_at_all(database) as client:
        answer = await send(client, f"postiz/{SECRET}", [POST] * 1001)
    assert answer.json() == {"received": True, "quarantined": True, "reason": "too_many_posts"}
