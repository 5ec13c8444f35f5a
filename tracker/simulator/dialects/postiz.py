"""Postiz: a bare array with one row, for each channel that was published; failures are never sent, and nothing twice.

Documented by its source: the row's fields, no signature, one request whose answer nobody reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tracker.domain.posts.event import State
from tracker.simulator.dialects.dialect import Dialect, Happened, WebhookBody, account, not_at_all
from tracker.simulator.wire import stamp

if TYPE_CHECKING:
    from tracker.simulator.story import Target

PUBLISHED = "published"
"""Our own name: Postiz has none."""


def row_id(post: str, target: Target) -> str:
    """Each channel has a row of its own."""
    return f"{post}-{target.platform}-{target.ordinal}"


def _tell(happened: Happened) -> list[WebhookBody]:
    good = [target for target in happened.results if target.state is State.PUBLISHED]
    return [WebhookBody(PUBLISHED, msgspec.json.encode([_row(happened, target)])) for target in good]


def _row(happened: Happened, target: Target) -> dict[str, object]:
    return {
        "id": row_id(happened.post, target),
        "content": happened.text,
        "publishDate": stamp(happened.scheduled_at or happened.created_at),
        "releaseURL": target.url,
        "state": "PUBLISHED",
        "integration": {
            "id": account(target),
            "name": account(target),
            "providerIdentifier": target.platform,
            "picture": None,
            "type": "social",
        },
    }


POSTIZ = Dialect("postiz", (PUBLISHED,), _tell, not_at_all(), ladder=())
