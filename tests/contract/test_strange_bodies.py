"""Whatever a body is, the door takes or refuses it in words, and every page and answer that shows it can be seen."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.dashboard import sign_in
from tests.contract.naughty import BODIES, TEXTS, suite
from tests.contract.serving import bearer, serving
from tests.integration.test_receiver import SECRET, signed
from tests.integration.told import NOON, PROVIDER
from tests.processing import a_processor
from tests.waiting import until
from tracker.api.application import Parts, application
from tracker.dashboard import handlers
from tracker.dashboard.query import post_address
from tracker.dashboard.rendering import pretty, visible
from tracker.facts.codec import fact_readers
from tracker.providers import build_providers
from tracker.receive.receiver import Receiver
from tracker.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    import httpx2

    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]")


@dataclass
class House:
    """A served door, API and dashboard, with somebody who may see everything."""

    database: Database
    client: httpx2.AsyncClient
    key: dict[str, str]
    readers: Any

    async def deliver(self, body: bytes, delivery: str, *, secret: str = SECRET) -> httpx2.Response:
        headers = {**signed(body, delivery, secret), "content-type": "application/json"}
        return await self.client.post(f"/webhooks/{PROVIDER}", content=body, headers=headers)

    async def project(self) -> None:
        """Fold all that has come into posts."""
        node = await a_processor(self.database, self.readers)
        await node.tend()
        await node.drain()

    async def rows(self, query: str) -> list[Any]:
        async with self.database.connection() as conn:
            rows: list[Any] = await conn.fetch(query)
            return rows

    async def unseen(self, addresses: Mapping[str, str], api: Mapping[str, str]) -> dict[str, object]:
        """The pages and answers that cannot be looked at, by the names of what they show."""
        wrong: dict[str, object] = {}
        for name, address in addresses.items():
            page = await self.client.get(address)
            if page.status_code != 200 or UNSEEN.search(page.text) or len(page.content) > 500_000:
                wrong[f"{name}: {address}"] = (page.status_code, len(page.content), page.text[:200])
        for name, address in api.items():
            answer = await self.client.get(address, headers=self.key)
            if answer.status_code != 200:
                wrong[f"{name}: {address}"] = (answer.status_code, answer.text[:200])
        return wrong


@pytest.fixture
async def house(database: Database) -> AsyncIterator[House]:
    provider = {"kind": "sosyalkopru", "api_url": "http://127.0.0.1:9", "webhook_secrets": [SECRET]}
    doors = build_providers(Settings.model_validate({"providers": {PROVIDER: provider}}))
    receiver = Receiver(database, doors, lambda: NOON)
    async with written(receiver):
        pages = handlers(database, lambda: NOON)
        parts = Parts(
            database,
            lambda: NOON,
            receiver,
            doors=doors,
            providers=(PROVIDER,),
            readers=fact_readers(doors),
            more=pages,
        )
        async with serving(application(parts)) as client:
            client.headers["Origin"] = str(client.base_url).rstrip("/")
            await sign_in(client, database, "admin")
            yield House(database, client, await bearer(database, "admin"), fact_readers(doors))


@asynccontextmanager
async def written(receiver: Receiver) -> AsyncIterator[asyncio.Task[None]]:
    """What the receiver takes is written meanwhile."""
    task = asyncio.create_task(receiver.run())
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def a_good_event(post: str, extra: bytes) -> bytes:
    """An event that says something of the post, with something strange beside it."""
    known = json.dumps({"postId": post, "status": "PUBLISHED", "platforms": []}).encode()
    return b'{"event": "post.published", "timestamp": "2026-11-10T12:00:00Z", "data": %s, "extra": %s}' % (known, extra)


async def quarantined(house: House) -> tuple[dict[str, str], dict[str, str]]:
    """The pages and the answers about everything in the quarantine."""
    items = [row["id"] for row in await house.rows("select id from quarantine order by id")]
    pages = {f"item {item}": f"/quarantine/{item}" for item in items} | {"list": "/quarantine"}
    return pages, {f"item {item}": f"/api/v1/quarantine/{item}" for item in items}


@pytest.mark.parametrize("group", ["y", "n", "i"])
@pytest.mark.parametrize("place", ["raw", "within"])
async def test_json_or_not_each_text_of_the_suite_is_kept_or_quarantined_with_a_reason_and_can_be_looked_at(
    house: House, group: str, place: str
) -> None:
    texts = {name: text for name, text in suite().items() if name.startswith(f"{group}_")}
    assert len(texts) == {"y": 95, "n": 188, "i": 35}[group]
    wrong: dict[str, object] = {}
    for name, text in texts.items():
        body = text if place == "raw" else a_good_event(name, text)
        answer = await house.deliver(body, name)
        told = answer.json() if answer.status_code == 200 else {}
        usable = told.get("received") is True and (told.get("reason") if told.get("quarantined") else True)
        if not usable or (place == "within" and group == "y" and told.get("quarantined")):
            wrong[name] = (answer.status_code, answer.text)
    assert wrong == {}
    await house.project()
    posts = [row["post"] for row in await house.rows("select distinct post from events where post is not null")]
    assert (await house.rows("select count(*) from parked"))[0][0] == 0
    pages, api = await quarantined(house)
    pages |= {f"post {post}": post_address(PROVIDER, post) for post in posts}
    assert await house.unseen(pages, api) == {}
    if place == "within" and group == "y":
        assert len(posts) == 95


async def test_any_body_at_all_is_quarantined_and_its_page_shows_it(house: House) -> None:
    """Authentic or not: a stranger needs no secret to put one there."""
    for name, body in BODIES.items():
        assert (await house.deliver(body, name)).status_code == 200, name
        assert (await house.deliver(body, f"forged {name}", secret="forged")).status_code == 401, name
    usable = {"twice the same name"}
    await until(lambda: house.rows("select id from quarantine where not authentic"))
    pages, api = await quarantined(house)
    assert len(api) > len(BODIES) - len(usable)
    assert await house.unseen(pages, api) == {}


async def test_a_stranger_whose_body_is_nested_deeply_breaks_no_page(house: House) -> None:
    """As `curl -d "$(printf '[%.0s' $(seq 30000))"` with any signature would."""
    answer = await house.client.post(
        f"/webhooks/{PROVIDER}", content=b"[" * 30_000, headers={"X-SosyalKopru-Signature": "sha256=" + "0" * 64}
    )
    assert answer.status_code == 401
    await until(lambda: house.rows("select id from quarantine where not authentic"))
    pages, api = await quarantined(house)
    assert len(api) == 1
    assert await house.unseen(pages, api) == {}


@pytest.mark.parametrize("place", ["error", "account", "id", "event"])
async def test_a_text_that_trips_others_up_is_shown_on_every_page_about_it(house: House, place: str) -> None:
    for number, text in enumerate(TEXTS):
        target = {"platform": "x", "status": "FAILED", "error": {"message": text}} if place == "error" else {
            "platform": "x", "status": "FAILED", "accountName": text,
        }  # fmt: skip
        event = text if place == "event" else "post.failed"
        post = text if place == "id" else f"p{number}"
        said = {"event": event, "timestamp": "2026-11-10T12:00:00Z",
                "data": {"postId": post, "status": "FAILED", "platforms": [target]}}  # fmt: skip
        answer = await house.deliver(json.dumps(said).encode(), f"d{number}")
        assert answer.status_code == 200, (text, answer.text)
    await house.project()
    posts = [row["post"] for row in await house.rows("select post from posts")]
    pages, api = await quarantined(house)
    pages |= {f"post {post!r}": post_address(PROVIDER, post) for post in posts if post not in (".", "..")}
    pages |= {"overview": "/", "posts": "/posts", "health": "/health", "actions": "/actions"}
    assert await house.unseen(pages, api) == {}


def test_what_is_no_json_or_too_deep_is_shown_as_it_came() -> None:
    assert pretty(b"[1,") == "[1,"
    assert pretty(b"[" * 60 + b"]" * 60) == "[" * 60 + "]" * 60
    assert pretty(b"\xff") == "\ufffd"
    assert pretty(b"") == ""


def test_json_is_shown_with_room_and_with_its_numbers_and_names_as_they_were_written() -> None:
    assert pretty(b'{"a":1.10,"a":[1e400]}') == '{\n  "a": 1.10,\n  "a": [\n    1e400\n  ]\n}'
    assert pretty({"body": '{"b":1}', "other": "[no"}) == '{\n  "body": {\n    "b": 1\n  },\n  "other": "[no"\n}'


def test_what_has_no_place_in_a_page_has_a_mark() -> None:
    assert visible("a\x00\x1b\x7f\x9b\ud800\ufffe\n\tb") == "a\u2400\u241b\u2421\ufffd\ufffd\ufffd\n\tb"
