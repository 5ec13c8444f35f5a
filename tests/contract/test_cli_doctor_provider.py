"""`tracker doctor` asks providers which webhooks they know: whether anything is sent, and where to."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from tests.contract.command_line import CommandLine
from tests.integration.hostile import answering, serving
from tracker.cli import doctor_providers
from tracker.simulator import ManualClock, Simulator, run_simulator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.anyio

DOOR = "http://127.0.0.1:9/webhooks/sosyalkopru"
CONFIG = """
[database]
url = "{url}"

[providers.sosyalkopru]
kind = "sosyalkopru"
api_url = "{api}"
api_key = "sk_simulated"
secret_file = "the.secrets"

[outbound]
allow = ["127.0.0.1"]
"""


class Installation:
    """A folder whose provider is at some address."""

    def __init__(self, folder: Path, url: str, api: str) -> None:
        (folder / "config.toml").write_text(CONFIG.format(url=url, api=api))
        self.tracker = CommandLine(folder)

    async def examined(self) -> list[tuple[str, str]]:
        """Verdict and text of each finding about webhooks."""
        ran = await asyncio.to_thread(self.tracker, "doctor", "--json")
        found = [one for one in ran.json["items"] if one["check"] == "webhooks"]
        assert all(bool(one["advice"]) is (one["verdict"] != "ok") for one in found)
        return [(one["verdict"], one["found"]) for one in found]

    async def register(self, address: str = DOOR) -> str:
        """The id of a webhook that leads there."""
        ran = await asyncio.to_thread(self.tracker, "webhooks", "register", address, "--json")
        assert ran.code == 0, ran.err
        made: str = ran.json["id"]
        return made


@asynccontextmanager
async def installed(folder: Path, url: str) -> AsyncIterator[tuple[Simulator, Installation]]:
    """An installation at the simulated provider."""
    async with run_simulator(clock=ManualClock()) as simulator:
        yield simulator, Installation(folder, url, simulator.url)


async def test_a_webhook_that_is_gone_at_the_provider_is_found(tmp_path: Path, database_url: str) -> None:
    async with installed(tmp_path, database_url) as (simulator, here):
        assert await here.examined() == [("problem", "sosyalkopru knows none: it sends nothing")]
        webhook = await here.register()
        assert await here.examined() == [("ok", f"sosyalkopru sends to {DOOR}")]
        simulator.register("http://127.0.0.1:9/somewhere/else", secret="s")
        assert (await here.examined())[0][0] == "ok"
        await asyncio.to_thread(here.tracker, "webhooks", "delete", webhook, "--keep-secret")
        gone = f"sosyalkopru no longer knows the one whose secret is kept here: {webhook}"
        assert await here.examined() == [("problem", gone)]


async def test_an_address_that_is_registered_twice_is_found_and_told_when_it_becomes_so(
    tmp_path: Path, database_url: str
) -> None:
    async with installed(tmp_path, database_url) as (_, here):
        first = await here.register()
        again = await asyncio.to_thread(here.tracker, "webhooks", "register", DOOR + "/")
        assert again.code == 0
        assert f"the address was registered already, as {first}: " in again.err
        assert f"`tracker webhooks delete {first}`" in again.err
        ok, twice = await here.examined()
        assert ok[0] == "ok"
        assert twice[0] == "warning"
        assert twice[1].startswith(f"{DOOR} is registered 2 times at sosyalkopru: {first}, ")


async def test_one_that_leads_elsewhere_is_told_where_no_secret_says_whose_it_is(
    tmp_path: Path, database_url: str
) -> None:
    async with installed(tmp_path, database_url) as (simulator, here):
        simulator.register("http://127.0.0.1:9/hooks", secret="s")
        told = await here.examined()
        assert told == [
            ("warning", "none that sosyalkopru knows ends with /webhooks/sosyalkopru: http://127.0.0.1:9/hooks")
        ]


@pytest.mark.parametrize(
    ("status", "verdict", "says"),
    [
        ("401 Unauthorized", "problem", "sosyalkopru did not tell which it knows: sosyalkopru: 401"),
        ("500 Oh", "warning", "sosyalkopru did not tell which it knows: sosyalkopru: 500"),
        ("404 Not Found", "problem", "calls.webhooks puts it right, or says with an empty text that there is none"),
    ],
)
async def test_a_provider_that_does_not_tell_is_named_with_what_it_said(
    tmp_path: Path, database_url: str, status: str, verdict: str, says: str
) -> None:
    async with serving(answering(f"HTTP/1.1 {status}\r\ncontent-length: 2\r\n\r\n{{}}".encode())) as server:
        ((told, text),) = await Installation(tmp_path, database_url, server.url("/v1")).examined()
    assert (told, says in text) == (verdict, True), text


async def test_a_provider_that_never_answers_is_not_waited_for(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever [outbound] allows for one request."""
    monkeypatch.setattr(doctor_providers, "PATIENCE", 0.2)
    begins = b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n"
    async with serving(answering(begins, forever=b" ", pause=0.05)) as server:
        here = Installation(tmp_path, database_url, server.url("/v1"))
        began = time.monotonic()
        told = await here.examined()
    assert told == [("warning", "sosyalkopru did not answer within 0.2 s")]
    assert time.monotonic() - began < 8
