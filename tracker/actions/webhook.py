"""`send`: a message to an endpoint, as Standard Webhooks: the same id on every attempt, signed with every secret."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracker.actions.speaking import post_json
from tracker.domain.action import Discard, Reason

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tracker.domain.action import Claimed, Outcome
    from tracker.outbound import Outbound
    from tracker.settings import Endpoint


@dataclass(frozen=True, slots=True)
class Send:
    """Performs `send` for the configured endpoints."""

    endpoints: Mapping[str, Endpoint]
    outbound: Outbound

    async def perform(self, claimed: Claimed, now: datetime) -> Outcome:
        """Post `{"type", "timestamp", "data"}` once; the time is the action's, so that every attempt says the same."""
        endpoint = self.endpoints.get(claimed.target)
        if endpoint is None:
            return Discard(Reason.NOT_CONFIGURED, f"endpoints.{claimed.target} is not in the configuration")
        payload = claimed.payload
        content = {"type": payload["event"], "timestamp": claimed.created_at, "data": payload["data"]}
        return await post_json(self.outbound, endpoint.url, endpoint.secrets, str(claimed.id), content, now)
