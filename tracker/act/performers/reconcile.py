"""`reconcile`: ask the provider how a post stands; the answer becomes a fact of the log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracker.act.performers.publisher import purpose_of, unanswered
from tracker.domain.actions import Discard, Done, Reason

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tracker.act.performers.publisher import Publisher
    from tracker.domain.actions import Claimed, Outcome


@dataclass(frozen=True, slots=True)
class Reconcile:
    """Performs `reconcile` for the configured providers."""

    clients: Mapping[str, Publisher]

    async def perform(self, claimed: Claimed, now: datetime) -> Outcome:
        """Ask once; what it learns stands in the outcome."""
        client = self.clients.get(claimed.provider)
        if client is None or claimed.post is None or not client.can("get"):
            return Discard(Reason.NOT_CONFIGURED, f"providers.{claimed.provider} has no call to ask about a post")
        reply = await client.on_behalf_of(purpose_of(claimed)).get_post(claimed.post)
        if reply.value is None:
            return unanswered(reply)
        return Done(f"the provider says {reply.value.state}", exchange=reply.exchange, learned=reply.value)
