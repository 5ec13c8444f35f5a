"""The pages of the runs: listed, one step by step, and cancelled."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.contract.dashboard import dashboard, sign_in
from tests.contract.test_api_runs import FILE
from tests.contract.test_dashboard_rules import plain
from tests.integration.corridor import Corridor
from tests.integration.ruled import in_force
from tests.integration.told import told

if TYPE_CHECKING:
    from pathlib import Path

    import httpx2

    from tracker.process.active_rules import ActiveRules
    from tracker.store.database import Database

pytestmark = pytest.mark.anyio


@pytest.fixture
def rules(tmp_path: Path) -> ActiveRules:
    return in_force(tmp_path, FILE)


@pytest.fixture
async def corridor(database: Database, rules: ActiveRules) -> Corridor:
    return await Corridor(database, rules.index()).open()


@pytest.fixture
async def visitor(database: Database, rules: ActiveRules) -> AsyncIterator[httpx2.AsyncClient]:
    """Somebody at this machine, who needs no key and may do everything."""
    async with dashboard(database, rules, open_here=True) as client:
        yield client


async def run_of(corridor: Corridor, post: str) -> str:
    """The id of the post's run."""
    ((found,),) = await corridor.rows(f"select id from runs where post = '{post}'")
    return str(found)


async def test_the_filters_leave_what_they_say(visitor: httpx2.AsyncClient, corridor: Corridor) -> None:
    assert "Nothing has run yet" in plain(await visitor.get("/runs"))
    await corridor.tell(told("p1", "failed", 0), told("p2", "published", 1), told("p3", "failed", 2))
    await corridor.tell(told("p3", "removed", 3))
    for query, posts in {
        "": {"p1", "p2", "p3"},
        "state=cancelled": {"p3"},
        "state=active": {"p1", "p2"},
        "rule=sync": {"p2"},
        "rule=again&state=active,queued": {"p1"},
        "rule=nobody": set(),
    }.items():
        page = await visitor.get(f"/runs?{query}")
        assert set(re.findall(r'href="/posts/(p\d)', page.text)) == posts, query
        assert ("There is no such run" in page.text) is (not posts)
    for query in ("state=activ", "cursor=bm8", "rule=a%00b"):
        assert (await visitor.get(f"/runs?{query}")).status_code == 400


async def test_many_runs_come_in_pages(visitor: httpx2.AsyncClient, corridor: Corridor) -> None:
    await corridor.tell(*(told(f"p{n:02}", "failed", n) for n in range(52)))
    page = await visitor.get("/runs?state=active&rule=again")
    older = re.search(r'rel="next" href="([^"]+)"', page.text)
    assert older
    rest = await visitor.get(older[1].replace("&amp;", "&"))
    found = [set(re.findall(r'href="/posts/(p\d\d)', text)) for text in (page.text, rest.text)]
    assert [len(some) for some in found] == [50, 2]
    assert not found[0] & found[1]


async def test_a_run_tells_its_steps_its_actions_and_what_it_waits_for(
    visitor: httpx2.AsyncClient, corridor: Corridor, rules: ActiveRules, tmp_path: Path
) -> None:
    await corridor.tell(told("p1", "published", 0))
    path = f"/runs/{await run_of(corridor, 'p1')}"
    page = await visitor.get(path)
    said = plain(page)
    assert 'href="/posts/p1?provider=sosyalkopru"' in page.text
    assert 'href="/rules/sync"' in page.text
    for part in ("Alert ops done", "Wait for cms.acked , at most 1d , else go to escalate current step",
                 "Alert ops ahead", "Rule sync stops waiting", "p1 is out", "Attempts: 1",
                 "step 1, waits for something to happen"):  # fmt: skip
        assert part in said, part
    assert page.text.count('aria-current="step"') == 1
    assert path in (await visitor.get("/posts/p1")).text
    assert path in (await visitor.get("/rules/sync")).text
    (tmp_path / "rules" / "all.toml").write_text("")
    assert rules.reload()
    gone = plain(await visitor.get(path))
    assert "No file has this rule any more" in gone
    assert "A step that the rule no longer has" in gone
    for nobody in (f"/runs/{uuid4()}", "/runs/nobody"):
        assert (await visitor.get(nobody)).status_code == 404


async def test_a_run_is_cancelled_by_who_may_operate(
    database: Database, corridor: Corridor, rules: ActiveRules
) -> None:
    await corridor.tell(told("p1", "failed", 0))
    path = f"/runs/{await run_of(corridor, 'p1')}"
    async with dashboard(database, rules) as client:
        await sign_in(client, database, "read")
        assert "/cancel" not in (await client.get("/runs")).text
        assert (await client.post(f"{path}/cancel")).status_code == 403
        await sign_in(client, database, "operate")
        assert f"{path}/cancel" in (await client.get("/runs")).text
        answer = await client.post(f"{path}/cancel", data={"then": path})
        assert answer.status_code == 303
        assert "It is being cancelled" in (await client.get(answer.headers["Location"])).text
        await corridor.settle()
        said = plain(await client.get(path))
        assert "cancelled · by hand" in said
        again = await client.post(f"{path}/cancel")
        assert (again.status_code, "Things have moved on" in again.text) == (409, True)
