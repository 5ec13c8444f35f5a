"""What all connections of one server share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from tracker.runtime.http_server.addresses import Proxies
from tracker.runtime.http_server.answers import Stamp
from tracker.runtime.http_server.bounds import Bounds, Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tracker.runtime.http_server.head import Head

    Answer = Callable[[int, bytes, Sequence[tuple[bytes, bytes]]], None]


class Direct(Protocol):
    """Who answers some requests without the usual server."""

    def fits(self, head: Head) -> bool:
        """Whether it takes the request, whose body comes by a known length."""

    def take(self, head: Head, body: bytes, answer: Answer) -> None:
        """Take it; `answer` is called once, now or later, with status, body and headers."""


@dataclass(frozen=True, slots=True)
class Front:
    """What all connections of a server share. `door` is how the targets begin whose errors are {"error": …}."""

    bounds: Bounds = field(default_factory=lambda: Bounds(Limits()))
    proxies: Proxies = field(default_factory=Proxies)
    direct: Direct | None = None
    door: bytes = b"/webhooks"
    stamp: Stamp = field(default_factory=Stamp)
