"""What providers really send, through their doors to the API: ids that are whole paths, and posts that are edited.

Google Business calls a post `accounts/…/locations/…/localPosts/…`, and routes that decode `%2F` before they match have
no address for it (fastapi/fastapi 791, Kludex/starlette 826); Zernio's external events carry the platform's own id.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from tests.contract.serving import bearer, serving
from tests.integration.corridor import Corridor
from tests.integration.told import NOON
from tests.unit import saying as say
from tests.unit.conforming import PATH, SECRETS, configured
from tests.unit.saying import target
from tracker.api import Parts, application
from tracker.facts.codec import fact_readers
from tracker.providers import build_providers
from tracker.providers.signing import sign
from tracker.receive.receiver import Answer, Delivery, Receiver

if TYPE_CHECKING:
    import httpx2

    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

GOOGLE = "accounts/1/locations/4/localPosts/7"
ODD = [GOOGLE, "a%2Fb", "a/../b", "?a=b&c", "#1", "🎉/ü", "post 1", "history"]
ALONE = {"event": "post.external.created", "timestamp": "2026-11-10T12:00:00Z"}


def external(post: str) -> dict[str, Any]:
    named = {"id": post, "platform": "googlebusiness", "accountId": "a", "url": "https://g.example/1"}
    return ALONE | {"id": f"e {post}", "post": named}


BODIES: dict[str, Any] = {
    "sosyalkopru": lambda post: say.sosyalkopru(0, "PUBLISHED", postId=post).body,
    "zernio": external,
    "ayrshare": lambda post: say.ayrshare(0, "success", id=post).body,
    "bundle_social": lambda post: say.bundle(0, "POSTED", id=post).body,
    "post_for_me": lambda post: say.result(0, "r", success=True, post_id=post).body,
    "outstand": lambda post: say.outstand(0, "post.published", postId=post).body,
    "upload_post": lambda post: say.upload_post(0, success=True).body | {"job_id": post},
    "mixpost": lambda post: say.mixpost(0, "published", "published", uuid=post).body,
    "postiz": lambda post: say.postiz(0, "PUBLISHED", id=post).body,
}


class Place:
    """One kind's door, and all behind it."""

    def __init__(self, database: Database, kind: str) -> None:
        self.database, self.kind = database, kind
        self.adapter = build_providers(configured(kind))[kind]
        self.readers = fact_readers({kind: self.adapter})
        self.corridor = Corridor(database, [], readers=self.readers)
        self.receiver = Receiver(database, {kind: self.adapter}, self.corridor.now)

    async def deliver(self, *bodies: Any) -> None:
        """Each a minute after the one before it."""
        await self.corridor.open()
        taking = asyncio.create_task(self.receiver.run())
        for body in bodies:
            self.corridor.at += 60
            content, scheme = json.dumps(body).encode(), self.adapter.verifier.scheme
            headers = sign(scheme, [SECRETS[0].encode()], content, NOON + timedelta(seconds=self.corridor.at))
            delivery = Delivery(self.kind, headers, content, PATH if scheme.form == "path" else "")
            answer = await self.receiver.receive(delivery)
            assert isinstance(answer, Answer)
            assert answer.quarantined is None
        taking.cancel()
        with suppress(asyncio.CancelledError):
            await taking
        await self.corridor.settle()

    def serving(self) -> Any:
        parts = Parts(self.database, self.corridor.now, None, providers=(self.kind,), readers=self.readers)
        return serving(application(parts))


async def shown(client: httpx2.AsyncClient, post: str) -> dict[str, Any]:
    answer = await client.get(f"/api/v1/posts/{quote(post, safe='').replace('.', '%2E')}")
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


@pytest.mark.parametrize("kind", BODIES)
async def test_whatever_id_a_provider_gives_leads_to_its_post(database: Database, kind: str) -> None:
    place = Place(database, kind)
    await place.deliver(*[BODIES[kind](post) for post in ODD])
    async with place.serving() as client:
        client.headers |= await bearer(database, "operate")
        for post in ODD:
            told = await shown(client, post)
            assert (told["id"], told["state"]) == (post, "published")
            address = f"/api/v1/posts/{quote(post, safe='').replace('.', '%2E')}"
            for what in ("history", "why"):
                assert (await client.get(f"{address}/{what}")).status_code == 200
            action = (await client.post(f"{address}/reconcile")).json()
            assert (action["verb"], action["post"]) == ("reconcile", post)


async def test_a_post_that_was_edited_is_published_without_what_was_taken_out(database: Database) -> None:
    """An account that is named only later, a target that goes, an entry of nothing, and a time of another language."""
    place = Place(database, "sosyalkopru")
    both = target("instagram", "SCHEDULED"), target("x", "SCHEDULED")
    when = [f"2026-11-10 12:0{minute}:00 UTC" for minute in range(3)]
    await place.deliver(
        say.sosyalkopru(0, "SCHEDULED", *both, when=when[0]).body,
        say.sosyalkopru(5, "SCHEDULED", both[0], when=when[1]).body,
        say.sosyalkopru(9, "PUBLISHED", target("instagram", "PUBLISHED", "acc_1"), None, when=when[2]).body,
    )
    async with place.serving() as client:
        client.headers |= await bearer(database, "read")
        told = await shown(client, "p1")
        assert told["state"] == "published"
        assert {one["key"]: (one["account"], one["state"]) for one in told["targets"]} == {
            "instagram#1": ("acc_1", "published"), "x#1": (None, "cancelled"),
        }  # fmt: skip
        history = (await client.get("/api/v1/posts/p1/history")).text
        assert "no longer among" in history
        assert "null is no table" in history
