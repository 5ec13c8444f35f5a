"""The quarantine in the dashboard: why each delivery is there, what would become of it, and what is done about it."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from tests.contract.dashboard import dashboard, sign_in
from tests.integration.told import NOON, PROVIDER
from tracker.providers import build_providers
from tracker.providers.signing import sign
from tracker.providers.sosyalkopru import SCHEME
from tracker.settings import Settings
from tracker.store.log import quarantine
from tracker.store.log.quarantine import Unusable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx2

    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

SECRET = "a secret of thirty-two characters"
SCRIPT = "<script>alert(1)</script>"


def good(post: str) -> bytes:
    """What the provider tells of a post."""
    return json.dumps({"event": "post.failed", "timestamp": NOON.isoformat(), "data": {"postId": post}}).encode()


def held(body: bytes, *, secret: str = "", reason: str = "signature_wrong") -> Unusable:
    """A delivery that was signed with `secret`, or that was authentic when it came."""
    headers = sign(SCHEME, [secret.encode()], body, NOON) if secret else {}
    digest = sha256(body).digest()
    return Unusable(PROVIDER, reason, not secret, digest.hex(), digest, NOON - timedelta(minutes=5), headers, body)


async def states(database: Database) -> list[str]:
    """The states of all items, by their numbers."""
    async with database.connection() as conn:
        return [row["state"] for row in await conn.fetch("select state from quarantine order by id")]


@pytest.fixture
async def visitor(database: Database) -> AsyncIterator[httpx2.AsyncClient]:
    """Three held deliveries: 1 has been mended since, 2 never can be, 3 is still forged."""
    provider = {"kind": "sosyalkopru", "api_url": "http://127.0.0.1:9", "webhook_secrets": [SECRET]}
    doors = build_providers(Settings.model_validate({"providers": {PROVIDER: provider}}))
    items = (
        held(good("p1"), secret=SECRET),
        held(SCRIPT.encode(), reason="not_json"),
        held(good("p3"), secret="another"),
    )
    async with database.connection() as conn:
        await quarantine.keep(conn, items)
    async with dashboard(database, parts={"doors": doors, "providers": (PROVIDER,)}) as client:
        await sign_in(client, database, "operate")
        yield client


def shown(text: str) -> list[int]:
    """The numbers of the deliveries that a page lists."""
    return [int(number) for number in re.findall(r'href="/quarantine/(\d+)"', text)]


async def test_each_filter_leaves_what_it_says(visitor: httpx2.AsyncClient) -> None:
    for query, items in {
        "": [3, 2, 1],
        "reason=not_json": [2],
        "signature=wrong": [3, 1],
        "state=discarded": [],
        "state=held,replayed&signature=right": [2],
        "provider=nobody": [],
    }.items():
        assert shown((await visitor.get(f"/quarantine?{query}")).text) == items, query
    for query in ("state=hold", "signature=no", "cursor=bm8", "provider=a%00"):
        answer = await visitor.get(f"/quarantine?{query}")
        assert answer.status_code == 400
        name = query.partition("=")[0]
        assert re.search(rf'class="faint fault"[^>]*>(<[^>]*>)*{name}', answer.text) or name == "cursor"


async def test_a_delivery_tells_why_it_is_here_and_what_would_become_of_it(
    visitor: httpx2.AsyncClient, database: Database
) -> None:
    """However often one looks; what was sent is for those whom the API shows it too."""
    for item, told in {1: "It goes into the log", 2: "the body is not JSON", 3: "the signature is wrong"}.items():
        for _ in range(2):
            page = (await visitor.get(f"/quarantine/{item}")).text
            assert told in page
            assert "As it came" not in page
    assert await states(database) == ["held"] * 3
    await sign_in(visitor, database, "admin")
    page = (await visitor.get("/quarantine/2")).text
    assert "&lt;script&gt;" in page
    assert SCRIPT not in page
    assert (await visitor.get("/quarantine/99")).status_code == 404
    assert (await visitor.get("/quarantine/99999999999999999999")).status_code == 400


async def test_one_is_replayed_or_discarded_once(visitor: httpx2.AsyncClient, database: Database) -> None:
    for path, said in {
        "1/replay": "It is in the log now",
        "2/replay": "It still cannot be taken, and stays here",
        "3/discard": "It was discarded",
    }.items():
        answer = await visitor.post(f"/quarantine/{path}")
        assert answer.status_code == 303, answer.text
        assert said in (await visitor.get(answer.headers["Location"])).text
    assert await states(database) == ["replayed", "held", "discarded"]
    for path in ("1/replay", "3/replay", "1/discard"):
        answer = await visitor.post(f"/quarantine/{path}")
        assert answer.status_code == 409
        assert "Things have moved on" in answer.text


async def test_all_that_match_are_counted_before_they_are_replayed(
    visitor: httpx2.AsyncClient, database: Database
) -> None:
    """What has come since the count was shown is left for the next time."""
    page = (await visitor.get(f"/quarantine/replay?provider={PROVIDER}")).text
    counted = re.findall(r"<b>(\d+)</b> <span>([^<:.]*)", page)
    assert sorted(counted) == [
        ("1", "It goes into the log, with the time at which it came"),
        *[("1", "It still cannot be taken")] * 2,
    ]
    form = dict(re.findall(r'type="hidden" name="(provider|reason|through)" value="([^"]*)"', page))
    async with database.connection() as conn:
        await quarantine.keep(conn, [held(good("p4"), secret=SECRET)])
    answer = await visitor.post("/quarantine/replay", data=form)
    assert "They were replayed" in (await visitor.get(answer.headers["Location"])).text
    assert await states(database) == ["replayed", "held", "held", "held"]
    assert "None of them can be taken" in (await visitor.get("/quarantine/replay?reason=not_json")).text
    assert (await visitor.post("/quarantine/replay", data={"through": "x"})).status_code == 400


async def test_who_may_only_read_sees_no_button_and_presses_none(
    visitor: httpx2.AsyncClient, database: Database
) -> None:
    await sign_in(visitor, database, "read")
    for path in ("/quarantine", "/quarantine/1", "/quarantine/replay"):
        text = (await visitor.get(path)).text
        assert '<form method="post" action="/quarantine' not in text
        assert "Replay all of these" not in text
    for path in ("1/replay", "1/discard", "replay"):
        assert (await visitor.post(f"/quarantine/{path}", data={"through": "9"})).status_code == 403
    assert await states(database) == ["held"] * 3
