"""`tracker mcp` as an assistant has it: a process on standard input and output, asked by the SDK's own client."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from asyncio.subprocess import PIPE
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from mcp import Client, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

from tests import plain_http
from tests.contract.serving import bearer, project, serving
from tests.integration.ruled import in_force
from tests.integration.told import NOON, PROVIDER, Reader, told
from tracker.api import Parts, application

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx2

    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

RULE = '[rule.told]\non = "post.failed"\nmatch = { platform = "x" }\ndo = [{ alert = "ops", title = "it failed" }]\n'


@asynccontextmanager
async def assisted(database: Database, folder: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """The service, with one failed post."""
    await project(database, told("p1", "failed", 0, targets={"instagram": "failed"}))
    rules = in_force(folder, RULE)
    parts = Parts(database, lambda: NOON, None, providers=(PROVIDER,), readers={PROVIDER: Reader()}, rules=rules)
    async with serving(application(parts)) as http:
        yield http


@asynccontextmanager
async def assistant(database: Database, folder: Path, scope: str) -> AsyncIterator[Client]:
    """A client of `tracker mcp`, with a key of that scope."""
    async with assisted(database, folder) as http:
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


@asynccontextmanager
async def over_http(service: str) -> AsyncIterator[str]:
    """The address of `tracker mcp --http`, on a free port."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tracker", "mcp", "--url", service, "--http", "0", stderr=PIPE, env={"LANG": "C.UTF-8"}
    )
    assert process.stderr
    try:
        said = (await process.stderr.readline()).decode()
        yield said.split()[0]
    finally:
        process.terminate()
        assert await process.wait() == 0


async def test_over_http_each_request_reaches_what_its_own_key_reaches(database: Database, tmp_path: Path) -> None:
    wish = {"match": {"rule": "told"}, "lasting": "1h", "reason": "we know"}
    async with assisted(database, tmp_path) as service, over_http(str(service.base_url)) as address:
        answers = {}
        for scope in ("read", "operate"):
            headers = await bearer(database, scope)
            async with (
                plain_http.client(headers=headers) as http,
                Client(streamable_http_client(address, http_client=http)) as client,
            ):
                assert [post["id"] for post in (await call(client, "find_posts", state=["failed"]))["items"]] == ["p1"]
                confirm = (await call(client, "silence_alerts", **wish))["confirm"]
                answers[scope] = await call(client, "silence_alerts", **wish, confirm=confirm)
        assert "operate" in answers["read"]
        assert answers["operate"]["active"] is True


async def test_over_http_nobody_is_answered_without_a_key(database: Database, tmp_path: Path) -> None:
    ask = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    async with assisted(database, tmp_path) as service, over_http(str(service.base_url)) as address:
        async with plain_http.client() as http:
            for headers in ({}, {"Authorization": "Basic eDp5"}, {"Authorization": "Bearer"}):
                refused = await http.post(address, json=ask, headers=headers)
                assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
                assert "tracker keys create" in refused.json()["detail"]
        async with (
            plain_http.client(headers={"Authorization": "Bearer trk_wrong"}) as http,
            Client(streamable_http_client(address, http_client=http)) as client,
        ):
            assert "key" in await call(client, "find_posts")


def test_where_to_answer_is_a_port_or_a_host_and_a_port() -> None:
    for wrong in ("8765x", "127.0.0.1", "70000"):
        assert "127.0.0.1:8765" in refused("mcp", "--http", wrong)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"{port} is taken" in refused("mcp", "--http", port)


def refused(*words: str) -> str:
    """What a command that is used wrongly says."""
    ended = subprocess.run([sys.executable, "-m", "tracker", *words], capture_output=True, text=True, check=False)
    assert ended.returncode == 2, ended
    return " ".join(ended.stderr.split())
