"""`alert`: tell people, on a channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from tracker.actions.speaking import post_json
from tracker.domain.action import Discard, Done, Exchange, Reason

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tracker.domain.action import Claimed, Outcome
    from tracker.outbound import Outbound
    from tracker.settings import Channel

log = structlog.get_logger(__name__)

LOGGED = ("title", "body", "severity", "rule", "provider", "post", "target", "resolved")
LONGEST_SLACK_TEXT = 3000


@dataclass(frozen=True, slots=True)
class Alert:
    """Performs `alert` for the configured channels."""

    channels: Mapping[str, Channel]
    outbound: Outbound

    async def perform(self, claimed: Claimed, now: datetime) -> Outcome:
        """Raise the alert once, in the way of its channel."""
        channel = self.channels.get(claimed.target)
        if channel is None:
            return Discard(Reason.NOT_CONFIGURED, f"channels.{claimed.target} is not in the configuration")
        said = claimed.payload
        if channel.kind == "log":
            shown = {name: said[name] for name in LOGGED if said.get(name)}
            log.warning("alert", channel=claimed.target, **shown)
            return Done(exchange=Exchange({"channel": claimed.target, **shown}))
        plain = {"type": "alert", "timestamp": claimed.created_at, "data": said}
        content = slack_text(said) if channel.kind == "slack" else plain
        return await post_json(self.outbound, channel.url, channel.secrets, str(claimed.id), content, now)


def slack_text(said: Mapping[str, object]) -> dict[str, str]:
    """Title and body as Slack shows them; what stands in them is text and mentions nobody."""
    text = f"*{_plain(said.get('title'))}*\n{_plain(said.get('body'))}".strip()
    return {"text": text[:LONGEST_SLACK_TEXT]}


def _plain(text: object) -> str:
    return str(text or "").replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
