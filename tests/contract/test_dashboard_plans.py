"""Orders about many on the dashboard: asked first, given once, seen to, and refused to who may not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import pytest

from tests.contract.dashboard import an_action, dashboard, sign_in, state_of
from tests.contract.test_dashboard_rules import plain
from tests.integration.corridor import Corridor
from tests.integration.told import PROVIDER, told
from tracker.act.plans import PlanRunner

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx2

    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

HOSTILE = "a/b?<script>alert('1')</script>&\"x\" %2F"


@pytest.fixture
async def corridor(database: Database) -> Corridor:
    corridor = await Corridor(database, []).open()
    await corridor.tell(told("p1", "failed", 0), told(HOSTILE, "failed", 1), told("fine", "published", 2))
    return corridor


@pytest.fixture
async def visitor(database: Database) -> AsyncIterator[httpx2.AsyncClient]:
    async with dashboard(database, open_here=True) as client:
        yield client


def ticked(*posts: str) -> list[str]:
    return [f"{PROVIDER}/{quote(post, safe='')}" for post in posts]


def fields(page: httpx2.Response) -> dict[str, list[str]]:
    """The hidden fields of the page's form, as a browser would send them."""
    from html import unescape  # noqa: PLC0415  (a detail of this helper)

    found: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text):
        found.setdefault(name, []).append(unescape(value))
    return found


async def carried_out(corridor: Corridor) -> None:
    corridor.at = 3600
    runner = PlanRunner(corridor.database, corridor.now)
    for _ in range(3):
        while await runner.step():
            pass
        corridor.at += 1


async def test_what_is_ticked_is_asked_about_and_then_done(
    visitor: httpx2.AsyncClient, corridor: Corridor, database: Database
) -> None:
    listed = await visitor.get("/posts?state=failed")
    assert {f'value="{one.replace("&", "&amp;")}"' in listed.text for one in ticked("p1", HOSTILE)} == {True}
    asked = await visitor.get("/plans/new", params={"about": "posts", "order": "retry", "id": ticked(HOSTILE, "fine")})
    assert "It would be done for 1" in plain(asked)
    assert "1 published by now" in plain(asked)
    assert "<script>alert" not in asked.text
    made = await visitor.post("/plans", data=fields(asked) | {"pace": "1 in 1s", "note": "<b>why</b>"})
    assert made.status_code == 303
    await carried_out(corridor)
    shown = await visitor.get(made.headers["location"])
    assert "2 of 2 have had their turn" in plain(shown)
    assert "&lt;b&gt;why&lt;/b&gt;" in shown.text
    async with database.connection() as conn:
        assert [row["post"] for row in await conn.fetch("select post from actions")] == [HOSTILE]
    actions = await visitor.get(f"/actions?plan={made.headers['location'].rpartition('/')[2]}")
    assert actions.text.count("data-key=") == 1
    assert made.headers["location"] in (await visitor.get(f"/posts/{quote(HOSTILE, safe='')}")).text


async def test_all_that_match_are_meant_where_nothing_is_ticked(
    visitor: httpx2.AsyncClient, corridor: Corridor
) -> None:
    asked = await visitor.get("/plans/new?about=posts&order=silence&state=failed")
    assert "It would be done for 2" in plain(asked)
    made = await visitor.post("/plans", data=fields(asked) | {"ends": "1h", "zone": "Europe/Istanbul"})
    assert made.status_code == 303
    await carried_out(corridor)
    rows = await corridor.rows("select match, reason from silences")
    assert len(rows) == 2
    assert {reason for _, reason in rows} == {"by_hand"}


async def test_actions_are_given_up_by_their_state(
    visitor: httpx2.AsyncClient, corridor: Corridor, database: Database
) -> None:
    dead, unknown, done = [await an_action(database, state) for state in ("dead", "unknown", "done")]
    listed = await visitor.get("/actions")
    assert fields(listed)["state"] == ["dead", "unknown"]
    asked = await visitor.get("/plans/new?about=actions&order=discard&state=dead&state=unknown")
    await visitor.post("/plans", data=fields(asked))
    await carried_out(corridor)
    assert [await state_of(database, one) for one in (dead, unknown, done)] == ["discarded", "discarded", "done"]


async def test_a_plan_is_listed_rests_and_ends(visitor: httpx2.AsyncClient, corridor: Corridor) -> None:
    assert "Nobody has given an order" in plain(await visitor.get("/plans"))
    asked = await visitor.get("/plans/new?about=posts&order=reconcile")
    made = (await visitor.post("/plans", data=fields(asked))).headers["location"]
    assert made in (await visitor.get("/plans?state=running")).text
    assert made not in (await visitor.get("/plans?state=done")).text
    for move, state in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
        moved = await visitor.post(f"{made}/{move}", data={"then": made})
        assert moved.headers["location"] == f"{made}?done=plan_{move}"
        assert await corridor.rows("select state from plans") == [(state,)]
    assert (await visitor.post(f"{made}/resume", data={"then": made})).status_code == 409
    assert (await visitor.post(f"{made}/restart", data={"then": made})).status_code == 404


@pytest.mark.usefixtures("corridor")
@pytest.mark.parametrize(
    "query",
    [
        {"about": "post", "order": "retry"},
        {"about": "posts", "order": "discard"},
        {"about": "posts"},
        {},
        {"about": "posts", "order": "retry", "state": "faild"},
        {"about": "actions", "order": "retry", "id": "7"},
        {"about": "posts", "order": "retry", "since": "yesterdy"},
        {"about": "posts", "order": "retry", "provider": "nobody"},
        {"about": "posts", "order": "retry", "id": "x/\x00"},
    ],
)
async def test_what_is_no_order_is_refused(visitor: httpx2.AsyncClient, query: dict[str, str]) -> None:
    assert (await visitor.get(f"/plans/new?{urlencode(query)}")).status_code == 400
    assert (await visitor.post("/plans", data=query)).status_code == 400


@pytest.mark.usefixtures("corridor")
async def test_a_silence_has_an_end_and_a_pace_can_be_read(visitor: httpx2.AsyncClient) -> None:
    order = {"about": "posts", "order": "silence"}
    for wrong in ({}, {"ends": "31d"}, {"ends": "1h", "pace": "fast"}, {"ends": "1h", "zone": "Nowhere/At_All"}):
        assert (await visitor.post("/plans", data=order | wrong)).status_code == 400
    assert (await visitor.post("/plans", data=order | {"ends": "1h", "q": "nobody"})).status_code == 400


@pytest.mark.usefixtures("corridor")
async def test_who_may_only_read_sees_plans_and_gives_no_orders(database: Database) -> None:
    async with dashboard(database, open_here=True) as owner:
        made = (await owner.post("/plans", data={"about": "posts", "order": "retry"})).headers["location"]
    async with dashboard(database) as client:
        await sign_in(client, database, "read")
        assert 'class="many"' not in (await client.get("/posts")).text
        assert 'class="tick"' not in (await client.get("/posts")).text
        assert '<form method="post" action="/plans' not in (await client.get(made)).text
        assert (await client.get("/plans/new?about=posts&order=retry")).status_code == 403
        for path in ("/plans", f"{made}/cancel"):
            assert (await client.post(path, data={"about": "posts", "order": "retry"})).status_code == 403
