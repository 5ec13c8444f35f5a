"""Ayrshare: one webhook for what became of a scheduled post, with a list of successes and a list of errors.

Its errors may name no network, and are then the post's. It sends nothing about posts that were published at once.
Whether its signature is written in hex or in base64 is not said: both are taken, and so is the second header under
which it signs with the old secret during a rotation. It retries a post once. In its history the time of a post is a
table, and is to become a text.
"""

from __future__ import annotations

from tracker.domain.posts.event import State
from tracker.providers.call import Call
from tracker.providers.mapping.fields import assumed, documented
from tracker.providers.signature import Scheme
from tracker.providers.spec import ProviderSpec

RESULTS = {
    "post": documented("id"),
    "status": documented("status"),
    "succeeded": documented("postIds"),
    "failed": documented("errors"),
    "target_platform": documented("platform"),
    "target_status": documented("status"),
    "target_url": documented("postUrl"),
    "target_error_code": documented("code"),
    "target_error_message": documented("message"),
    "target_error_retryable": assumed("retryAvailable"),
    "error_message": assumed("message"),
}

PLACES = RESULTS | {
    "event": documented("action"),
    "delivery": documented("hookId"),
    "occurred_at": documented("created"),
    "scheduled_at": assumed("scheduleDate"),
}

ANSWERS = RESULTS | {
    "items": documented("history"),
    "text": assumed("post"),
    "media": assumed("mediaUrls"),
    "scheduled_at": documented("scheduleDate.utc|scheduleDate"),
}

STATUSES = {
    "awaiting approval": State.AWAITING_APPROVAL,
    "paused": State.DRAFT,
    "pending": State.SCHEDULED,
    "processing": State.PUBLISHING,
    "success": State.PUBLISHED,
    "error": State.FAILED,
    "deleted": State.REMOVED,
}

KIND = ProviderSpec(
    name="ayrshare",
    title="Ayrshare",
    scheme=Scheme(
        headers=("x-authorization-content-sha256", "x-authorization-content-sha256-v2"),
        encoding="either",
        timestamp_header="x-authorization-timestamp",
    ),
    doubts="hex or base64, and the second header",
    delivery=assumed("x-ayrshare-delivery-id"),
    about_posts=("scheduled",),
    places=PLACES,
    lists=assumed("whole"),
    answer_lists=assumed("whole"),
    ends=("scheduled",),
    answers=ANSWERS,
    documented_statuses=STATUSES,
    calls={
        "get": Call("GET /post/{post}", documented=True),
        "list": Call("GET /history?limit={limit}", documented=True),
        "retry": Call('PUT /post/retry {"id": "{post}"}', documented=True),
        "reschedule": Call('PATCH /post {"id": "{post}", "scheduleDate": "{at}"}', documented=True),
        "delete": Call('DELETE /post {"id": "{post}"}', documented=True),
    },
    auth=documented("Authorization: Bearer {key}"),
)
