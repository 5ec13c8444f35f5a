"""The HTTP server as this process runs it: what comes in is bounded and judged before anybody else reads it."""

from tracker.runtime.http_server.bounds import Bounds, Limits, connections_within
from tracker.runtime.http_server.connection import Server, bound, claimed, configured, listening, until_over
from tracker.runtime.http_server.server_state import Front, Proxies
from tracker.runtime.http_server.uvicorn_protocol import asked_from, vouch_for

__all__ = [
    "Bounds",
    "Front",
    "Limits",
    "Proxies",
    "Server",
    "asked_from",
    "bound",
    "claimed",
    "configured",
    "connections_within",
    "listening",
    "until_over",
    "vouch_for",
]
