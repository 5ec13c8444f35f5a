"""Zernio, formerly Late: its post's own status counts, and each platform of it is told of."""

from __future__ import annotations

from tracker.domain.event import State
from tracker.providers.kind import Call, Kind
from tracker.providers.signature import Scheme
from tracker.providers.vocabulary import NOWHERE, assumed, documented

TARGETS = {
    "target_platform": documented("platform", "a target's platform"),
    "target_account": documented("accountId", "a target's account"),
    "target_status": documented("status", "a target's status"),
    "target_url": assumed("publishedUrl", "where a target was published"),
    "target_error_code": documented("errorCategory", "why a target failed"),
    "target_error_message": documented("errorMessage", "the same, for people"),
}

PLACES = NOWHERE | TARGETS | {
    "event": documented("event", "the event's name"),
    "occurred_at": documented("timestamp", "when it happened"),
    "post": documented("post.id", "the post's id"),
    "status": documented("post.status", "the post's status"),
    "targets": documented("post.platforms", "the list of its targets"),
    "scheduled_at": documented("post.scheduledFor", "when the post is to be published"),
}  # fmt: skip

ANSWERS = NOWHERE | TARGETS | {
    "item": assumed("post", "what an answer is about"),
    "items": assumed("posts", "the list of posts"),
    "post": assumed("_id", "the post's id"),
    "updated_at": assumed("updatedAt", "when the post last changed"),
    "status": documented("status", "the post's status"),
    "targets": documented("platforms", "the list of its targets"),
    "scheduled_at": assumed("scheduledFor", "when the post is to be published"),
}  # fmt: skip

STATUSES = {
    "DRAFT": State.DRAFT,
    "SCHEDULED": State.SCHEDULED,
    "PENDING": State.SCHEDULED,
    "PROCESSING": State.PUBLISHING,
    "UPLOADING": State.PUBLISHING,
    "PUBLISHING": State.PUBLISHING,
    "PUBLISHED": State.PUBLISHED,
    "PARTIAL": State.PARTIAL,
    "FAILED": State.FAILED,
    "CANCELLED": State.CANCELLED,
}

EVENTS = {
    f"post.{state}": state for state in (State.SCHEDULED, State.PUBLISHED, State.FAILED, State.PARTIAL, State.CANCELLED)
}

KIND = Kind(
    name="zernio",
    scheme=Scheme(headers=("x-zernio-signature", "x-late-signature")),
    delivery="x-zernio-event-id",
    places=PLACES,
    answers=ANSWERS,
    documented_statuses=STATUSES,
    assumed_statuses={},
    documented_events=EVENTS,
    assumed_events={},
    calls={
        "get": Call("GET /posts/{post}", documented=True),
        "retry": Call("POST /posts/{post}/retry", documented=True),
    },
)
