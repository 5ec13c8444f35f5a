"""A provider's text is text in every channel: it mentions nobody, hides no link behind words, and is no tag."""

from __future__ import annotations

import html
import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import structlog

from tests.integration.hostile import read_request, serving
from tests.integration.test_channels_mail import post_office
from tests.integration.told import NOON
from tracker.act.performers.channels import build_performers
from tracker.act.performers.notify import GAP, inert
from tracker.domain.actions import Claimed, Done
from tracker.domain.payloads import payload_of
from tracker.outbound.addresses import Allowed
from tracker.outbound.client import Outbound
from tracker.settings import Settings

if TYPE_CHECKING:
    import asyncio

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),  # of Apprise
]

LIVE = [
    "@everyone", "@here", "mail@everyone", "<@123>", "<@!123>", "<@&123>", "<#123>", "<!channel>", "<!here>",
    "<!subteam^S1>", "<users/all>", "@**all**", "@room", "<https://evil.test|fine>", "<https://evil.test>",
    "[fine](https://evil.test)", "[fine] (https://evil.test)", "![x](https://evil.test/pixel)",
    "[a][b]", "[b]: https://evil.test", "<script>alert(1)</script>", '<img src="https://evil.test/pixel">',
    "<at>all</at>", "&lt;!channel&gt;", "&#64;everyone", "<b>", "<a href='https://evil.test'>fine</a>",
]  # fmt: skip
MENTIONS = re.compile(r"@(everyone|here|room|\*\*all|[&!]?\d)|<[@#!a-zA-Z/]|<https?:")
MARKDOWN = re.compile(r"\][ \t]*[(\[:]|!\[")
TOLD = b'{"ok": true, "channel": "C1", "ts": "1.2", "result": {}}'


class Sink:
    """Whatever it is posted, it takes."""

    def __init__(self) -> None:
        self.got: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            self.got.append((await read_request(reader)).partition(b"\r\n\r\n")[2])
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(TOLD), TOLD))
            await writer.drain()


async def tell(channel: dict[str, Any], verb: str = "alert") -> None:
    """What a rule says of a post whose every text is a stranger's."""
    texts = "\n".join(LIVE)
    said = {"title": " ".join(LIVE[:6]), "body": texts, "severity": "warning", "post": LIVE[0], "key": "r/p1"}
    payload = said if verb == "alert" else {"event": "digest", "data": {"post": {"id": texts}}, "text": texts}
    claimed = Claimed(
        id=uuid4(), verb=verb, target="ops", payload=payload_of(verb, payload),
        idempotency_key="k", attempt=1, lease=1, previous=None,
        provider="sosyalkopru", post="p1", rule="r", run=None, created_at=NOON,
    )  # fmt: skip
    settings = {"channels": {"ops": channel}, "outbound": {"allow_unchecked": ["apprise"]}}
    async with Outbound(Allowed.parse(["127.0.0.1"]), timeout=timedelta(seconds=5)) as outbound:
        performers = build_performers(Settings.model_validate(settings), {}, outbound)
        outcome = await performers[verb].perform(claimed, NOON)
    assert isinstance(outcome, Done), outcome


def texts_in(value: object) -> list[str]:
    """Every text in a JSON value."""
    if isinstance(value, dict):
        return [text for inner in value.values() for text in texts_in(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in texts_in(inner)]
    return [value] if isinstance(value, str) else []


def assert_inert(text: str) -> None:
    """Nothing in it begins a mention, a tag or a link; a backslash takes its meaning from what follows it."""
    plain = re.sub(r"\\[!-/:-@\[-`{-~]", "\\\\", text)
    assert not MENTIONS.search(plain), plain
    assert not MARKDOWN.search(plain), plain


@pytest.mark.parametrize("verb", ["alert", "send"])
@pytest.mark.parametrize("form", ["", "?format=text", "?format=markdown", "?format=html"])
async def test_on_discord_it_pings_nobody(verb: str, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in the text, and not in the list of mentions that is made of a text in markdown."""
    from apprise.plugins.discord import NotifyDiscord  # noqa: PLC0415  (slow to load)

    sink = Sink()
    async with serving(sink.serve) as server:
        monkeypatch.setattr(NotifyDiscord, "notify_url", server.url("/api/webhooks"))
        await tell({"kind": "apprise", "url": f"discord://{'1' * 18}/{'a' * 68}{form}"}, verb)
    assert sink.got
    for said in map(json.loads, sink.got):
        assert "allow_mentions" not in said
        for text in texts_in({name: said[name] for name in ("content", "embeds") if name in said}):
            assert_inert(text)


@pytest.mark.parametrize("form", ["", "?format=markdown", "?format=html", "?format=text"])
async def test_on_telegram_it_is_no_markup(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from apprise.plugins.telegram import NotifyTelegram  # noqa: PLC0415  (slow to load)

    sink = Sink()
    async with serving(sink.serve) as server:
        monkeypatch.setattr(NotifyTelegram, "notify_url", server.url("/bot"))
        await tell({"kind": "apprise", "url": f"tgram://123456789:{'a' * 35}/12345/{form}"})
    assert sink.got
    for said in map(json.loads, sink.got):
        assert "<script" not in said["text"]
        assert "<a " not in said["text"]
        assert not MARKDOWN.search(re.sub(r"\\.", "", said["text"]))


async def test_on_mattermost_it_mentions_nobody_and_is_no_link() -> None:
    sink = Sink()
    async with serving(sink.serve) as server:
        await tell({"kind": "apprise", "url": f"mmost://127.0.0.1:{server.port}/{'a' * 26}"})
    assert sink.got
    for said in map(json.loads, sink.got):
        assert_inert(said["text"])


@pytest.mark.parametrize("form", ["html", "text", "markdown"])
async def test_in_mail_by_apprise_it_is_no_tag(form: str) -> None:
    async with post_office() as post:
        url = f"mailto://127.0.0.1:{post.port}?from=a@x.test&to=b@x.test&mode=insecure&format={form}"
        await tell({"kind": "apprise", "url": url})
    for part in post.messages[0].walk():
        if part.get_content_type() == "text/html":
            tags = set(re.findall(r"<\s*(\w+)", part.get_content()))
            assert tags <= {"html", "body", "br", "p", "b", "h1", "h2", "div", "head", "meta", "strong"}, tags


async def test_our_own_mail_is_plain_text_and_nothing_else() -> None:
    async with post_office() as post:
        await tell(
            {"kind": "email", "host": "127.0.0.1", "port": post.port, "tls": "none", "from": "a@x.test",
             "to": ["b@x.test"]}
        )  # fmt: skip
    (message,) = post.messages
    assert (message.get_content_type(), message.is_multipart()) == ("text/plain", False)
    assert "<script>" in message.get_content()


@pytest.mark.parametrize("verb", ["alert", "send"])
@pytest.mark.parametrize("with_token", [False, True])
async def test_on_slack_it_is_escaped_as_slack_asks(verb: str, with_token: bool) -> None:
    """Mentions and links stand in angle brackets there; `@everyone` alone is text, as long as nobody asks for names."""
    sink = Sink()
    async with serving(sink.serve) as server:
        url = server.url("/hook")
        way = {"token": "t", "channel": "C1", "api_url": url} if with_token else {"url": url}
        await tell({"kind": "slack", **way}, verb)
    (said,) = map(json.loads, sink.got)
    assert not {"<", ">"} & set(said["text"])
    assert not {"link_names", "parse", "blocks", "attachments"} & said.keys()
    assert "&amp;lt;!channel&amp;gt;" in said["text"]
    assert "<!channel>" in html.unescape(said["text"])


async def test_for_a_webhook_it_is_data_as_it_was_said() -> None:
    sink = Sink()
    async with serving(sink.serve) as server:
        await tell({"kind": "webhook", "url": server.url("/hook")})
    assert json.loads(sink.got[0])["data"]["body"] == "\n".join(LIVE)


async def test_in_our_log_it_is_one_field_as_it_was_said() -> None:
    with structlog.testing.capture_logs() as logged:
        await tell({"kind": "log"})
    assert [line["body"] for line in logged] == ["\n".join(LIVE)]


@pytest.mark.parametrize("text", LIVE)
def test_what_would_be_live_is_parted_and_reads_the_same(text: str) -> None:
    assert_inert(inert(text))
    assert inert(text).replace(GAP, "") == text


@pytest.mark.parametrize(
    "text", ["p1 failed: the video is 3 < 5 s", "a & b", "[1] of [2]", "caf\u00e9 — 5 > 3", "https://x.test/p?a=1&b=2"]
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert inert(text) == text
