"""Slack: an incoming webhook says every alert anew; an app edits its message, and goes on in that message's thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from tracker.act.performers.http_delivery import outcome_of, post, post_json
from tracker.act.performers.notify import body_of, ends, follows, title_of
from tracker.domain.actions import Discard, Done, Reason, Retry
from tracker.errors import cut
from tracker.outbound.client import Answer, shown

if TYPE_CHECKING:
    from datetime import datetime

    from pydantic import SecretStr

    from tracker.domain.actions import Claimed, Exchange, Outcome
    from tracker.domain.payloads import AlertPayload
    from tracker.outbound.client import Outbound
    from tracker.settings import SlackChannel

LONGEST_TEXT = 3000
SLOW_DOWN = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
PASSING = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org"})
REASONS = {
    **dict.fromkeys(
        ("invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "missing_scope",
         "access_denied", "no_permission", "not_allowed_token_type", "ekm_access_denied"),
        Reason.NOT_ALLOWED,
    ),
    "channel_not_found": Reason.NOT_FOUND,
    "is_archived": Reason.GONE,
}  # fmt: skip
NO_THREAD = frozenset(
    {"message_not_found", "thread_not_found", "cannot_reply_to_message", "restricted_action_thread_locked"}
)
"""Codes by which Slack refuses a reply, but not a message of its own."""


@dataclass(frozen=True, slots=True)
class SlackWebhook:
    """An incoming webhook: it can only say, so a resolution is a message like any other."""

    url: SecretStr
    outbound: Outbound

    async def send_alert(self, claimed: Claimed, now: datetime) -> Outcome:
        """Post the alert."""
        said = claimed.alert
        return await post_json(
            self.outbound, self.url, (), str(claimed.id), {"text": text_of(said), **_button(said)}, now
        )


@dataclass(frozen=True, slots=True)
class SlackApp:
    """An app with a token, which remembers its messages as {"channel", "ts", "text", "shared", "button"}."""

    channel: SlackChannel
    outbound: Outbound

    async def send_alert(self, claimed: Claimed, now: datetime) -> Outcome:
        """Post the alert; or edit the message in which it was told, if it is over, and answer in its thread."""
        said, text = claimed.alert, text_of(claimed.alert)
        if claimed.reference is None or not follows(claimed):
            return await self._say(text, said, shared=bool(said.others))
        first = claimed.reference
        if ends(said) and not first.get("shared"):
            no_button: dict[str, object] = {"attachments": []} if first.get("button") else {}
            edited = await self._call("chat.update", _place(first) | {"text": _over(first, said), **no_button})
            if isinstance(edited, Retry):
                return edited
        thread = {"channel": first["channel"], "thread_ts": first["ts"]}
        answered = await self._call("chat.postMessage", thread | {"text": text, **_button(said)})
        if isinstance(answered, Discard) and answered.detail in map(_quoted, NO_THREAD):
            return await self._say(text, said, shared=False)
        return replace(answered, reference=None) if isinstance(answered, Done) else answered

    async def _say(self, text: str, said: AlertPayload, *, shared: bool) -> Outcome:
        button = _button(said)
        told = await self._call("chat.postMessage", {"channel": self.channel.channel, "text": text, **button})
        if not isinstance(told, Done) or told.reference is None:
            return told
        known: dict[str, object] = {"text": text, "shared": shared, **({"button": True} if button else {})}
        return replace(told, reference={**told.reference, **known})

    async def _call(self, method: str, content: Mapping[str, object]) -> Outcome:
        """One call of Slack's API; where it is done, the reference is the message that the answer names."""
        address, token = f"{self.channel.api_url}/{method}", self.channel.token.get_secret_value()
        if method == "chat.postMessage":
            content = {**content, "unfurl_links": False, "unfurl_media": False}
        headers, request = {"authorization": f"Bearer {token}"}, {"method": "POST", "url": address, "body": content}
        result, record = await post(self.outbound, address, headers, msgspec.json.encode(content), request, [token])
        if not isinstance(result, Answer) or result.reason is not Reason.OK:
            return outcome_of(result, record)
        answer = _answer(result.body)
        if answer.get("ok") is True:
            return Done(exchange=record, reference=_message_of(answer))
        code = shown(str(answer["error"]), [token]) if isinstance(answer.get("error"), str) else None
        return _refused(code, result, record)


def _refused(code: str | None, result: Answer, record: Exchange) -> Outcome:
    if code is None:
        return Retry(Reason.BAD_ANSWER, None, "the answer is not one of Slack's", record)
    if code in SLOW_DOWN:
        return Retry(Reason.RATE_LIMITED, result.retry_after, _quoted(code), record)
    if code in PASSING:
        return Retry(Reason.HTTP_5XX, result.retry_after, _quoted(code), record)
    return Discard(REASONS.get(code, Reason.REJECTED), _quoted(code), record)


def _message_of(answer: Mapping[str, object]) -> Mapping[str, object] | None:
    channel, stamp = answer.get("channel"), answer.get("ts")
    return {"channel": channel, "ts": stamp} if isinstance(channel, str) and isinstance(stamp, str) else None


def text_of(said: AlertPayload) -> str:
    """Title and body as Slack shows them; what stands in them is text and mentions nobody."""
    body = body_of(replace(said, acknowledge=UNSET))  # the link is a button
    return cut(f"*{_plain(title_of(said))}*\n{_plain(body)}".strip(), LONGEST_TEXT)


def _button(said: AlertPayload) -> dict[str, object]:
    """A button that leads to the page of the link. Those of attachments need no app that hears of the click."""
    if not said.acknowledge:
        return {}
    button = {"type": "button", "text": "Acknowledge", "url": said.acknowledge, "style": "primary"}
    return {"attachments": [{"fallback": f"Acknowledge: {said.acknowledge}", "actions": [button]}]}


def _over(first: Mapping[str, object], said: AlertPayload) -> str:
    """The first message, struck out and marked."""
    lines = str(first.get("text", "")).replace("*", "").replace("~", "").splitlines()
    struck = "\n".join(f"~{line.strip()}~" if line.strip() else "" for line in lines)
    return f"*{'Corrected' if said.correction else 'Resolved'}* {struck}"


def _place(first: Mapping[str, object]) -> dict[str, object]:
    return {"channel": first["channel"], "ts": first["ts"]}


def _quoted(code: str) -> str:
    return f'Slack says "{cut(code, 100)}"'


def _answer(body: bytes) -> Mapping[str, Any]:
    try:
        answer = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return {}
    return answer if isinstance(answer, Mapping) else {}


def _plain(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
