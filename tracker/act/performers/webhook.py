"""`send`: a message to an endpoint, as Standard Webhooks, or to the people on a channel; the same on every attempt."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from msgspec import UNSET

from tracker.act.performers.alert_text import message_of
from tracker.act.performers.http_delivery import not_configured, post_json
from tracker.domain.payloads import SendPayload

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from tracker.act.performers.notify import AlertChannel
    from tracker.domain.actions import Claimed, Outcome
    from tracker.errors import Misconfigured
    from tracker.outbound.client import Outbound
    from tracker.settings import Endpoint


@dataclass(frozen=True, slots=True)
class Send:
    """Performs `send` for the configured endpoints, and for the channels that are not called as one of those."""

    endpoints: Mapping[str, Endpoint]
    ways: Mapping[str, AlertChannel]
    outbound: Outbound
    left_out: Mapping[str, Sequence[Misconfigured]] = field(default_factory=dict)

    async def perform(self, claimed: Claimed, now: datetime) -> Outcome:
        """Say it once, in the way of whoever bears the name."""
        sent = claimed.payload
        if not isinstance(sent, SendPayload):
            raise TypeError(f"this {claimed.verb} does not say what a message says")
        if endpoint := self.endpoints.get(claimed.target):
            return await self._post(endpoint, claimed, sent, now)
        if way := self.ways.get(claimed.target):
            return await way.send_alert(replace(claimed, payload=message_of(claimed, sent)), now)
        return not_configured((f"endpoints.{claimed.target}", f"channels.{claimed.target}"), self.left_out)

    async def _post(self, endpoint: Endpoint, claimed: Claimed, sent: SendPayload, now: datetime) -> Outcome:
        """Post `{"type", "timestamp", "data"}`; the time is the action's, so that every attempt says the same."""
        text = {} if sent.text is UNSET else {"text": sent.text}
        data = {**text, **sent.data} if isinstance(sent.data, dict) else sent.data
        content = {"type": sent.event, "timestamp": claimed.created_at, "data": data}
        return await post_json(self.outbound, endpoint.url, endpoint.secrets, str(claimed.id), content, now)
