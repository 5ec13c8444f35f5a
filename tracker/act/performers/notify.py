"""`alert` and `send`: tell people on a channel, or a message to an endpoint."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from tracker.act.performers.alert_text import message_of
from tracker.act.performers.http_delivery import call, not_configured, post_json
from tracker.domain.actions import Done, Exchange
from tracker.domain.payloads import SendPayload
from tracker.runtime.logger import Logger

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from tracker.domain.actions import Claimed, Outcome
    from tracker.domain.runs.acknowledgement import Links
    from tracker.errors import Misconfigured
    from tracker.outbound.client import Outbound
    from tracker.settings import Endpoint, WebhookChannel

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

    async def perform(self, claimed: Claimed, now: datetime) -> Outcome:
        """Send once to the endpoint or channel that `claimed.target` names."""
        sent = claimed.payload
        if not isinstance(sent, SendPayload):
            raise TypeError(f"this {claimed.verb} does not say what a message says")
        if endpoint := self.endpoints.get(claimed.target):
            return await self._post(endpoint, claimed, sent, now)
        if way := self.ways.get(claimed.target):
            return await way.send_alert(replace(claimed, payload=message_of(claimed, sent)), now)
        return not_configured((f"endpoints.{claimed.target}", f"channels.{claimed.target}"), self.left_out)

    async def _post(self, endpoint: Endpoint, claimed: Claimed, sent: SendPayload, now: datetime) -> Outcome:
        """Post `{"type", "timestamp", "data"}`, or make its own call; every attempt says the time of the action."""
        text = {} if sent.text is UNSET else {"text": sent.text}
        data = {**text, **sent.data} if isinstance(sent.data, dict) else sent.data
        content = {"type": sent.event, "timestamp": claimed.created_at, "data": data}
        if endpoint.call.get_secret_value():
            values = {"data": data, "event": sent.event, "id": str(claimed.id), "post": claimed.post, **text}
            values |= {"provider": claimed.provider, "rule": claimed.rule}
            return await call(self.outbound, endpoint, values, content, now)
        return await post_json(self.outbound, endpoint.url, endpoint.secrets, str(claimed.id), content, now)
