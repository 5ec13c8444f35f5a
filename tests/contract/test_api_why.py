"""`why` over the API: what each rule made of a post, with its run and actions, or the clause that was false."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from tests.contract.serving import bearer, project, serving
from tests.integration.corridor import READERS, Corridor
from tests.integration.ruled import in_force
from tests.integration.told import NOON, PROVIDER, told
from tracker.api import Parts, application
from tracker.domain.actions import Discard, Reason
from tracker.domain.runs.engine_state import Pause, Silence
from tracker.facts import commands
from tracker.process.rebuild import Rebuild
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
on = "post.failed"
match = { platform = ["x", "insta*"] }
do = [{ alert = "ops", title = "it failed" }]

[rule.again]
on = "post.failed"
when = "post.attempt > 1 && error.retryable"
do = [{ retry = "publish", tries = 2, backoff = "1m" }]

[rule.stuck]
while = { state = "publishing" }
for = "2h"
do = [{ alert = "ops", title = "stuck" }]

[rule.burst]
on = "post.failed"
per = "platform"
count = "> 2 in 10m"
do = [{ alert = "ops", title = "many" }]

[rule.dormant]
on = "post.failed"
enabled = false
do = [{ alert = "ops", title = "never" }]
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


async def why(client: httpx2.AsyncClient, post: str, **parameters: Any) -> dict[str, Any]:
    """The answers by rule."""
    response = await client.get(f"/api/v1/posts/{post}/why", params=parameters)
    assert response.status_code == 200, response.text
    return {item["rule"]: item for item in response.json()["items"]}


async def a_failure(database: Database, rules: ActiveRules) -> Corridor:
    """One post that fails on x."""
    corridor = await Corridor(database, rules.index()).open()
    await corridor.tell(told("p1", "publishing", 1, targets={"x": "publishing"}))
    await corridor.tell(told("p1", "failed", 2, targets={"x": "failed"}))
    return corridor


async def test_each_rule_says_what_it_did_or_which_clause_was_false(
    client: httpx2.AsyncClient, database: Database, rules: ActiveRules
) -> None:
    await a_failure(database, rules)
    found = await why(client, "p1")
    assert list(found) == ["on-failure", "burst", "dormant", "again", "stuck"]
    fired = found["on-failure"]["reasons"][0]
    assert (fired["outcome"], fired["event"], fired["at"]) == ("fired", "publishing -> failed", "2026-11-10T12:00:00Z")
    assert fired["run_state"] == "done"
    assert [(action["verb"], action["target"], action["state"]) for action in fired["actions"]] == [
        ("alert", "ops", "done")
    ]
    assert found["on-failure"]["text"] == "fired on publishing -> failed; its run is done; alert ops is done"
    assert found["burst"]["text"] == "counted, but not yet often enough: 1 of 3 within 10m on publishing -> failed"
    assert found["again"]["text"] == "when: wants post.attempt > 1, but it is false, with post.attempt = 1"
    assert found["again"]["reasons"][0]["clause"] == {
        "key": "when", "wanted": "post.attempt > 1", "was": "it is false", "values": {"post.attempt": 1},
    }  # fmt: skip
    assert found["stuck"]["text"].startswith("for: wants 2h, but publishing was left for failed after 1s")
    assert found["dormant"]["text"] == "the rule is switched off"


async def test_a_wait_says_until_when(client: httpx2.AsyncClient, database: Database, rules: ActiveRules) -> None:
    corridor = await Corridor(database, rules.index()).open()
    await corridor.tell(told("p1", "publishing", 1))
    found = (await why(client, "p1", rule="stuck"))["stuck"]
    assert (found["outcome"], found["reasons"][0]["due_at"]) == ("waiting", "2026-11-10T14:00:01Z")
    assert found["text"] == "fires at 2026-11-10 14:00:01 UTC if publishing lasts until then"


async def test_what_held_it_back_is_told_by_name(
    client: httpx2.AsyncClient, database: Database, rules: ActiveRules
) -> None:
    async with database.connection() as conn:
        await holds.hold(conn, [Pause("on-failure", "", NOW, "account-burst")])
    await a_failure(database, rules)
    (reason,) = (await why(client, "p1", rule="on-failure"))["on-failure"]["reasons"]
    assert (reason["outcome"], reason["detail"]) == (
        "suppressed", "paused by account-burst until 2026-11-10 13:00:00 UTC",
    )  # fmt: skip
    assert reason["text"].startswith("held back: paused by account-burst")


async def test_an_alert_that_was_silenced_and_an_action_that_failed_say_so(
    client: httpx2.AsyncClient, database: Database, rules: ActiveRules
) -> None:
    silence = Silence(uuid4(), {"channel": "ops"}, NOON - timedelta(hours=1), NOW, "ann", "maintenance")
    async with database.transaction() as conn:
        await commands.begin_silence(conn, silence)
    await a_failure(database, rules)
    text = (await why(client, "p1", rule="on-failure"))["on-failure"]["text"]
    assert text.endswith(f"alert ops was kept from people: silence {silence.id}")
    corridor = Corridor(database, rules.index())
    await corridor.processor.tend()
    corridor.world.answers["alert"] = [Discard(Reason.HTTP_4XX)]
    corridor.at = 3601
    await corridor.tell(told("p2", "failed", 3600, targets={"x": "failed"}))
    text = (await why(client, "p2", rule="on-failure"))["on-failure"]["text"]
    assert text == "fired on nothing -> failed; its run is done; alert ops is dead (http_4xx)"


async def test_a_rule_that_was_switched_by_hand_answers_as_it_is(
    client: httpx2.AsyncClient, database: Database, rules: ActiveRules
) -> None:
    await a_failure(database, rules)
    by_id = {rule.id: rule for rule in rules.rules()}
    async with database.transaction() as conn:
        await commands.switch_rule(conn, by_id["on-failure"], on=False, by="ann", now=NOW)
        await commands.switch_rule(conn, by_id["dormant"], on=True, by="ann", now=NOW)
    found = await why(client, "p1")
    assert [reason["outcome"] for reason in found["on-failure"]["reasons"]] == ["fired", "off"]
    assert found["dormant"]["text"] == "every clause holds, but nobody has decided on it yet"


async def test_a_rule_that_is_gone_still_says_what_it_did(
    client: httpx2.AsyncClient, database: Database, rules: ActiveRules
) -> None:
    await a_failure(database, rules)
    async with database.connection() as conn:
        await conn.execute("update firings set rule = 'gone' where rule = 'on-failure'")
    found = await why(client, "p1", rule="gone")
    assert found["gone"]["revision"] is None
    assert [reason["outcome"] for reason in found["gone"]["reasons"]] == ["fired", "off"]


async def test_a_rebuilt_history_answers_the_same(
    client: httpx2.AsyncClient, database: Database, rules: ActiveRules
) -> None:
    corridor = await a_failure(database, rules)
    before = await why(client, "p1")
    await Rebuild(database, READERS, corridor.now, lambda _done, _total: None).run()
    assert await why(client, "p1") == before


async def test_what_cannot_be_asked_is_refused(client: httpx2.AsyncClient, database: Database) -> None:
    await project(database, told("p1", "failed", 1))
    unknown = await client.get("/api/v1/posts/p1/why", params={"rule": "on-failur"})
    assert (unknown.status_code, unknown.headers["content-type"]) == (404, "application/problem+json")
    assert unknown.json()["detail"] == 'there is no rule "on-failur" (did you mean "on-failure"?)'
    assert (await client.get("/api/v1/posts/p9/why")).status_code == 404
    wrong = await client.get("/api/v1/posts/p1/why", params={"rul": "x"})
    assert (wrong.status_code, 'did you mean "rule"' in wrong.json()["detail"]) == (400, True)
    assert (await client.get("/api/v1/posts/p1/why", params={"rule": "a\x00"})).status_code == 400
    assert (await client.get("/api/v1/posts/p1/why", headers={"Authorization": ""})).status_code == 401


BY_HAND = """
[rule.by-hand]
on = "post.failed"
do = [{ when = "error.retryable", alert = "ops", title = "again", else = "people" }]
[rule.by-hand.branch]
people = [{ alert = "ops", title = "look" }]
"""


async def test_a_step_that_was_left_out_says_why_and_what_followed(database: Database, tmp_path: Path) -> None:
    rules = in_force(tmp_path, BY_HAND)
    corridor = await Corridor(database, rules.index()).open()
    await corridor.tell(told("p1", "failed", 1, targets={"x": "failed"}))
    parts = Parts(database, lambda: NOW, None, providers=(PROVIDER,), readers=READERS, rules=rules)
    async with serving(application(parts)) as client:
        client.headers |= await bearer(database, "read")
        text = (await why(client, "p1"))["by-hand"]["text"]
    assert '; step 0 was left out: "error.retryable" is false' in text
    assert text.endswith(", so people follows; alert ops is done")
