"""`send` to a channel: every kind tells it, the shipped digest live among them, and a system gets what was gathered."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import structlog

from tests.integration.corridor import Corridor
from tests.integration.hostile import read_request, serving
from tests.integration.test_channels_apprise import service
from tests.integration.test_channels_mail import post_office
from tests.integration.told import NOON, told
from tracker.act.performers.channels import build_performers
from tracker.act.worker import Worker
from tracker.domain.actions import Claimed, Discard, Done, Outcome, Reason
from tracker.domain.payloads import payload_of
from tracker.outbound.addresses import Allowed
from tracker.outbound.client import Outbound
from tracker.providers.rule_files import read_rules
from tracker.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from tracker.store.database import Database

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),  # of Apprise
]

SHIPPED = Path(__file__).parents[2] / "rules"
TEXT = "2 posts since yesterday\n\n- p2 (x): too long\n"
DATA = {"rule": "r", "post": {"id": "p1", "state": "failed", "platforms": ["x"], "attempt": 1}, "error": {"code": None}}
NEXT_MORNING = timedelta(hours=18).total_seconds()
"""Nine o'clock in Istanbul, from noon UTC on."""


class Sink:
    """A system that takes what it is posted, as JSON."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            self.got.append(json.loads((await read_request(reader)).partition(b"\r\n\r\n")[2]))
            told = b'{"ok": true, "channel": "C1", "ts": "1.2"}'
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(told), told))
            await writer.drain()


@asynccontextmanager
async def a_sink() -> AsyncIterator[tuple[Sink, str]]:
    sink = Sink()
    async with serving(sink.serve) as server:
        yield sink, server.url("/hook")


async def perform(settings: Mapping[str, Any], payload: Mapping[str, object], target: str = "team") -> Outcome:
    """One `send`, as the worker has it done."""
    action = uuid4()
    claimed = Claimed(
        id=action, verb="send", target=target, payload=payload_of("send", payload),
        idempotency_key="k", attempt=1, lease=1, previous=None,
        provider="sosyalkopru", post=None, rule="daily-digest", run=None, created_at=NOON,
    )  # fmt: skip
    async with Outbound(Allowed.parse(["127.0.0.1"]), timeout=timedelta(seconds=5)) as outbound:
        return await build_performers(Settings.model_validate(settings), {}, outbound)["send"].perform(claimed, NOON)


def digest(**more: object) -> dict[str, object]:
    return {"event": "digest", "data": DATA, "text": TEXT, **more}


@pytest.mark.parametrize("with_token", [False, True])
async def test_slack_shows_the_text_headed_by_its_first_line(with_token: bool) -> None:
    async with a_sink() as (sink, url):
        slack = {"token": "t", "channel": "C1", "api_url": url} if with_token else {"url": url}
        assert isinstance(await perform({"channels": {"team": {"kind": "slack", **slack}}}, digest()), Done)
    assert sink.got[0]["text"] == "*2 posts since yesterday*\n- p2 (x): too long"


async def test_mail_has_the_first_line_for_its_subject_and_the_rest_for_its_text() -> None:
    async with post_office() as post:
        channel = {"kind": "email", "host": "127.0.0.1", "port": post.port, "tls": "none", "from": "a@x.test"}
        assert isinstance(await perform({"channels": {"team": {**channel, "to": ["b@x.test"]}}}, digest()), Done)
    (message,) = post.messages
    assert message["Subject"] == "2 posts since yesterday"
    assert "- p2 (x): too long" in message.get_content()


async def test_a_webhook_gets_the_event_by_its_name_with_the_text_and_the_data() -> None:
    async with a_sink() as (sink, url):
        assert isinstance(await perform({"channels": {"team": {"kind": "webhook", "url": url}}}, digest()), Done)
    (said,) = sink.got
    assert (said["type"], said["data"]["data"], said["data"]["event"]) == ("digest", DATA, "digest")
    assert (said["data"]["title"], said["data"]["body"]) == ("2 posts since yesterday", "- p2 (x): too long")


async def test_apprise_tells_its_service() -> None:
    async with service() as found:
        settings = {
            "channels": {"team": {"kind": "apprise", "url": found.url}},
            "outbound": {"allow_unchecked": ["apprise"]},
        }
        assert isinstance(await perform(settings, digest()), Done)
    assert (found.got[0]["title"], found.got[0]["message"]) == ("2 posts since yesterday", "- p2 (x): too long")


async def test_our_own_log_has_it_as_one_line() -> None:
    with structlog.testing.capture_logs() as logged:
        assert isinstance(await perform({"channels": {"team": {"kind": "log"}}}, digest()), Done)
    (line,) = logged
    assert (line["title"], line["body"], line["rule"]) == (
        "2 posts since yesterday", "- p2 (x): too long", "daily-digest",
    )  # fmt: skip


async def test_without_a_text_it_says_what_it_tells() -> None:
    async with a_sink() as (sink, url):
        settings = {"channels": {"team": {"kind": "slack", "url": url}}}
        assert isinstance(await perform(settings, {"event": "post.failed", "data": DATA}), Done)
    lines = "rule: r\npost.id: p1\npost.state: failed\npost.platforms: x\npost.attempt: 1"
    assert sink.got[0]["text"] == f"*post.failed*\n{lines}"


async def test_a_first_line_that_is_too_long_for_a_title_is_told_whole() -> None:
    async with a_sink() as (sink, url):
        settings = {"channels": {"team": {"kind": "webhook", "url": url}}}
        await perform(settings, digest(text="word " * 300))
    assert sink.got[0]["data"]["body"] == ("word " * 300).strip()


async def test_a_name_that_is_both_is_the_endpoint_which_gets_the_text_beside_the_data() -> None:
    async with a_sink() as (sink, url):
        endpoint = {"url": url, "secrets": ["s"]}
        settings = {"endpoints": {"team": endpoint}, "channels": {"team": {"kind": "log"}}}
        assert isinstance(await perform(settings, digest()), Done)
    assert sink.got == [{"type": "digest", "timestamp": NOON.isoformat().replace("+00:00", "Z"),
                         "data": {"text": TEXT, **DATA}}]  # fmt: skip


async def test_a_name_that_is_neither_any_more_ends_with_both_named() -> None:
    outcome = await perform({"channels": {"ops": {"kind": "log"}}}, digest())
    assert isinstance(outcome, Discard)
    assert outcome.reason is Reason.NOT_CONFIGURED
    assert "endpoints.team" in outcome.detail
    assert "channels.team" in outcome.detail


@asynccontextmanager
async def a_morning(
    database: Database, settings: Settings, outbound: Outbound, folder: Path
) -> AsyncIterator[Corridor]:
    """The corridor from noon on, with the rules of that folder and real performers."""
    book = read_rules(settings, folder)
    assert not book.faults
    corridor = Corridor(database, book.rules)
    corridor.worker = Worker(database, build_performers(settings, {}, outbound), "only", corridor.now)
    await corridor.open()
    corridor.at = 60.0
    yield corridor


async def test_the_shipped_digest_is_told_the_next_morning(database: Database) -> None:
    async with a_sink() as (sink, url), Outbound(Allowed.parse(["127.0.0.1"])) as outbound:
        settings = Settings.model_validate(
            {
                "channels": {"ops": {"kind": "slack", "url": url}},
                "endpoints": {"cms": {"url": "https://cms.example.com/", "secrets": ["s"]}},
                "providers": {"sosyalkopru": {"kind": "sosyalkopru", "api_url": "https://api.example.com"}},
            }
        )
        async with a_morning(database, settings, outbound, SHIPPED) as corridor:
            await corridor.tell(told("p1", "published", 1), told("p2", "failed", 2))
            before = len(sink.got)
            await corridor.wait_until(NEXT_MORNING)
            done = await corridor.rows("select target, state, reason from actions where rule = 'daily-digest'")
    assert done == [("ops", "done", "ok")]
    said = [one["text"] for one in sink.got[before:] if "posts since" in one["text"]]
    assert len(said) == 1
    assert said[0].startswith("*2 posts since 2026-")
    assert "- p2" in said[0]


RULE = """
[rule.gather]
every = "weekdays 09:00 Europe/Istanbul"
over  = { events = ["post.published", "post.failed"], since = "last-run" }
do    = [{ send = "cms" }, { send = "team" }]
"""


async def test_a_system_gets_what_the_clock_has_gathered(database: Database, tmp_path: Path) -> None:
    (tmp_path / "all.toml").write_text(RULE)
    async with a_sink() as (sink, url), Outbound(Allowed.parse(["127.0.0.1"])) as outbound:
        settings = Settings.model_validate(
            {
                "endpoints": {"cms": {"url": url, "secrets": ["s"]}},
                "channels": {"team": {"kind": "webhook", "url": url}},
            }
        )
        async with a_morning(database, settings, outbound, tmp_path) as corridor:
            await corridor.tell(told("p1", "published", 1), told("p2", "failed", 2))
            await corridor.wait_until(NEXT_MORNING)
    to_system, to_channel = sorted((one["data"] for one in sink.got), key=lambda data: "data" in data)
    for data in (to_system, to_channel["data"]):
        assert data["run"]["count"] == 2
        assert [item["post_id"] for item in data["run"]["items"]] == ["p1", "p2"]
        assert data["run"]["since"].startswith("2026-11-10T")
