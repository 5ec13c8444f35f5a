"""The same question has the same answer, whether the API, the dashboard or the command line is asked."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.command_line import CommandLine
from tests.contract.dashboard import dashboard
from tests.contract.serving import bearer, project
from tests.integration.ruled import in_force
from tests.integration.told import NOON, PROVIDER, told

if TYPE_CHECKING:
    from pathlib import Path

    import httpx2

    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

RULES = """
[rule.stuck]
while = { state = "publishing" }
for = "15m"
do = [{ alert = "ops", title = "stuck" }]
"""
TIMER = """
insert into timers (rule, key, kind, bucket, due_at, meaning, cause, provider, post, data)
values ('stuck', 'sosyalkopru/p1', 'while', 0, $1, '', 'publishing:' || $3, $2, 'p1', '{}')
"""

UNKNOWN = """
update posts set state = 'unknown', fold = replace(fold::text, '"publishing"', '"unknown"')::json where post = 'p1'
"""
"""As a post stands whose provider has said that it tries again, in a word that nobody knows."""


def posts_in(page: str) -> set[str]:
    """The posts that a page leads to."""
    return set(re.findall(r'href="/posts/(p\d)', page))


async def ids(client: httpx2.AsyncClient, query: str) -> set[str]:
    return {post["id"] for post in (await client.get(f"/api/v1/posts?{query}")).json()["items"]}


async def test_a_post_of_which_nothing_can_be_said_is_stuck_as_much_as_one_under_way(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    """`unknown` is no end: it is listed by the API, in the past, by the command line, and on both pages."""
    ended = (told(f"p{n}", state, 1) for n, state in enumerate(("published", "failed", "cancelled"), 3))
    await project(database, told("p1", "publishing", 1), told("p2", "publishing", 1), *ended)
    async with database.connection() as conn:
        await conn.execute(UNKNOWN)
    tracker = CommandLine(tmp_path).configure(database_url)
    async with dashboard(database, open_here=True, clock=lambda: NOON + timedelta(days=1)) as client:
        page = (await client.get("/posts?stuck_for=15m")).text
        overview = (await client.get("/")).text.partition('id="stuck"')[2].partition("</section>")[0]
        client.headers |= await bearer(database, "read")
        found = [posts_in(page), posts_in(overview), await ids(client, "stuck_for=15m")]
    ran = await asyncio.to_thread(tracker.alone, "posts", "list", "--stuck-for", "15m", "--json")
    found.append({post["id"] for post in ran.json["items"]})
    assert found == [{"p1", "p2"}] * 4


async def test_what_is_about_to_happen_is_worded_alike(database: Database, database_url: str, tmp_path: Path) -> None:
    await project(database, told("p1", "publishing", 1))
    async with database.connection() as conn:
        since = NOON + timedelta(seconds=1)
        await conn.execute(TIMER, since + timedelta(minutes=15), PROVIDER, since.isoformat())
    rules = in_force(tmp_path, RULES)
    async with dashboard(database, rules, open_here=True) as client:
        client.headers |= await bearer(database, "read")
        answer: dict[str, Any] = (await client.get("/api/v1/posts/p1")).json()
    folder = tmp_path / "command-line"
    folder.mkdir()
    tracker = CommandLine(folder).configure(database_url)
    (tracker.rules / "all.toml").write_text(RULES)
    ran = await asyncio.to_thread(tracker.alone, "posts", "show", "p1", "--json")
    assert json.dumps(ran.json["pending"]) == json.dumps(answer["pending"])
    assert [one["says"] for one in answer["pending"]] == ["stuck fires if it is still publishing"]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("", "stuck fires if it is still publishing"),
        ('for = "20m"', "stuck goes on waiting until 2026-11-10 12:20:01 UTC"),
        ('when = "post.attempt > 1"', "stuck does nothing, as it stands: when wants post.attempt > 1, but it is false"),
        ('match = { platform = "x" }', 'stuck does nothing, as it stands: match.platform wants "x", but it is nothing'),
    ],
)
async def test_what_comes_is_what_the_engine_would_make_of_it(
    more: str, says: str, database: Database, tmp_path: Path
) -> None:
    """The very timer that stands, let come in thought: not what a rule of that kind usually does."""
    await project(database, told("p1", "publishing", 1))
    since = NOON + timedelta(seconds=1)
    async with database.connection() as conn:
        await conn.execute(TIMER, since + timedelta(minutes=15), PROVIDER, since.isoformat())
    text = RULES.replace('for = "15m"', more) if more.startswith("for") else RULES + more
    async with dashboard(database, in_force(tmp_path, text), open_here=True) as client:
        client.headers |= await bearer(database, "read")
        (pending,) = (await client.get("/api/v1/posts/p1")).json()["pending"]
    assert pending["says"] == says
