"""Why nobody heard: on a post what each rule made of it, beside a hidden alert what hid it, and rules that are held."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.contract.dashboard import NOW, dashboard, sign_in
from tests.integration.corridor import Corridor
from tests.integration.ruled import in_force
from tests.integration.told import NOON, PROVIDER, told
from tracker.domain.runs.engine_state import OWN_BUDGET, Pause, Silence
from tracker.facts import commands
from tracker.store.reactions import holds

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx2

    from tracker.process.active_rules import ActiveRules
    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

FILE = """
[rule.told]
on = "post.failed"
match = { platform = "x" }
do = [{ alert = "ops", title = "it failed" }]

[rule.held]
on = "post.failed"
per = "account"
match = { platform = "x" }
do = [{ alert = "ops", title = "it failed" }]

[rule.picky]
on = "post.failed"
when = "post.attempt > 3 && error.retryable"
cancel_on = "post.published"
do = [{ retry = "publish", tries = 2, backoff = "2m x3 max 1h" }]

[rule.other]
on = "post.published"
do = [{ alert = "ops", title = "it is there" }]
"""
UNTIL = NOW + timedelta(hours=2)


@pytest.fixture
def rules(tmp_path: Path) -> ActiveRules:
    return in_force(tmp_path, FILE)


@pytest.fixture
async def visitor(database: Database, rules: ActiveRules) -> AsyncIterator[httpx2.AsyncClient]:
    """Somebody who may operate, after a failure of which nobody heard."""
    pauses = [Pause("held", scope, UNTIL, "told", NOON) for scope in ("", "account p/facebook:?", "account p/x:?")]
    silence = Silence(uuid4(), {"rule": "told"}, NOON, UNTIL, "Ada", "we know")
    async with database.transaction() as conn:
        await holds.hold(conn, pauses)
        await commands.begin_silence(conn, silence)
    corridor = await Corridor(database, rules.index()).open()
    await corridor.tell(told("p1", "failed", 1, targets={"x": "failed"}))
    async with dashboard(database, rules, parts={"providers": (PROVIDER,)}) as client:
        await sign_in(client, database, "operate")
        yield client


def plain(page: str) -> str:
    """The words of a page, with single spaces."""
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())


async def test_a_post_says_what_each_rule_made_of_it(visitor: httpx2.AsyncClient) -> None:
    """What reacted stands first, and of a rule that did nothing the first clause that was false, with its values."""
    page = plain((await visitor.get("/posts/p1")).text)
    section = page[page.rindex("Rules and this post") :]
    assert "paused by told until" in section
    assert "hidden by a silence" in section
    assert section.index("paused by") < section.index("Rules that did nothing: 2")
    assert "when wants post.attempt &gt; 3 , but it is false" in section
    assert "post.attempt = 1" in section
    assert "on wants post.published , but what happened is post.failed" in section


async def test_from_a_rule_one_comes_to_what_it_made_of_a_post(visitor: httpx2.AsyncClient) -> None:
    answer = await visitor.get("/rules/other/why", params={"post": "p1"})
    assert answer.headers["Location"] == f"/posts/p1?provider={PROVIDER}&rule=other#rules"
    page = plain((await visitor.get(answer.headers["Location"])).text)
    assert page.index("what happened is post.failed") < page.index("Rules that did nothing: 1")
    assert (await visitor.get("/rules/other/why", params={"post": "nobody"})).status_code == 404


async def test_a_held_rule_needs_attention_until_it_is_resumed(visitor: httpx2.AsyncClient, database: Database) -> None:
    async with database.transaction() as conn:
        await holds.hold(conn, [Pause("other", "", UNTIL, OWN_BUDGET, NOON)])
    page = plain((await visitor.get("/")).text)
    assert "held : paused until" in page
    assert "suppressed 1" in page
    assert "other : held by its budget until" in page
    assert "held by its budget" in plain((await visitor.get("/rules")).text)
    rule = plain((await visitor.get("/rules/held")).text)
    assert "account p/x – no account named" in rule
    assert "facebook" not in rule
    answer = await visitor.post("/rules/held/resume", data={"then": "/"})
    assert answer.headers["Location"] == "/?done=rule_resumed"
    async with database.connection() as conn:
        assert [pause.rule for pause in (await holds.in_force(conn, NOW, NOW)).pauses] == ["other"]
        said = await conn.fetchval("select count(*) from events where kind = 'rule.resumed'")
    assert said == 1
    assert "facebook" not in plain((await visitor.get("/rules/held")).text)


async def test_a_rule_says_its_condition_its_end_and_its_pauses_between_tries(visitor: httpx2.AsyncClient) -> None:
    page = plain((await visitor.get("/rules/picky")).text)
    for words in ("If post.attempt", "Ends on post.published", "first after 2m , then × 3, at most 1h"):
        assert words in page


async def test_a_hidden_alert_says_in_turkish_what_hid_it(visitor: httpx2.AsyncClient) -> None:
    await visitor.post("/language", data={"language": "tr", "then": "/"})
    assert "gizleyen: sessizlik" in plain((await visitor.get("/actions?state=hidden")).text)
    page = (await visitor.get("/posts/p1")).text
    assert "tarafından <time" in page
    assert "paused by" not in page
