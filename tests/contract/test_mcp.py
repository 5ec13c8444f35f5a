"""`tracker mcp` as an assistant has it: a process on standard input and output, asked by the SDK's own client."""

from __future__ import annotations

import json
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from mcp import Client, StdioServerParameters, stdio_client

from tests.contract.serving import bearer, project, serving
from tests.integration.ruled import in_force
from tests.integration.told import NOON, PROVIDER, Reader, told
from tracker.api import Parts, application

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

RULE = '[rule.told]\non = "post.failed"\nmatch = { platform = "x" }\ndo = [{ alert = "ops", title = "it failed" }]\n'


@asynccontextmanager
async def assistant(database: Database, folder: Path, scope: str) -> AsyncIterator[Client]:
    """A client of `tracker mcp`, with a key of that scope, and one failed post."""
    await project(database, told("p1", "failed", 0, targets={"instagram": "failed"}))
    rules = in_force(folder, RULE)
    parts = Parts(database, lambda: NOON, None, providers=(PROVIDER,), readers={PROVIDER: Reader()}, rules=rules)
    async with serving(application(parts)) as http:
        key = (await bearer(database, scope))["Authorization"].removeprefix("Bearer ")
        process = StdioServerParameters(
            command=sys.executable, args=["-m", "tracker", "mcp", "--url", str(http.base_url)], env={"TRACKER_KEY": key}
        )
        async with Client(stdio_client(process)) as client:
            yield client


async def call(client: Client, tool: str, **arguments: Any) -> Any:
    """What the tool answers; of a refusal its text."""
    result = await client.call_tool(tool, arguments)
    text = "".join(getattr(part, "text", "") for part in result.content)
    return text if result.is_error else json.loads(text)


async def test_an_assistant_finds_a_post_learns_why_and_tries_a_rule(database: Database, tmp_path: Path) -> None:
    async with assistant(database, tmp_path, "read") as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert tools.keys() == {
            "find_posts", "post", "why", "pending", "figures", "try_rule", "retry_post", "silence_alerts",
        }  # fmt: skip
        assert [post["id"] for post in (await call(client, "find_posts", state=["failed"]))["items"]] == ["p1"]
        assert (await call(client, "post", post="p1"))["state"] == "failed"
        assert "platform" in json.dumps(await call(client, "why", post="p1", rule="told"))
        assert await call(client, "pending", post="p1") == {"pending": []}
        assert "failed" in json.dumps(await call(client, "figures"))
        trial = await call(client, "try_rule", text=RULE.replace("told", "new"), since="2026-11-10T00:00:00Z")
        assert trial["changes"] == 1
        assert 'did you mean "failed"' in await call(client, "find_posts", state=["faild"])
        assert "no post" in await call(client, "post", post="p2")


async def test_what_changes_something_is_confirmed_first_and_needs_the_scope(
    database: Database, tmp_path: Path
) -> None:
    (tmp_path / "reader").mkdir()
    wish = {"match": {"rule": "told"}, "lasting": "1h", "reason": "we know"}
    async with assistant(database, tmp_path / "reader", "read") as client:
        told_first = await call(client, "silence_alerts", **wish)
        assert "operate" in await call(client, "silence_alerts", **wish, confirm=told_first["confirm"])
    async with assistant(database, tmp_path, "operate") as client:
        first = await call(client, "retry_post", post="p1")
        assert first["post"]["state"] == "failed"
        assert "confirm" in await call(client, "retry_post", post="p1", confirm="yes")
        async with database.connection() as conn:
            assert await conn.fetchval("select count(*) from actions") == 0
        done = await call(client, "retry_post", post="p1", confirm=first["confirm"])
        assert (done["verb"], done["post"]) == ("retry", "p1")
        word = (await call(client, "silence_alerts", **wish))["confirm"]
        other = await call(client, "silence_alerts", **{**wish, "match": {"rule": "*"}}, confirm=word)
        assert "would" in other
        assert (await call(client, "silence_alerts", **wish, confirm=word))["active"] is True
