"""What is remembered of an exchange: enough to see what went wrong, short, and without secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracker.domain.actions import Exchange
from tracker.outbound.web_address import OutboundError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tracker.outbound.client import Answer

SHOWN_BODY = 2000
SHOWN_HEADERS = ("content-type", "retry-after", "location", "x-request-id", "date")


def exchange(request: Mapping[str, object], result: Answer | OutboundError, hidden: Sequence[str] = ()) -> Exchange:
    """The record of one attempt; `request` is fit to be shown, `hidden` is blacked out in the answer."""
    if isinstance(result, OutboundError):
        response: dict[str, object] = {
            "reason": str(result.reason),
            "detail": shown(result.detail, hidden),
            "sent": result.sent,
        }
        return Exchange(request, response | ({"status": result.status} if result.status else {}))
    headers = {name: shown(result.headers[name], hidden) for name in SHOWN_HEADERS if name in result.headers}
    body = shown(result.body[: SHOWN_BODY * 4].decode("utf-8", "replace"), hidden)
    return Exchange(
        request, {"status": result.status, "headers": headers, "body": body, "latency_ms": result.latency_ms}
    )


def shown(text: str, hidden: Sequence[str]) -> str:
    """`text` cut short, with every secret blacked out and nothing that Postgres could not keep."""
    for secret in hidden:
        text = text.replace(secret, "•••") if secret else text
    return text.replace("\x00", "\ufffd")[:SHOWN_BODY]
