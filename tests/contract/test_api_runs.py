"""Runs over the API: listed, one step by step, and cancelled by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.serving import bearer, serving
from tests.integration.corridor import READERS, Corridor
from tests.integration.ruled import in_force
from tests.integration.told import NOON, PROVIDER, told
from tracker.api import Parts, application

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx2

    from tracker.process.active_rules import ActiveRules
    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

NOW = NOON + timedelta(hours=1)
FILE = """
[rule.again]
on = "post.failed"
do = [{ retry = "publish", tries = 1, backoff = "1m" }]
exhausted = [{ alert = "ops", title = "gave up" }]

[rule.sync]
on = "post.published"
do = [
  { alert = "ops", title = "{{ post.id }} is out" },
  { wait = "cms.acked", at_most = "24h", else = "escalate" },
  { alert = "ops", title = "the CMS has it" },
]
[rule.sync.branch]
escalate = [{ alert = "ops", title = "the CMS never said so" }]

[rule.partly]
on = "post.partial"
do = [{ when = "post.attempt > 1", alert = "ops", title = "again" }, { alert = "ops", title = "in part" }]
"""


@pytest.fixture
def rules(tmp_path: Path) -> ActiveRules:
    return in_force(tmp_path, FILE)


@pytest.fixture
async def client(database: Database, rules: ActiveRules) -> AsyncIterator[httpx2.AsyncClient]:
    """A served API, and a client with a key that may operate."""
    parts = Parts(database, lambda: NOW, None, providers=(PROVIDER,), readers=READERS, rules=rules)
    async with serving(application(parts)) as client:
        client.headers |= await bearer(database, "operate")
        yield client


@pytest.fixture
async def corridor(database: Database, rules: ActiveRules) -> Corridor:
    return await Corridor(database, rules.index()).open()


async def get(client: httpx2.AsyncClient, path: str, **parameters: Any) -> Any:
    response = await client.get(f"/api/v1{path}", params=parameters)
    assert response.status_code == 200, response.text
    return response.json()


async def a_few_runs(corridor: Corridor) -> None:
    """Five runs, one second apart: of p1 to p3 a retry, of p4 and p5 a wait."""
    for second, (post, state) in enumerate({"p1": "failed", "p2": "failed", "p3": "failed", "p4": "published",
                                            "p5": "published"}.items()):  # fmt: skip
        corridor.at = second
        await corridor.tell(told(post, state, second))


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ["p5", "p4", "p3", "p2", "p1"]),
        ({"rule": "sync"}, ["p5", "p4"]),
        ({"post": "p2"}, ["p2"]),
        ({"post": "p2", "provider": PROVIDER}, ["p2"]),
        ({"provider": "nobody"}, []),
        ({"since": "2026-11-10T12:00:03Z"}, ["p5", "p4"]),
        ({"state": "cancelled"}, ["p1"]),
        ({"state": "cancelled,active"}, ["p5", "p4", "p3", "p2", "p1"]),
        ({"state": ["queued", "cancelled"], "rule": "again"}, ["p1"]),
    ],
)
async def test_each_filter_leaves_what_it_says(
    client: httpx2.AsyncClient, corridor: Corridor, filters: dict[str, Any], expected: list[str]
) -> None:
    await a_few_runs(corridor)
    await corridor.tell(told("p1", "removed", 9))
    assert [run["post"] for run in (await get(client, "/runs", **filters))["items"]] == expected


@pytest.mark.parametrize("filters", [{}, {"state": "active,queued"}])
async def test_pages_neither_repeat_nor_skip_while_runs_begin(
    client: httpx2.AsyncClient, corridor: Corridor, filters: dict[str, str]
) -> None:
    await corridor.tell(*(told(f"p{n:02}", "failed", n) for n in range(10)))
    before = {run["id"] for run in (await get(client, "/runs"))["items"]}
    page = await get(client, "/runs", limit=3, **filters)
    seen = [run["id"] for run in page["items"]]
    corridor.at = 20
    await corridor.tell(told("new", "failed", 20))
    while page["next"]:
        page = await get(client, "/runs", limit=3, cursor=page["next"], **filters)
        seen += [run["id"] for run in page["items"]]
    assert (len(seen), set(seen)) == (10, before)


async def test_a_run_tells_its_steps_what_each_asked_for_and_what_it_waits_for(
    client: httpx2.AsyncClient, corridor: Corridor
) -> None:
    await corridor.tell(told("p1", "published", 0))
    ((found,),) = await corridor.rows("select id from runs")
    run = await get(client, f"/runs/{found}")
    (action,) = run["actions"]
    assert (run["state"], run["phase"], run["step"]) == ("active", "waiting", "1")
    assert [(step["path"], step["verb"], step["state"], step["asked"]) for step in run["steps"]] == [
        ("0", "alert", "done", [action["id"]]), ("1", "wait", "current", []), ("2", "alert", "ahead", []),
    ]  # fmt: skip
    assert run["steps"][1]["says"] == "wait for cms.acked, at most 1d, else escalate"
    assert (action["state"], action["payload"]["title"]) == ("done", "p1 is out")
    assert [attempt["outcome"] for attempt in action["history"]] == ["done"]
    assert run["timers"] == [
        {"due_at": "2026-11-11T12:00:00Z", "what": "wait",
         "says": "sync stops waiting for cms.acked, and goes to escalate"}
    ]  # fmt: skip
    assert [move["says"] for move in run["moves"]] == ["step 1, waiting"]
    assert run["rule_now"] == run["revision"]


async def test_a_run_that_went_into_a_branch_shows_both_ways(client: httpx2.AsyncClient, corridor: Corridor) -> None:
    await corridor.tell(told("p1", "published", 0))
    await corridor.wait_until(24 * 3600)
    ((found,),) = await corridor.rows("select id from runs")
    run = await get(client, f"/runs/{found}")
    assert (run["state"], run["why"]) == ("done", "waited in vain for cms.acked")
    assert [(step["path"], step["state"]) for step in run["steps"]] == [
        ("0", "done"), ("1", "left"), ("2", "left"), ("escalate.0", "done"),
    ]  # fmt: skip


async def test_a_run_tells_what_it_left_out_and_why(client: httpx2.AsyncClient, corridor: Corridor) -> None:
    await corridor.tell(told("p1", "partial", 0))
    ((found,),) = await corridor.rows("select id from runs")
    run = await get(client, f"/runs/{found}")
    assert [(step["path"], step["verb"], step["state"], step["says"]) for step in run["steps"]] == [
        ("0", "when", "done", "the next step only if post.attempt > 1"), ("1", "alert", "left", "alert ops"),
        ("2", "alert", "done", "alert ops"),
    ]  # fmt: skip
    assert [move["says"] for move in run["moves"]] == [
        'done; at step 0: "post.attempt > 1" is false, with post.attempt = 1'
    ]


async def test_a_run_of_a_rule_that_is_gone_still_tells_what_it_asked_for(
    client: httpx2.AsyncClient, corridor: Corridor, rules: ActiveRules, tmp_path: Path
) -> None:
    await corridor.tell(told("p1", "published", 0))
    (tmp_path / "rules" / "all.toml").write_text("")
    assert rules.reload()
    ((found,),) = await corridor.rows("select id from runs")
    run = await get(client, f"/runs/{found}")
    assert run["rule_now"] is None
    assert [(step["path"], step["verb"], len(step["asked"])) for step in run["steps"]] == [("0", None, 1)]


async def test_a_run_is_cancelled_by_hand_and_its_post_tells_so(client: httpx2.AsyncClient, corridor: Corridor) -> None:
    await corridor.tell(told("p1", "failed", 0))
    ((found,),) = await corridor.rows("select id from runs")
    assert (await client.post(f"/api/v1/runs/{found}/cancel")).status_code == 202
    assert (await client.post(f"/api/v1/runs/{found}/cancel")).status_code == 202
    await corridor.settle()
    run = await get(client, f"/runs/{found}")
    assert (run["state"], run["why"], run["timers"]) == ("cancelled", "by hand", [])
    again = await client.post(f"/api/v1/runs/{found}/cancel")
    assert (again.status_code, again.headers["content-type"]) == (409, "application/problem+json")
    told_of = (await get(client, "/posts/p1/history"))["items"]
    facts = [entry["data"] for entry in told_of if entry["type"] == "fact"]
    assert [(fact["event"], fact["source"], len(fact["repeats"])) for fact in facts] == [
        ("post.failed", PROVIDER, 0), ("run.cancelled", "manual", 1),
    ]  # fmt: skip
    moves = [entry["data"]["said"] for entry in told_of if entry["type"] == "move"]
    assert moves == ["step 0, backoff", "cancelled: by hand"]


async def test_a_post_says_in_words_what_it_waits_for(client: httpx2.AsyncClient, corridor: Corridor) -> None:
    await corridor.tell(told("p1", "failed", 0), told("p2", "published", 0))
    (retry,) = (await get(client, "/posts/p1"))["pending"]
    assert (retry["what"], retry["says"], retry["due_at"]) == (
        "retry", "again retries: try 1 of 1", "2026-11-10T12:01:00Z",
    )  # fmt: skip
    (wait,) = (await get(client, "/posts/p2"))["pending"]
    assert (wait["what"], wait["rule"]) == ("wait", "sync")
