"""The provider's language: envelopes, times, webhook bodies and their signature.

What its guide shows is written as it is shown there. Assumed, because the guide does not show it: `error` on
failures, `scheduledAt` in post.scheduled, PARTIAL, everything about reading or retrying a post, and every answer
that is a refusal.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from tracker.errors import Rejected

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracker.domain.posts.event import Problem, State
    from tracker.simulator.story import Target

EVENTS = ("post.scheduled", "post.publishing", "post.published", "post.failed", "post.updated")
SIGNATURE = "X-SosyalKopru-Signature"
DELIVERY = "X-SosyalKopru-Delivery"


@dataclass(frozen=True, slots=True)
class Request:
    """A call of the API; header names are lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API says to a call."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Refusal(Rejected):
    """The provider says no, with this HTTP status and these headers."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(code, message)
        self.status, self.headers = status, headers or {}


def done(data: object, status: int = 200) -> Answer:
    """The envelope of success."""
    return Answer(status, msgspec.json.encode({"success": True, "data": data}))


def refused(refusal: Refusal) -> Answer:
    """The envelope of a refusal (assumed)."""
    error = {"code": refusal.code, "message": str(refusal)}
    return Answer(refusal.status, msgspec.json.encode({"success": False, "error": error}), refusal.headers)


def in_milliseconds(moment: datetime) -> datetime:
    """The moment as the provider keeps it, and as `stamp` writes it."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def stamp(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def event_body(event: str, moment: datetime, data: Mapping[str, object]) -> bytes:
    """The raw body of a webhook, to be signed and sent as it is."""
    return msgspec.json.encode({"event": event, "timestamp": stamp(moment), "data": data})


def sign(secret: str, body: bytes) -> str:
    """The signature header's value."""
    return "sha256=" + hmac.new(secret.encode(), body, sha256).hexdigest()


def outcome(status: State, targets: tuple[Target, ...], problem: Problem | None) -> dict[str, object]:
    """Status, platforms and error, alike in webhooks and in answers about a post."""
    return {"status": status.upper(), "platforms": [_platform(target) for target in targets]} | _error(problem)


def _platform(target: Target) -> dict[str, object]:
    shown = {"platform": target.platform, "status": target.state.upper(), "platformPostUrl": target.url}
    return shown | _error(target.problem)


def _error(problem: Problem | None) -> dict[str, object]:
    if problem is None:
        return {}
    return {"error": {"code": problem.code, "message": problem.message, "retryable": problem.retryable}}
