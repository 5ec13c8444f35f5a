"""The front of the server as the settings describe it: what strangers may take up, and who takes plain webhooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracker.api.webhooks import PREFIX, Directly
from tracker.runtime.http_server import Bounds, Front, Limits, Proxies, connections_within

if TYPE_CHECKING:
    from tracker.receive.receiver import Receiver
    from tracker.settings import Settings

DESCRIPTORS = 100
"""For the log, the embedded Postgres, the event loop and what else is open in any case."""


def front_of(settings: Settings, receiver: Receiver | None) -> Front:
    """What the connections share, by the settings; raises Misconfigured for limits that contradict one another."""
    server = settings.server
    if server.max_waiting_bytes < server.max_body:
        raise settings.fault("server.max_waiting_bytes", "is less than max_body: no body of that size could ever wait")
    directly = Directly(receiver, server.max_body) if receiver else None
    proxies = Proxies.named(server.trusted_proxies)
    return Front(Bounds(_limits(settings)), proxies, directly, PREFIX)


def _limits(settings: Settings) -> Limits:
    """With descriptors kept back for what the process itself may open."""
    server = settings.server
    reserve = DESCRIPTORS + settings.database.pool + settings.engine.actions
    return Limits(
        connections=connections_within(server.max_connections, reserve),
        per_address=server.max_connections_per_address,
        waiting_bytes=server.max_waiting_bytes,
        largest=server.max_body,
        header=server.header_timeout.total_seconds(),
        body=server.body_timeout.total_seconds(),
        idle=server.idle_timeout.total_seconds(),
    )
