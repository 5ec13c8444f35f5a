"""Slack's two calls against a server that answers as Slack documents: threads, edits, and what its refusals mean."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from tests.integration.hostile import read_request, serving
from tracker.act.performers.channels import build_performers
from tracker.domain.actions import Claimed, Discard, Done, Outcome, Reason, Retry
from tracker.domain.payloads import payload_of
from tracker.outbound.addresses import Allowed
from tracker.outbound.client import Outbound
from tracker.settings import Settings

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Mapping

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
TOKEN = "xoxb-of-the-test"
ALERT = {"title": "p1 failed", "body": "timeout", "severity": "warning", "key": "r/p1", "post": "p1"}
RESOLVED = ALERT | {"title": "Resolved: p1 failed", "body": "", "resolved": True}


@dataclass
class Slack:
    """A workspace with one channel: what it was told, and what it answers instead of doing it."""

    api_url: str = ""
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    messages: dict[str, dict[str, Any]] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    stamps: count[int] = field(default_factory=lambda: count(1))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head, _, body = (await read_request(reader)).partition(b"\r\n\r\n")
            method = head.split()[1].decode().removeprefix("/api/")
            said = json.loads(body)
            self.calls.append((method, said))
            assert b"content-type: application/json; charset=utf-8" in head.lower()
            answer = self.answers.get(method) or self._do(method, said, f"Bearer {TOKEN}".encode() in head)
            status, more, told = answer if isinstance(answer, tuple) else ("200 OK", "", json.dumps(answer))
            reply = f"HTTP/1.1 {status}\r\n{more}Content-Length: {len(told)}\r\n\r\n{told}"
            writer.write(reply.encode())
            await writer.drain()

    def _do(self, method: str, said: dict[str, Any], known: bool) -> dict[str, object]:
        if not known:
            return {"ok": False, "error": "invalid_auth"}
        if said["channel"] not in ("#ops", "C1"):
            return {"ok": False, "error": "channel_not_found"}
        if method == "chat.update":
            if said["ts"] not in self.messages:
                return {"ok": False, "error": "message_not_found"}
            self.messages[said["ts"]]["text"] = said["text"]
            return {"ok": True, "channel": "C1", "ts": said["ts"], "text": said["text"]}
        if said.get("thread_ts", "1.0") not in (*self.messages, "1.0"):
            return {"ok": False, "error": "thread_not_found"}
        stamp = f"17000000{next(self.stamps):02d}.000100"
        self.messages[stamp] = dict(said)
        return {"ok": True, "channel": "C1", "ts": stamp, "message": {"text": said["text"]}}

    @property
    def texts(self) -> list[tuple[str | None, str]]:
        """Each message, with the one that it answers."""
        return [(said.get("thread_ts"), said["text"]) for said in self.messages.values()]


@asynccontextmanager
async def workspace(**answers: Any) -> AsyncIterator[Slack]:
    slack = Slack(answers={f"chat.{name}": answer for name, answer in answers.items()})
    async with serving(slack.serve) as server:
        slack.api_url = server.url("/api")
        yield slack


async def tell(
    slack: Slack, said: Mapping[str, object], reference: Any = None, server: Any = None, **settings: Any
) -> Outcome:
    section = {"kind": "slack", "token": TOKEN, "channel": "#ops", "api_url": slack.api_url, **settings}
    action = Claimed(
        id=UUID(int=7), verb="alert", target="ops", payload=payload_of("alert", said),
        idempotency_key="k", attempt=1, lease=1, previous=None,
        provider="sosyalkopru", post="p1", rule="r", run=None, created_at=NOW, reference=reference,
    )  # fmt: skip
    async with Outbound(Allowed.parse(["127.0.0.1"]), timeout=timedelta(seconds=5)) as outbound:
        configured = Settings.model_validate({"server": server or {}, "channels": {"ops": section}})
        performers = build_performers(configured, {}, outbound)
        return await performers["alert"].perform(action, NOW)


async def told(slack: Slack, said: Mapping[str, object], reference: Any = None) -> Any:
    """The reference of what must have been done."""
    outcome = await tell(slack, said, reference)
    assert isinstance(outcome, Done), outcome
    return outcome.reference


SERVER = {"public_url": "https://tracker.example.org", "link_secret": "long enough for a test " * 2}


async def test_a_link_is_a_button_which_the_end_takes_away() -> None:
    async with workspace() as slack:
        first = await tell(slack, ALERT | {"acknowledge": True}, server=SERVER)
        assert isinstance(first, Done)
        assert await told(slack, RESOLVED, first.reference) is None
    (posted, edited, answered) = (said for _, said in slack.calls)
    (action,) = posted["attachments"][0]["actions"]
    assert action["url"].startswith("https://tracker.example.org/acknowledge/")
    assert "acknowledge" not in posted["text"]
    assert (edited["attachments"], "attachments" in answered) == ([], False)
    for kept in (first.reference, first.exchange.request, first.exchange.response):
        assert action["url"] not in str(kept)


async def test_a_resolution_edits_the_alert_and_answers_in_its_thread() -> None:
    async with workspace() as slack:
        first = await told(slack, ALERT)
        assert await told(slack, RESOLVED, first) is None
    stamp = first["ts"]
    assert slack.texts == [(None, "*Resolved* ~p1 failed~\n~timeout~"), (stamp, "*Resolved: p1 failed*")]
    assert [method for method, _ in slack.calls] == ["chat.postMessage", "chat.update", "chat.postMessage"]
    assert slack.calls[1][1]["channel"] == "C1"


async def test_a_repetition_goes_to_the_thread_and_edits_nothing() -> None:
    async with workspace() as slack:
        first = await told(slack, ALERT)
        assert await told(slack, ALERT | {"again": 1}, first) is None
    assert slack.texts == [(None, "*p1 failed*\ntimeout"), (first["ts"], "*p1 failed*\ntimeout")]


async def test_a_correction_says_that_it_never_was_so() -> None:
    async with workspace() as slack:
        first = await told(slack, ALERT)
        await told(slack, RESOLVED | {"title": "p1 was published", "correction": True}, first)
    assert slack.texts == [(None, "*Corrected* ~p1 failed~\n~timeout~"), (first["ts"], "*p1 was published*")]


async def test_a_new_alert_of_the_same_name_is_a_message_of_its_own() -> None:
    """The thread of the one before is over."""
    async with workspace() as slack:
        first = await told(slack, ALERT)
        second = await told(slack, ALERT, first)
    assert [thread for thread, _ in slack.texts] == [None, None]
    assert second["ts"] != first["ts"]


async def test_a_message_that_tells_of_several_is_not_struck_out_when_one_is_over() -> None:
    others = [{"title": f"p{n} failed", "post": f"p{n}", "key": f"r/p{n}"} for n in range(2, 30)]
    async with workspace() as slack:
        first = await told(slack, ALERT | {"others": others})
        await told(slack, RESOLVED, first)
    ((_, text), (thread, _)) = slack.texts
    assert text.splitlines()[:4] == ["*p1 failed*", "timeout", "Together with 28 others:", "- p2 failed"]
    assert text.splitlines()[-1] == "- and 8 more"
    assert thread == first["ts"]


@pytest.mark.parametrize("method", ["update", "postMessage"])
async def test_a_resolution_that_came_half_way_is_tried_again_from_the_start(method: str) -> None:
    """Editing twice changes nothing, so the order is: edit, then answer."""
    async with workspace() as slack:
        first = await told(slack, ALERT)
        slack.answers[f"chat.{method}"] = {"ok": False, "error": "internal_error"}
        halfway = await tell(slack, RESOLVED, first)
        assert isinstance(halfway, Retry)
        slack.answers.clear()
        await told(slack, RESOLVED, first)
    assert slack.texts == [
        (None, "*Resolved* ~p1 failed~\n~timeout~"),
        (first["ts"], "*Resolved: p1 failed*"),
    ]


async def test_where_the_first_message_is_gone_its_news_are_told_all_the_same() -> None:
    async with workspace() as slack:
        first = await told(slack, ALERT)
        slack.messages.clear()
        again = await told(slack, RESOLVED, first)
    assert slack.texts == [(None, "*Resolved: p1 failed*")]
    assert again["ts"] != first["ts"]


async def test_what_stands_in_a_message_is_text_mentions_nobody_and_is_capped() -> None:
    """Neither in the alert, nor in those that travel along, nor in the edited one."""
    bad = {"title": "<!channel>\n& co", "body": "<@U1> " * 2000}
    async with workspace() as slack:
        first = await told(slack, ALERT | bad | {"others": [{"title": "<!here>", "post": "<p>"}]})
        await told(slack, RESOLVED | bad, {**first, "shared": False})
    texts = [said["text"] for _, said in slack.calls]
    assert texts[0].startswith("*&lt;!channel&gt; &amp; co*\n&lt;@U1&gt;")
    for text in texts:
        assert "<" not in text
        assert len(text) <= 9000
    assert max(map(len, (texts[0], texts[2]))) <= 3000
    assert not any(said.get("link_names") or said.get("unfurl_links") for _, said in slack.calls)


@pytest.mark.parametrize(
    ("answer", "outcome", "reason", "detail"),
    [
        ({"ok": False, "error": "channel_not_found"}, Discard, Reason.NOT_FOUND, 'Slack says "channel_not_found"'),
        ({"ok": False, "error": "invalid_auth"}, Discard, Reason.NOT_ALLOWED, 'Slack says "invalid_auth"'),
        ({"ok": False, "error": "is_archived"}, Discard, Reason.GONE, 'Slack says "is_archived"'),
        ({"ok": False, "error": "no_text"}, Discard, Reason.REJECTED, 'Slack says "no_text"'),
        ({"ok": False, "error": "ratelimited"}, Retry, Reason.RATE_LIMITED, 'Slack says "ratelimited"'),
        ({"ok": False, "error": "fatal_error"}, Retry, Reason.HTTP_5XX, 'Slack says "fatal_error"'),
        (("429 Slow", "Retry-After: 30\r\n", '{"ok":false,"error":"ratelimited"}'), Retry, Reason.RATE_LIMITED, "429"),
        (("503 Down", "", "sorry"), Retry, Reason.HTTP_5XX, "answered 503"),
        (("200 OK", "", "<html>"), Retry, Reason.BAD_ANSWER, "not one of Slack's"),
        (("200 OK", "", "[1]"), Retry, Reason.BAD_ANSWER, "not one of Slack's"),
        (("200 OK", "", '{"ok": 1}'), Retry, Reason.BAD_ANSWER, "not one of Slack's"),
    ],
)
async def test_what_slack_answers_decides_whether_the_alert_is_tried_again(
    answer: Any, outcome: type, reason: Reason, detail: str
) -> None:
    async with workspace(postMessage=answer) as slack:
        result = await tell(slack, ALERT)
    assert (type(result), result.reason) == (outcome, reason)
    assert detail in result.detail
    if "429" in str(answer):
        assert isinstance(result, Retry)
        assert result.after == timedelta(seconds=30)


async def test_a_message_whose_answer_names_no_place_is_told_but_has_no_thread() -> None:
    async with workspace(postMessage={"ok": True}) as slack:
        assert await told(slack, ALERT) is None


async def test_neither_token_nor_answer_shows_a_secret() -> None:
    async with workspace(postMessage={"ok": False, "error": f"bad {TOKEN}"}) as slack:
        result = await tell(slack, ALERT)
    assert TOKEN not in repr(result)
