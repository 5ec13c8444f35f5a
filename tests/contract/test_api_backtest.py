"""Backtests over the API: what rules would have done on the real log, and what cannot be tried."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.serving import bearer, project, serving
from tests.integration.blocking import until_blocked
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
[rule.on-failure]
on = "post.failed"
match = { platform = "x" }
do = [{ alert = "ops", title = "it failed" }]

[rule.holds]
on = "post.publishing"
match = { platform = "instagram" }
do = [{ pause = "on-failure", for = "1h" }]
"""
NEW = """
[rule.new]
on = "post.failed"
do = [{ alert = "ops", title = "it failed" }]
"""


@pytest.fixture
def rules(tmp_path: Path) -> ActiveRules:
    return in_force(tmp_path, FILE)


@pytest.fixture
async def client(database: Database, rules: ActiveRules) -> AsyncIterator[httpx2.AsyncClient]:
    """A served API, and a client with a key that may read."""
    parts = Parts(database, lambda: NOW, None, providers=(PROVIDER,), readers=READERS, rules=rules)
    async with serving(application(parts)) as client:
        client.headers |= await bearer(database, "read")
        yield client


async def failures(database: Database, rules: ActiveRules) -> None:
    """One post fails on x, another on instagram."""
    corridor = await Corridor(database, rules.index()).open()
    for second, post, platform in ((1, "p1", "x"), (3, "p2", "instagram")):
        await corridor.tell(told(post, "publishing", second, targets={platform: "publishing"}))
        await corridor.tell(told(post, "failed", second + 1, targets={platform: "failed"}))
    corridor.at = 3600
    await corridor.settle()


async def tried(client: httpx2.AsyncClient, text: str, **more: Any) -> dict[str, Any]:
    """The answer, which must be a 200."""
    response = await client.post("/api/v1/rules/backtest", json={"text": text} | more)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def refused(client: httpx2.AsyncClient, status: int, **body: Any) -> dict[str, Any]:
    """The problem, which must have that status."""
    response = await client.post("/api/v1/rules/backtest", json=body)
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    problem: dict[str, Any] = response.json()
    return problem


async def test_a_new_rule_says_what_it_would_have_fired_on(
    client: httpx2.AsyncClient, database: Database, rules: ActiveRules
) -> None:
    await failures(database, rules)
    answer = await tried(client, NEW)
    assert (answer["since"], answer["until"]) == ("2026-10-11T13:00:00Z", "2026-11-10T13:00:00Z")
    assert answer["changes"] >= 4
    (held,), (plan,) = answer["items"], answer["plan"]
    assert (held["rule"], held["in_force_since"]) == ("new", None)
    assert (plan["rule"], plan["change"], plan["armed"]) == ("new", "new", {"count": 0, "keys": []})
    assert [held[side]["count"] for side in ("would", "did", "gained", "lost")] == [2, 0, 2, 0]
    assert {firing["post"] for firing in held["gained"]["newest"]} == {"p1", "p2"}


async def test_the_text_stands_in_for_the_rule_of_that_name_and_the_others_stay(
    client: httpx2.AsyncClient, database: Database, rules: ActiveRules
) -> None:
    """For any platform the rule would have been held for the second post by a rule that is in force."""
    await failures(database, rules)
    changed = NEW.replace("new", "on-failure")
    (held,) = (await tried(client, changed))["items"]
    assert [held[side]["count"] for side in ("would", "did", "gained", "lost")] == [1, 1, 0, 0]
    assert held["held_back"] == 1
    (same,) = (await tried(client, FILE.partition("[rule.holds]")[0]))["items"]
    assert (same["gained"]["count"], same["lost"]["count"]) == (0, 0)
    assert same["in_force_since"] == "2026-11-10T12:00:00Z"
    other = changed.replace("post.failed", "post.published")
    (lost,) = (await tried(client, other, since="2026-11-10T11:00:00Z"))["items"]
    assert [firing["post"] for firing in lost["lost"]["newest"]] == ["p1"]


async def test_a_text_may_name_rules_that_are_in_force(
    client: httpx2.AsyncClient, database: Database, rules: ActiveRules
) -> None:
    await failures(database, rules)
    pausing = NEW.replace('{ alert = "ops", title = "it failed" }', '{ pause = "on-failure", for = "1h" }')
    assert (await tried(client, pausing))["items"][0]["would"]["count"] == 2
    problem = await refused(client, 422, text=pausing.replace("on-failure", "on-failur"))
    assert problem["faults"][0]["hint"] == "on-failure"


async def test_a_text_that_does_not_load_is_told_by_its_places(client: httpx2.AsyncClient) -> None:
    problem = await refused(client, 422, text=NEW.replace("post.failed", "post.faild").replace("ops", "opps"))
    assert problem["type"] == "urn:tracker:problem:rules-refused"
    assert [(fault["file"], fault["line"], fault["column"], fault["hint"]) for fault in problem["faults"]] == [
        ("rules.toml", 3, 6, "post.failed"), ("rules.toml", 4, 17, "ops"),
    ]  # fmt: skip
    assert "did you mean" in problem["detail"]
    broken = await refused(client, 422, text="[rule.new\n")
    assert (broken["faults"][0]["line"], "is not TOML" in broken["faults"][0]["message"]) == (1, True)


@pytest.mark.parametrize(
    ("body", "parameter", "said"),
    [
        ({"text": NEW, "since": "91d"}, "since", "longer than 90d"),
        ({"text": NEW, "since": "2020-01-01T00:00:00Z"}, "since", "longer than 90d"),
        ({"text": NEW, "since": "soon"}, "since", "is not a time with a zone"),
        ({"text": NEW, "since": "2026-11-10T12:00:00"}, "since", "is not a time with a zone"),
        ({"text": NEW, "since": "1h", "until": "2026-11-01T00:00:00Z"}, "since", "must be before"),
        ({"text": NEW, "until": "never"}, "until", "is not a time with a zone"),
        ({"text": ""}, "text", "there is no rule in it"),
        ({"text": "a\x00"}, "text", "zero byte"),
        ({}, "text", "is missing"),
        ({"tex": NEW}, "tex", 'did you mean "text"'),
        ({"text": 5}, "text", "str"),
    ],
)
async def test_what_cannot_be_tried_is_refused_by_name(
    client: httpx2.AsyncClient, body: dict[str, Any], parameter: str, said: str
) -> None:
    problem = await refused(client, 400, **body)
    assert problem["parameter"] == parameter
    assert said in problem["detail"]


async def test_a_text_that_is_too_long_is_refused(client: httpx2.AsyncClient) -> None:
    await refused(client, 413, text="#" * 70_000)


async def test_nobody_without_a_key_tries_anything(client: httpx2.AsyncClient) -> None:
    response = await client.post("/api/v1/rules/backtest", json={"text": NEW}, headers={"Authorization": ""})
    assert response.status_code == 401


async def test_others_are_answered_while_the_log_is_played_and_one_is_played_at_a_time(
    client: httpx2.AsyncClient, database: Database
) -> None:
    await project(database, *(told(f"p{n}", "failed", n) for n in range(200)))
    async with database.transaction() as holding:
        await holding.execute("lock table events in access exclusive mode")
        playing = asyncio.create_task(client.post("/api/v1/rules/backtest", json={"text": NEW}, timeout=120))
        await until_blocked(database)
        assert (await client.get("/api/v1/silences")).status_code == 200
        busy = await refused(client, 503, text=NEW)
        assert busy["detail"] == "another backtest is under way"
        assert not playing.done()
    assert (await playing).json()["items"][0]["would"]["count"] == 200
    assert (await tried(client, NEW))["items"][0]["would"]["count"] == 200


async def test_what_takes_too_long_is_given_up(
    client: httpx2.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await project(database, *(told(f"p{n}", "failed", n) for n in range(200)))
    monkeypatch.setattr("tracker.process.backtest_service.PATIENCE", 0.01)
    problem = await refused(client, 400, text=NEW)
    assert (problem["parameter"], "try a shorter span" in problem["detail"]) == ("since", True)
    monkeypatch.setattr("tracker.process.backtest_service.PATIENCE", 60)
    assert (await tried(client, NEW))["items"][0]["would"]["count"] == 200
