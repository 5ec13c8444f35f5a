"""Mixpost: bodies as PHP writes JSON, times without a zone, and post.published when one or more have succeeded.

As implementers have seen it: events, envelope, signature. Assumed: `external_url` and `errors` of an account.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zlib import crc32

from tracker.domain.posts.event import State
from tracker.simulator.dialects.dialect import Dialect, Happened, WebhookBody, account, over_body

if TYPE_CHECKING:
    from tracker.simulator.story import Target

SCHEDULED, PUBLISHED, FAILED = "post.scheduled", "post.published", "post.publishing_failed"


def _tell(happened: Happened) -> list[WebhookBody]:
    if happened.event == SCHEDULED:
        return [_say(happened, SCHEDULED, "scheduled")]
    if not happened.over or not happened.results:
        return []
    failed = happened.state is State.FAILED
    named = happened.called_failed and happened.state is not State.PARTIAL
    return [_say(happened, FAILED if named else PUBLISHED, "failed" if failed else "published")]


def _say(happened: Happened, event: str, status: str) -> WebhookBody:
    data = {
        "id": crc32(happened.post.encode()),
        "uuid": happened.post,
        "status": status,
        "accounts": [_account(target) for target in happened.targets],
        "versions": [{"is_original": True, "content": [{"body": happened.text}]}],
        "tags": [],
        "scheduled_at": _plain(happened.scheduled_at),
        "published_at": None if status == "scheduled" else _plain(happened.at),
        "created_at": _plain(happened.created_at),
        "trashed": False,
    }
    return WebhookBody(event, as_php({"event": event, "data": data}))


def _account(target: Target) -> dict[str, object]:
    return {
        "uuid": account(target),
        "provider": target.platform,
        "username": account(target),
        "external_url": target.url,
        "errors": [target.problem.message] if target.problem else None,
    }


def _plain(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if moment else None


def as_php(value: object) -> bytes:
    """JSON as PHP's json_encode writes it: every slash and every letter beyond ASCII is escaped."""
    return json.dumps(value, separators=(",", ":")).replace("/", "\\/").encode()


MIXPOST = Dialect("mixpost", (SCHEDULED, PUBLISHED, FAILED), _tell, over_body("X-Signature"))
