"""`tracker posts create`: what goes to the provider, what is noted, and how the command ends."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.acceptance.service import Service, free_port
from tests.contract.command_line import SECRET, CommandLine, Ran
from tests.contract.test_cli_webhooks import CONFIG
from tests.integration.hostile import read_request, serving
from tests.waiting import until
from tracker.simulator import Outage, Simulator, run_simulator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.anyio

NOWHERE = "http://127.0.0.1:9"
CREATED = b'HTTP/1.1 201 Created\r\nContent-Length: 39\r\n\r\n{"success":true,"data":{"id":"post_1"}}'


async def create(folder: Path, *words: str) -> Ran:
    """`tracker posts create` in that folder."""
    return await asyncio.to_thread(CommandLine(folder), "posts", "create", *words)


async def shown(folder: Path, post: str) -> Any:
    """The post, once it has been folded."""

    async def found() -> Ran | None:
        ran = await asyncio.to_thread(CommandLine(folder), "posts", "show", post, "--json")
        return None if ran.code else ran

    ran = await until(found, f"{post} is there")
    assert ran
    return ran.json


@asynccontextmanager
async def service(folder: Path, database_url: str) -> AsyncIterator[Simulator]:
    """A service that runs, and a provider that tells it what happens, much faster than in life."""
    async with run_simulator(speed=200) as simulator:
        running = Service(
            folder, free_port(), dsn=database_url, lease="5s", provider=simulator.url, secret=SECRET, sink=NOWHERE
        )
        running.start()
        await running.ready()
        simulator.register(f"{running.url}/webhooks/sosyalkopru", secret=SECRET)
        try:
            yield simulator
        finally:
            assert await asyncio.to_thread(running.stop) == 0, running.log_end()


async def test_a_post_is_followed_to_its_end(tmp_path: Path, database_url: str) -> None:
    """Published is 0, whatever else is 1, and an end that does not come within its time is 1 too."""
    async with service(tmp_path, database_url) as simulator:
        good = await create(tmp_path, "--platform", "x", "--platform", "instagram", "--text", "hello #publish")
        bad = await create(tmp_path, "--platform", "x", "--text", "#fail=auth_expired", "--json")
        mixed = await create(
            tmp_path, "--platform", "x", "--platform", "tiktok", "--text", "#fail=auth_expired@x", "--json"
        )
        endless = await create(tmp_path, "--platform", "x", "--text", "#never", "--within", "1s")
        simulator.silent = True
        schedule = ("--at", "2126-11-30T12:00:00+03:00", "--no-follow")
        later = await create(tmp_path, "--platform", "x", "--text", "#publish", *schedule, "--json")
        waiting = await shown(tmp_path, later.json["id"])
    assert [ran.code for ran in (good, bad, mixed, endless, later)] == [0, 1, 1, 1, 0]
    assert good.lines[0].startswith("created post_")
    assert good.lines[-1].endswith("publishing → published")
    assert (bad.json["state"], mixed.json["state"], later.json["state"]) == ("failed", "partial", None)
    assert "has not come to an end within 1s" in endless.err
    assert (waiting["state"], waiting["scheduled_at"]) == ("scheduled", "2126-11-30T09:00:00Z")
    fact = waiting["history"][0]["data"]
    assert (fact["event"], fact["source"]) == ("post.created", "manual")


@asynccontextmanager
async def api(folder: Path, database_url: str) -> AsyncIterator[list[bytes]]:
    """An API that takes every call; the calls, and a folder that is configured for it."""
    calls: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            calls.append(await read_request(reader))
            writer.write(CREATED)
            await writer.drain()

    async with serving(handle) as server:
        text = CONFIG.format(url=database_url, api=server.url("/v1"), key="sk", file="the.secrets")
        (folder / "config.toml").write_text(text)
        yield calls


async def test_the_call_is_written_as_the_guide_shows(tmp_path: Path, database_url: str) -> None:
    """Small platforms, content.text, accountIds, a key; and scheduling where its inner field is said to be."""
    words = ("--platform", "Instagram", "--platform", "x", "--text", "hi", "--account", "acc_1", "--account", "acc_2")
    schedule = ("--at", "2026-11-30T09:00:00Z", "--key", "k1", "--no-follow")
    async with api(tmp_path, database_url) as calls:
        plain = await create(tmp_path, *words, "--no-follow")
        config = tmp_path / "config.toml"
        await create(tmp_path, *words[:2], *schedule)
        moved = 'post = { scheduled_at = "scheduling.publishAt" }\n[outbound]'
        config.write_text(config.read_text().replace("[outbound]", moved))
        await create(tmp_path, *words[:2], *schedule)
    assert (plain.code, plain.out) == (0, "created post_1 at sosyalkopru\n")
    heads, bodies = zip(*(call.split(b"\r\n\r\n") for call in calls), strict=True)
    assert heads[0].startswith(b"POST /v1/posts HTTP/1.1\r\n")
    assert b"idempotency-key: k1" in heads[1].lower()
    assert [json.loads(body) for body in bodies] == [
        {"platforms": ["instagram", "x"], "content": {"text": "hi"}, "accountIds": ["acc_1", "acc_2"]},
        {
            "platforms": ["instagram"],
            "content": {"text": ""},
            "scheduling": {"scheduledAt": "2026-11-30T09:00:00.000Z"},
        },
        {"platforms": ["instagram"], "content": {"text": ""}, "scheduling": {"publishAt": "2026-11-30T09:00:00.000Z"}},
    ]


async def test_what_the_provider_does_not_take_is_said_and_not_noted(tmp_path: Path, database_url: str) -> None:
    """A refusal is final; when no answer came, nobody knows, and the key with which to ask again is named."""
    async with run_simulator() as simulator:
        text = CONFIG.format(url=database_url, api=simulator.url, key="sk_simulated", file="the.secrets")
        (tmp_path / "config.toml").write_text(text)
        refused = await create(tmp_path, "--platform", "x", "--text", "#fail=timout")
        simulator.outage = Outage.ANSWER_LOST
        (tmp_path / "config.toml").write_text(text + 'timeout = "300ms"\n')
        unheard = await create(tmp_path, "--platform", "x", "--key", "k1")
        simulator.outage = None
        (tmp_path / "config.toml").write_text(text)
        again = await create(tmp_path, "--platform", "x", "--key", "k1", "--no-follow")
        truth = simulator.truth()
    assert (refused.code, unheard.code, again.code) == (1, 1, 0)
    assert 'sosyalkopru: 400: unknown_reason: "timout" is no reason to fail (did you mean "timeout"?)' in refused.err
    assert "repeat this call with --key k1" in unheard.err
    assert "--key" not in refused.err
    assert again.out == f"created {next(iter(truth))} at sosyalkopru\n"
    assert len(truth) == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "--platform"),
        (("--platform", "x", "--at", "noon"), "--at"),
        (("--platform", "x", "--within", "ages"), "--within"),
        (("--platform", "x", "--provider", "sosyalkoprü"), 'did you mean "sosyalkopru"'),
    ],
)
async def test_what_is_used_wrongly_is_named(tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    (tmp_path / "config.toml").write_text(CONFIG.format(url="", api=NOWHERE, key="sk", file="the.secrets"))
    ran = await create(tmp_path, *words)
    assert (ran.code, ran.out) == (2, "")
    assert says in ran.err
