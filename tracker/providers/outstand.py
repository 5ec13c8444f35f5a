"""Outstand: one webhook at the end, called published when at least one account has succeeded; its accounts tell.

Its documentation shows events and signature; what stands in `data` is known from those who use it. No call that asks
about a post has been seen.
"""

from __future__ import annotations

from tracker.domain.event import State
from tracker.providers.kind import Kind
from tracker.providers.place import assumed, documented
from tracker.providers.signature import Scheme

PLACES = {
    "event": documented("event"),
    "occurred_at": assumed("data.publishedAt"),
    "post": assumed("data.postId"),
    "targets": assumed("data.socialAccounts"),
    "target_platform": assumed("network"),
    "target_account": assumed("accountId"),
    "target_status": assumed("status"),
    "target_url": assumed("platformPostUrl"),
    "target_error_message": assumed("error"),
}

KIND = Kind(
    name="outstand",
    title="Outstand",
    scheme=Scheme(headers=("x-outstand-signature",), prefix="sha256=", optional=True),
    places=PLACES,
    assumed_statuses={"pending": State.PUBLISHING, "published": State.PUBLISHED, "failed": State.FAILED},
    documented_events={"post.published": State.PUBLISHED, "post.error": State.FAILED},
    auth=documented("Authorization: Bearer {key}"),
)
