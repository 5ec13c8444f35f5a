"""Ayrshare: one webhook about the result of a scheduled post, none about a post that is published at once.

Documented: action, status, postIds, errors; `error` is what a mixed result is called. Unconfirmed: that the hash is
written in hex, and that `hookId` stands in this action, for the printed example has none.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha1
from typing import TYPE_CHECKING

import msgspec

from tracker.domain.posts.event import State
from tracker.simulator.dialects.dialect import Dialect, Happened, WebhookBody, over_body, platform_id

if TYPE_CHECKING:
    from tracker.domain.posts.event import Problem
    from tracker.simulator.story import Target

ACTION = "scheduled"
PASSING = frozenset({408, 425, 429})
CODES = {
    "timeout": 504,
    "rate_limited": 429,
    "platform_unavailable": 503,
    "auth_expired": 161,
    "media_rejected": 138,
    "duplicate_content": 137,
}


def _tell(happened: Happened) -> list[WebhookBody]:
    by_itself = happened.scheduled_at is None and happened.attempt == 1
    if by_itself or not happened.over or not happened.results:
        return []
    good = happened.state is State.PUBLISHED
    body = {
        "action": ACTION,
        "created": _seconds(happened.at),
        "code": 200 if good else 400,
        "refId": sha1(happened.post.encode(), usedforsecurity=False).hexdigest(),
        "status": "success" if good else "error",
        "id": happened.post,
        "errors": [_error(target.platform, target.problem) for target in happened.targets if target.problem],
        "postIds": [_success(target) for target in happened.targets if target.state is State.PUBLISHED],
        "hookId": happened.id,
    }
    return [WebhookBody(ACTION, msgspec.json.encode(body), happened.id)]


def _success(target: Target) -> dict[str, object]:
    return {"postUrl": target.url, "platform": target.platform, "status": "success", "id": platform_id(target)}


def _error(platform: str, problem: Problem) -> dict[str, object]:
    return {
        "action": "post",
        "status": "error",
        "code": CODES[problem.code],
        "message": problem.message,
        "platform": platform,
        "retryAvailable": bool(problem.retryable),
    }


def _seconds(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


AYRSHARE = Dialect(
    "ayrshare", (ACTION,), _tell, over_body("X-Authorization-Content-SHA256", time_header="X-Authorization-Timestamp"),
    "X-Ayrshare-Delivery-Id", (timedelta(seconds=5), timedelta(seconds=30)), timedelta(seconds=10),
    final=frozenset(range(400, 500)) - PASSING,
)  # fmt: skip
