"""Apprise: a service told over real HTTP, in bounded time and threads, without its own retries or its secrets."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
import sys
import threading
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from tests.integration.hostile import read_request, serving
from tests.waiting import until
from tracker.act.performers.channel_checks import usable
from tracker.act.performers.channels import build_performers
from tracker.domain.actions import Claimed, Done, Outcome, Reason, Retry
from tracker.domain.payloads import payload_of
from tracker.outbound.client import Outbound
from tracker.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),  # of a part that we do not use
]

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ALERT = {"title": "p1 failed", "body": "timeout", "severity": "warning", "key": "r/p1", "post": "p1"}

ALLOWED = "[outbound]\nallow_unchecked = ['apprise']\n"


class Service:
    """A service that takes Apprise's JSON, when it is let."""

    def __init__(self, status: str, hangs: bool) -> None:
        self.status, self.open, self.port = status, asyncio.Event(), 0
        self.got: list[dict[str, Any]] = []
        if not hangs:
            self.open.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.got.append(json.loads((await read_request(reader)).partition(b"\r\n\r\n")[2]))
        await self.open.wait()
        location = f"http://127.0.0.1:{self.port}/elsewhere"
        writer.write(f"HTTP/1.1 {self.status}\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()

    @property
    def url(self) -> str:
        """With wishes for retries that are not granted."""
        return f"json://user:passw0rd-of-it@127.0.0.1:{self.port}/path-of-it/?retry=5&wait=0.1"


@asynccontextmanager
async def service(status: str = "200 OK", *, hangs: bool = False) -> AsyncIterator[Service]:
    found = Service(status, hangs)
    async with serving(found.serve) as server:
        found.port = server.port
        yield found


class Told:
    """A configuration with one Apprise channel."""

    def __init__(self, url: str, seconds: float = 5) -> None:
        self.settings = Settings.model_validate(
            {"channels": {"phone": {"kind": "apprise", "url": url}}, "outbound": {"allow_unchecked": ["apprise"]}}
        )
        self.outbound = Outbound(timeout=timedelta(seconds=seconds))
        self.alert = build_performers(self.settings, {}, self.outbound)["alert"]

    async def __call__(self, **said: Any) -> Outcome:
        claimed = Claimed(
            id=uuid4(), verb="alert", target="phone", payload=payload_of("alert", {**ALERT, **said}),
            idempotency_key="k", attempt=1, lease=1, previous=None,
            provider="sosyalkopru", post="p1", rule="r", run=None, created_at=NOW,
        )  # fmt: skip
        return await self.alert.perform(claimed, NOW)


async def test_an_alert_reaches_the_service() -> None:
    async with service() as found:
        tell = Told(found.url)
        assert isinstance(await tell(others=[{"title": "p2 failed", "post": "p2"}]), Done)
        assert isinstance(await tell(resolved=True, body=""), Done)
    first, second = found.got
    assert (first["title"], first["type"]) == ("p1 failed", "warning")
    assert first["message"] == "timeout\nTogether with 1 other:\n- p2 failed"
    assert (second["message"], second["type"]) == ("p1 failed", "success")


@pytest.mark.parametrize("status", ["500 No", "302 Elsewhere"])
async def test_a_refusal_is_tried_again_by_us_and_not_by_the_library(status: str) -> None:
    """One attempt is one request, and follows no redirect; nothing of the address is on record."""
    async with service(status) as found:
        outcome = await Told(found.url)()
    assert (type(outcome), outcome.reason) == (Retry, Reason.BAD_ANSWER)
    assert len(found.got) == 1
    assert outcome.detail
    for secret in ("passw0rd-of-it", "path-of-it"):
        assert secret not in repr(outcome)


async def test_a_service_that_hangs_costs_the_deadline_and_a_bounded_number_of_threads() -> None:
    """More messages than threads are put off at once; when the service is back, so are the threads."""
    async with service(hangs=True) as found:
        tell, before = Told(found.url, seconds=0.5), threading.active_count()
        began = monotonic()
        outcomes = await asyncio.gather(*(tell() for _ in range(10)))
        assert monotonic() - began < 3
        assert {type(outcome) for outcome in outcomes} == {Retry}
        assert {outcome.reason for outcome in outcomes} == {Reason.TIMEOUT}
        assert sum("still under way" in outcome.detail for outcome in outcomes) == 6
        assert threading.active_count() - before <= 4
        found.open.set()
        await until(lambda: threading.active_count() <= before, "no thread is left")
        assert isinstance(await tell(), Done)


async def test_one_service_that_hangs_holds_up_neither_another_nor_the_loop() -> None:
    async with service(hangs=True) as hanging, service() as fine:
        slow, quick = Told(hanging.url, seconds=10), Told(fine.url, seconds=10)
        waiting = [asyncio.create_task(slow()) for _ in range(8)]
        async with asyncio.timeout(5):
            assert isinstance(await quick(), Done)
        assert any(not task.done() for task in waiting)
        hanging.open.set()
        await asyncio.gather(*waiting)


async def test_without_the_extra_the_channel_is_refused_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    path = tmp_path / "config.toml"
    path.write_text(f"[channels.phone]\nkind = 'apprise'\nurl = 'ntfy://x'\n{ALLOWED}")
    (told,) = usable(load_settings(path, {})).left_out["channels.phone"]
    assert re.search(r"config\.toml:2: channels\.phone\.kind.*tracker\[apprise\]", str(told))


@pytest.mark.parametrize("url", ["nosuch://secret-of-it", "secret-of-it", "tgram://secret-of-it"])
async def test_an_address_that_apprise_cannot_use_is_refused_and_not_shown(tmp_path: Path, url: str) -> None:
    path, written = tmp_path / "config.toml", io.StringIO()
    path.write_text(f"[channels.phone]\nkind = 'apprise'\nurl = '{url}'\n{ALLOWED}")
    ours = logging.StreamHandler(written)
    logging.getLogger().addHandler(ours)
    try:
        (told,) = usable(load_settings(path, {})).left_out["channels.phone"]
    finally:
        logging.getLogger().removeHandler(ours)
    assert re.search(r"config\.toml:3: channels\.phone\.url.*Apprise", str(told))
    assert "secret-of-it" not in str(told) + written.getvalue()
