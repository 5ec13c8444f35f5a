"""Alerts: what each says to people, cut to what a message holds, and how one is brought to its channel."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from tracker.act.performers.http_delivery import call, not_configured, post_json
from tracker.domain.actions import Done, Exchange
from tracker.domain.payloads import AlertPayload, SendPayload
from tracker.errors import cut, printable
from tracker.runtime.logger import Logger

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from tracker.act.performers.subscribed import SubscribedEndpoints
    from tracker.domain.actions import Claimed, Outcome
    from tracker.domain.payloads import Companion
    from tracker.domain.runs.acknowledgement import Links
    from tracker.errors import Misconfigured
    from tracker.outbound.client import Outbound
    from tracker.settings import Endpoint, WebhookChannel


LONGEST_TITLE = 200
LONGEST_BODY = 3000
OTHERS_SHOWN = 20
GAP = "\N{ZERO WIDTH SPACE}"
_LIVE = re.compile(r"(@(?=\S)|<(?=\S)|\](?=\s*[(\[:])|!(?=\[)|&(?=#|[A-Za-z]+;))")
"""Where something begins that is more than text: @everyone, <@1>, <b>, [a](b), [a]: b, ![a](b), &lt;."""
FACTS = ("severity", "rule", "provider", "post", "target")


def title_of(said: AlertPayload | Companion) -> str:
    """The title on one line, without a letter that cannot be shown."""
    text = printable(said.title or "", " ")
    return cut(" ".join(text.split()), LONGEST_TITLE) or "alert"


def body_of(said: AlertPayload) -> str:
    """The body, a line for each of the first alerts that travel along, whom and what to turn to, and the link."""
    body = printable(said.body, "", "\n\t")
    about = " · ".join(f"{name}: {text}" for name, text in (("owner", said.owner), ("runbook", said.runbook)) if text)
    link = f"acknowledge: {said.acknowledge}" if said.acknowledge else ""
    return "\n".join(line for line in (cut(body, LONGEST_BODY), *_company(said), about, link) if line)


def message_of(claimed: Claimed, sent: SendPayload) -> AlertPayload:
    """What a `send` says to the people on a channel: its text, headed by the first line, or else what it tells.

    A system that takes it as data gets the event's name and its data besides.
    """
    text = (sent.text or "").strip()
    title, _, body = text.partition("\n") if text else (sent.event, "", "\n".join(_lines(sent.data)))
    whole = body if len(title) <= LONGEST_TITLE else text
    return AlertPayload(
        title=title.lstrip("# "), body=whole.strip(), event=sent.event, data=sent.data, rule=claimed.rule or "",
        provider=claimed.provider, post=claimed.post,
    )  # fmt: skip


def _lines(data: object, above: str = "") -> Iterator[str]:
    """A line for each value; lists of whole things are for systems."""
    for name, value in data.items() if isinstance(data, Mapping) else ():
        if isinstance(value, Mapping):
            yield from _lines(value, f"{above}{name}.")
        elif isinstance(value, list):
            if value and all(isinstance(one, str) for one in value):
                yield f"{above}{name}: {', '.join(value)}"
        elif value not in (None, ""):
            yield f"{above}{name}: {value}"


def facts_of(said: AlertPayload) -> str:
    """A line for each thing that is known beside the text."""
    return "\n".join(f"{name}: {value}" for name in FACTS if (value := getattr(said, name)))


def inert(text: str) -> str:
    """The text with nothing in it that a service could take for a mention, a tag, or a link with words of its own.

    Where one would begin stands a space of no width, which nobody sees: for services whose marks we cannot know.
    """
    return _LIVE.sub(f"\\1{GAP}", text)


def follows(claimed: Claimed) -> bool:
    """Whether this follows an alert whose message is known: its end, a correction or a repetition."""
    return claimed.reference is not None and (ends(claimed.alert) or bool(claimed.alert.again))


def ends(said: AlertPayload) -> bool:
    """Whether what an earlier message told is over, or never was so."""
    return bool(said.resolved or said.correction)


def _company(said: AlertPayload) -> list[str]:
    if not (others := said.others):
        return []
    shown = [f"- {title_of(other)}{_which(other)}" for other in others[:OTHERS_SHOWN]]
    more = [f"- and {len(others) - OTHERS_SHOWN} more"] if len(others) > OTHERS_SHOWN else []
    return [f"Together with {len(others)} {'other' if len(others) == 1 else 'others'}:", *shown, *more]


def _which(other: Companion) -> str:
    return f" ({other.post})" if other.post and other.post not in title_of(other) else ""


log = Logger(__name__)

LOGGED = (
    "title", "body", "severity", "rule", "provider", "post", "target", "resolved", "correction", "again", "owner",
    "runbook",
)  # fmt: skip
SENT = ("title", "body", "severity", "event", "data")


class AlertChannel(Protocol):
    """A channel by which people get alerts."""

    async def send_alert(self, claimed: Claimed, now: datetime) -> Outcome:
        """Tell the alert once."""


@dataclass(frozen=True, slots=True)
class Alert:
    """Performs `alert` for the configured channels."""

    ways: Mapping[str, AlertChannel]
    links: Links
    left_out: Mapping[str, Sequence[Misconfigured]] = field(default_factory=dict)

    async def perform(self, claimed: Claimed, now: datetime) -> Outcome:
        """Raise the alert once, in the way of its channel."""
        way = self.ways.get(claimed.target)
        if way is None:
            return not_configured((f"channels.{claimed.target}",), self.left_out)
        if claimed.alert.acknowledge is UNSET:
            return await way.send_alert(claimed, now)
        link = self.links.link(claimed.id, claimed.created_at)
        told = replace(claimed.alert, acknowledge=link)
        return _without(link, await way.send_alert(replace(claimed, payload=told), now))


def _without(link: str, outcome: Outcome) -> Outcome:
    """The outcome without the link: whoever may read what went out may not yet acknowledge it."""
    kept = msgspec.json.encode(outcome.exchange).replace(link.encode(), b"[link]")
    return replace(outcome, exchange=msgspec.json.decode(kept, type=Exchange))


@dataclass(frozen=True, slots=True)
class LogAlerts:
    """The channel that is our own log."""

    async def send_alert(self, claimed: Claimed, now: datetime) -> Outcome:
        """Write the alert as one line."""
        said = claimed.alert
        shown = {name: value for name in LOGGED if (value := getattr(said, name))}
        if said.others:
            shown["others"] = [other.title for other in said.others]
        log.warning("alert", channel=claimed.target, **shown)
        return Done(exchange=Exchange({"channel": claimed.target, **shown}))


@dataclass(frozen=True, slots=True)
class SignedWebhook:
    """The channel that is another system, which gets the alert as signed JSON."""

    channel: WebhookChannel
    outbound: Outbound

    async def send_alert(self, claimed: Claimed, now: datetime) -> Outcome:
        """Post `{"type": "alert", "timestamp", "data"}`, as `send` does; what was sent has the name of its event."""
        said = msgspec.to_builtins(claimed.alert)
        if claimed.alert.event:
            said = {name: value for name, value in said.items() if value or name in SENT}
        content = {"type": claimed.alert.event or "alert", "timestamp": claimed.created_at, "data": said}
        return await post_json(self.outbound, self.channel.url, self.channel.secrets, str(claimed.id), content, now)


@dataclass(frozen=True, slots=True)
class Send:
    """Performs `send` for the configured endpoints, and for the channels that are not called as one of those."""

    endpoints: Mapping[str, Endpoint]
    ways: Mapping[str, AlertChannel]
    outbound: Outbound
    left_out: Mapping[str, Sequence[Misconfigured]] = field(default_factory=dict)
    subscribed: SubscribedEndpoints | None = None

    async def perform(self, claimed: Claimed, now: datetime) -> Outcome:
        """Send once to the endpoint or channel that `claimed.target` names."""
        sent = claimed.payload
        if not isinstance(sent, SendPayload):
            raise TypeError(f"this {claimed.verb} does not say what a message says")
        if endpoint := self.endpoints.get(claimed.target):
            return await self._post(endpoint, claimed, sent, now)
        if way := self.ways.get(claimed.target):
            return await way.send_alert(replace(claimed, payload=message_of(claimed, sent)), now)
        if self.subscribed and (made := await self.subscribed.find(claimed.target)):
            return await self._post(made, claimed, sent, now)
        return not_configured((f"endpoints.{claimed.target}", f"channels.{claimed.target}"), self.left_out)

    async def _post(self, endpoint: Endpoint, claimed: Claimed, sent: SendPayload, now: datetime) -> Outcome:
        """Post `{"type", "timestamp", "data"}`, or make its own call; every attempt says the time of the action."""
        text = {} if sent.text is UNSET else {"text": sent.text}
        data = {**text, **sent.data} if text and isinstance(sent.data, dict) else sent.data
        content = {"type": sent.event, "timestamp": claimed.created_at, "data": data}
        if endpoint.call.get_secret_value():
            values = {"data": data, "event": sent.event, "id": str(claimed.id), "post": claimed.post, **text}
            values |= {"provider": claimed.provider, "rule": claimed.rule}
            return await call(self.outbound, endpoint, values, content, now)
        return await post_json(self.outbound, endpoint.url, endpoint.secrets, str(claimed.id), content, now)
