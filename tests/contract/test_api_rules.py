"""Rules over the API: how they do, why files were refused, and their switches."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.serving import bearer, serving
from tests.integration.corridor import READERS, Corridor
from tests.integration.ruled import in_force
from tests.integration.told import NOON, PROVIDER, told
from tracker.api import Parts, application
from tracker.domain.runs.engine_state import Pause
from tracker.store.reactions import holds

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
on = ["post.failed", "publishing -> partial"]
match = { platform = ["x", "insta*"] }
once = "10m"
do = [{ alert = "ops", title = "it failed" }]

[rule.stuck]
while = { state = "publishing" }
for = "15m"
canary = "1d"
do = [{ alert = "ops", title = "stuck" }]

[rule.dormant]
expect = "post.publishing"
within = "10m"
of = "post.scheduled_at"
enabled = false
description = "what it is for"
owner = "social team"
do = [{ alert = "ops", title = "never" }]
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


async def get(client: httpx2.AsyncClient, path: str, **parameters: Any) -> Any:
    response = await client.get(f"/api/v1{path}", params=parameters)
    assert response.status_code == 200, response.text
    return response.json()


async def switch(client: httpx2.AsyncClient, rule: str, how: str) -> Any:
    response = await client.post(f"/api/v1/rules/{rule}/{how}")
    assert response.status_code == 200, response.text
    return response.json()


async def test_each_rule_says_what_it_reacts_to_where_it_stands_and_whether_it_is_on(
    client: httpx2.AsyncClient, rules: ActiveRules
) -> None:
    items = (await get(client, "/rules"))["items"]
    assert [(item["id"], item["trigger"], item["enabled"], item["line"]) for item in items] == [
        ("dormant", "no post.publishing within 10m of post.scheduled_at", False, 14),
        ("on-failure", "post.failed or publishing -> partial", True, 2),
        ("stuck", "publishing for 15m", True, 8),
    ]
    assert all(item["file"].endswith("rules/all.toml") for item in items)
    assert {item["revision"] for item in items} == {rule.revision for rule in rules.rules()}
    assert {str(item["in_force_since"]) for item in items} == {"None"}


async def test_one_rule_tells_its_steps_in_words(client: httpx2.AsyncClient) -> None:
    rule = await get(client, "/rules/on-failure")
    assert rule["steps"] == [{"path": "0", "verb": "alert", "says": "alert ops"}]
    assert (rule["match"], rule["once"], rule["mode"]) == ({"platform": ["x", "insta*"]}, 600.0, "single")
    rule = await get(client, "/rules/dormant")
    assert (rule["description"], rule["owner"], rule["runbook"]) == ("what it is for", "social team", "")


async def test_a_rule_counts_what_it_came_to_and_when_it_last_fired(
    client: httpx2.AsyncClient, database: Database, rules: ActiveRules
) -> None:
    """Twice now, of which once within the last day, and once held back by its cooldown."""
    corridor = await Corridor(database, rules.index()).open()
    corridor.at = -25 * 3600
    await corridor.tell(told("p1", "failed", -25 * 3600, targets={"x": "failed"}))
    corridor.at = 60
    await corridor.tell(
        told("p1", "publishing", 30, targets={"x": "publishing"}), told("p1", "failed", 60, targets={"x": "failed"})
    )
    await corridor.tell(
        told("p1", "publishing", 61, targets={"x": "publishing"}), told("p1", "failed", 62, targets={"x": "failed"})
    )
    rule = await get(client, "/rules/on-failure")
    assert rule["firings"] == {"day": {"fired": 1, "suppressed": 1}, "all": {"fired": 2, "suppressed": 1}}
    assert rule["last_fired_at"] == "2026-11-10T12:01:00Z"
    assert rule["in_force_since"] == "2026-11-10T12:00:00Z"


async def test_a_canary_says_until_when(client: httpx2.AsyncClient, database: Database, rules: ActiveRules) -> None:
    await Corridor(database, rules.index()).open()
    assert (await get(client, "/rules/stuck"))["canary_until"] == "2026-11-11T12:00:00Z"
    assert (await get(client, "/rules/on-failure"))["canary_until"] is None


async def test_a_rule_names_the_pauses_that_hold_it(client: httpx2.AsyncClient, database: Database) -> None:
    async with database.connection() as conn:
        over = Pause("stuck", "", NOW - timedelta(minutes=1), "earlier")
        await holds.hold(conn, [Pause("stuck", "post sosyalkopru/p1", NOW + timedelta(minutes=5), "on-failure"), over])
    assert (await get(client, "/rules/stuck"))["pauses"] == [
        {"scope": "post sosyalkopru/p1", "until": "2026-11-10T13:05:00Z", "by": "on-failure"}
    ]


async def test_rules_come_in_pages_and_by_whether_they_are_on(client: httpx2.AsyncClient) -> None:
    first = await get(client, "/rules", limit=2)
    second = await get(client, "/rules", limit=2, cursor=first["next"])
    assert [item["id"] for item in first["items"] + second["items"]] == ["dormant", "on-failure", "stuck"]
    assert second["next"] is None
    assert [item["id"] for item in (await get(client, "/rules", enabled="false"))["items"]] == ["dormant"]


async def test_a_switch_shows_at_once_with_who_and_goes_when_it_agrees_with_the_file(
    client: httpx2.AsyncClient, database: Database
) -> None:
    off = await switch(client, "stuck", "disable")
    assert (off["enabled"], off["switched"]) == (
        False, {"enabled": False, "by": "test operate", "at": "2026-11-10T13:00:00Z"},
    )  # fmt: skip
    assert [item["id"] for item in (await get(client, "/rules", enabled="true"))["items"]] == ["on-failure"]
    assert (await switch(client, "stuck", "enable"))["switched"] is None
    on = await switch(client, "dormant", "enable")
    assert (on["enabled"], on["switched"]["enabled"]) == (True, True)
    said = await get(client, "/events", source="manual")
    assert [event["type"] for event in said["items"]] == ["rule.disabled", "rule.enabled", "rule.enabled"]


async def test_to_switch_twice_changes_nothing_more(client: httpx2.AsyncClient) -> None:
    assert await switch(client, "stuck", "disable") == await switch(client, "stuck", "disable")
    assert len((await get(client, "/events", source="manual"))["items"]) == 1


async def test_a_file_that_is_refused_is_told_with_its_place_and_the_nearest_right_word(
    client: httpx2.AsyncClient, rules: ActiveRules, database: Database, tmp_path: Path
) -> None:
    """And the rules from before stay; it says since when."""
    await rules.settle(database)
    before = await get(client, "/rules")
    assert (before["faults"], before["source"], before["refused_since"], before["last_good_at"]) == (
        [], "files", None, None,
    )  # fmt: skip
    (tmp_path / "rules" / "all.toml").write_text(FILE.replace("post.failed", "post.faild"))
    assert not rules.reload()
    await rules.settle(database)
    answer = await get(client, "/rules")
    assert answer["source"] == "files"
    assert answer["last_good_at"] < answer["refused_since"]
    ready = (await client.get("/readyz")).json()
    assert (ready["status"], "post.faild" in ready["faults"]["rules"]) == ("degraded", True)
    (fault,) = answer["faults"]
    assert (fault["line"], fault["column"], fault["hint"]) == (3, 7, "post.failed")
    assert fault["file"].endswith("rules/all.toml")
    assert "post.faild" in fault["message"]
    assert fault["key"] == "rule.on-failure.on[0]"
    assert len(answer["items"]) == 3
