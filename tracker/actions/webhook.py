"""`send`: a message to an endpoint, as Standard Webhooks: the same id on every attempt, signed with every secret."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tracker.actions.speaking import not_configured, post_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from tracker.domain.action import Claimed, Outcome
    from tracker.errors import Misconfigured
    from tracker.outbound import Outbound
    from tracker.settings import Endpoint


@dataclass(frozen=True, slots=True)
class Send:
    """Performs `send` for the configured endpoints."""

    endpoints: Mapping[str, Endpoint]
    outbound: Outbound
    left_out: Mapping[str, Sequence[Misconfigured]] = field(default_factory=dict)

    async def perform(self, claimed: Claimed, now: datetime) -> Outcome:
        """Post `{"type", "timestamp", "data"}` once; the time is the action's, so that every attempt says the same."""
        endpoint = self.endpoints.get(claimed.target)
        if endpoint is None:
            return not_configured(f"endpoints.{claimed.target}", self.left_out)
        payload = claimed.payload
        content = {"type": payload["event"], "timestamp": claimed.created_at, "data": payload["data"]}
        return await post_json(self.outbound, endpoint.url, endpoint.secrets, str(claimed.id), content, now)
