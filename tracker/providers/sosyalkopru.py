"""Sosyal Köprü: what its guide documents, and, marked as such, what we assume where the guide is silent."""

from __future__ import annotations

from tracker.domain.event import State
from tracker.providers.kind import Call, Kind
from tracker.providers.signature import Scheme
from tracker.providers.vocabulary import assumed, documented

PLACES = {
    "event": documented("event", "the event's name"),
    "occurred_at": documented("timestamp", "when it happened"),
    "post": documented("data.postId", "the post's id"),
    "status": documented("data.status", "the post's status"),
    "targets": documented("data.platforms", "the list of its targets"),
    "target_platform": documented("platform", "a target's platform"),
    "target_status": documented("status", "a target's status"),
    "target_url": documented("platformPostUrl", "where a target was published"),
    "target_account": assumed("accountId", "a target's account"),
    "target_error_code": assumed("error.code", "why a target failed"),
    "target_error_message": assumed("error.message", "the same, for people"),
    "target_error_retryable": assumed("error.retryable", "whether another try can help a target"),
    "error_code": assumed("data.error.code", "why the post failed"),
    "error_message": assumed("data.error.message", "the same, for people"),
    "error_retryable": assumed("data.error.retryable", "whether another try can help"),
    "scheduled_at": assumed("data.scheduledAt", "when the post is to be published"),
    "attempt": assumed("data.attempt", "the number of the attempt, from 1"),
}

DOCUMENTED_STATUSES = {"PUBLISHED": State.PUBLISHED}
ASSUMED_STATUSES = {
    "DRAFT": State.DRAFT,
    "AWAITING_APPROVAL": State.AWAITING_APPROVAL,
    "PENDING_APPROVAL": State.AWAITING_APPROVAL,
    "SCHEDULED": State.SCHEDULED,
    "QUEUED": State.SCHEDULED,
    "PENDING": State.SCHEDULED,
    "PUBLISHING": State.PUBLISHING,
    "PROCESSING": State.PUBLISHING,
    "RETRYING": State.RETRYING,
    "PARTIAL": State.PARTIAL,
    "PARTIALLY_PUBLISHED": State.PARTIAL,
    "FAILED": State.FAILED,
    "CANCELLED": State.CANCELLED,
    "CANCELED": State.CANCELLED,
    "REMOVED": State.REMOVED,
    "DELETED": State.REMOVED,
}

DOCUMENTED_EVENTS = {
    f"post.{state}": state for state in (State.SCHEDULED, State.PUBLISHING, State.PUBLISHED, State.FAILED)
}
ASSUMED_EVENTS = {f"post.{state}": state for state in State if state is not State.UNKNOWN} | {
    "post.canceled": State.CANCELLED,
    "post.deleted": State.REMOVED,
}

ANSWERS = {
    "item": documented("data", "what an answer is about"),
    "items": assumed("data.posts", "the list of posts"),
    "next": assumed("data.nextCursor", "where the list goes on"),
    "post": documented("id", "the post's id"),
    "updated_at": assumed("updatedAt", "when the post last changed"),
    "status": assumed("status", "the post's status"),
    "targets": assumed("platforms", "the list of its targets"),
    "error_code": assumed("error.code", "why the post failed"),
    "error_message": assumed("error.message", "the same, for people"),
    "error_retryable": assumed("error.retryable", "whether another try can help"),
    "scheduled_at": assumed("scheduledAt", "when the post is to be published"),
    "attempt": assumed("attempt", "the number of the attempt, from 1"),
    "webhooks": assumed("data", "the list of webhooks"),
    "credits": documented("data.apiKey.creditBalance", "the credits that are left"),
    "plan": documented("data.apiKey.planTier", "what was bought"),
    "requests": documented("data.currentMonth.requests", "calls in this month"),
    "credits_used": documented("data.currentMonth.creditsUsed", "credits that were used in it"),
    "period_end": documented("data.currentMonth.periodEnd", "when it ends"),
} | {name: place for name, place in PLACES.items() if name.startswith("target_")}

WEBHOOK_EVENTS = ("post.scheduled", "post.publishing", "post.published", "post.failed", "post.updated")

POST = {
    "platforms": documented("platforms", "where it is to be published"),
    "text": documented("content.text", "what it says"),
    "accounts": documented("accountIds", "the accounts that publish it"),
    "scheduled_at": assumed("scheduling.scheduledAt", "when; the guide names scheduling, and nothing in it"),
}

CALLS = {
    "create": Call("POST /posts", documented=True),
    "get": Call("GET /posts/{post}", documented=False),
    "list": Call("GET /posts?updatedSince={since}&cursor={cursor}&limit={limit}", documented=False),
    "retry": Call("POST /posts/{post}/retry", documented=False),
    "usage": Call("GET /usage", documented=True),
    "register": Call("POST /webhooks", documented=True),
    "webhooks": Call("GET /webhooks", documented=False),
    "test": Call("POST /webhooks/{webhook}/test", documented=True),
    "delete": Call("DELETE /webhooks/{webhook}", documented=False),
}
"""Where the guide shows no such call and the provider has none, an operator sets it to an empty text."""

KIND = Kind(
    name="sosyalkopru",
    scheme=Scheme(headers=("x-sosyalkopru-signature",), prefix="sha256="),
    delivery="x-sosyalkopru-delivery",
    places=PLACES,
    answers=ANSWERS,
    documented_statuses=DOCUMENTED_STATUSES,
    assumed_statuses=ASSUMED_STATUSES,
    documented_events=DOCUMENTED_EVENTS,
    assumed_events=ASSUMED_EVENTS,
    calls=CALLS,
    webhook_events=WEBHOOK_EVENTS,
    post=POST,
)
