"""Sosyal Köprü: what its guide documents, and, marked as such, what we assume where the guide is silent."""

from __future__ import annotations

from tracker.domain.accounts import AccountState
from tracker.domain.posts.event import State
from tracker.providers.call import Call
from tracker.providers.mapping.fields import assumed, documented
from tracker.providers.signature import Scheme
from tracker.providers.spec import ProviderSpec

SCHEME = Scheme(headers=("x-sosyalkopru-signature",), prefix="sha256=")

PLACES = {
    "event": documented("event"),
    "occurred_at": documented("timestamp"),
    "post": documented("data.postId"),
    "status": documented("data.status"),
    "targets": documented("data.platforms"),
    "target_platform": documented("platform"),
    "target_status": documented("status"),
    "target_url": documented("platformPostUrl"),
    "target_account": assumed("accountId"),
    "target_error_code": assumed("error.code"),
    "target_error_message": assumed("error.message"),
    "target_error_retryable": assumed("error.retryable"),
    "error_code": assumed("data.error.code"),
    "error_message": assumed("data.error.message"),
    "error_retryable": assumed("data.error.retryable"),
    "scheduled_at": assumed("data.scheduledAt"),
    "attempt": assumed("data.attempt"),
    "text": assumed("data.content.text"),
    "media": assumed("data.content.media"),
    "target_account_name": assumed("accountName"),
    "account": assumed("data.accountId"),
    "account_platform": assumed("data.platform"),
    "account_name": assumed("data.accountName"),
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

ACCOUNT_STATES = {
    "account.connected": AccountState.CONNECTED,
    "account.reconnected": AccountState.CONNECTED,
    "account.expired": AccountState.EXPIRED,
    "account.token_expired": AccountState.EXPIRED,
    "account.refresh_failed": AccountState.EXPIRED,
    "account.disconnected": AccountState.DISCONNECTED,
}

ANSWERS = {
    "item": documented("data"),
    "items": assumed("data.posts"),
    "next": assumed("data.nextCursor"),
    "post": documented("id"),
    "updated_at": assumed("updatedAt"),
    "status": assumed("status"),
    "targets": assumed("platforms"),
    "error_code": assumed("error.code"),
    "error_message": assumed("error.message"),
    "error_retryable": assumed("error.retryable"),
    "scheduled_at": assumed("scheduledAt"),
    "attempt": assumed("attempt"),
    "text": assumed("content.text"),
    "media": assumed("content.media"),
    "webhooks": assumed("data"),
    "credits": documented("data.apiKey.creditBalance"),
    "plan": documented("data.apiKey.planTier"),
    "requests": documented("data.currentMonth.requests"),
    "credits_used": documented("data.currentMonth.creditsUsed"),
    "period_end": documented("data.currentMonth.periodEnd"),
} | {name: assumed(place.path) for name, place in PLACES.items() if name.startswith("target_")}

WEBHOOK_EVENTS = ("post.scheduled", "post.publishing", "post.published", "post.failed", "post.updated")

POST = {
    "platforms": documented("platforms"),
    "text": documented("content.text"),
    "accounts": documented("accountIds"),
    "scheduled_at": assumed("scheduling.scheduledAt"),  # the guide names scheduling, and nothing in it
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
    "unregister": Call("DELETE /webhooks/{webhook}", documented=False),
}
"""Where the guide shows no such call and the provider has none, an operator sets it to an empty text."""

KIND = ProviderSpec(
    name="sosyalkopru",
    title="Sosyal Köprü",
    scheme=SCHEME,
    delivery=documented("x-sosyalkopru-delivery"),
    anywhere=True,
    places=PLACES,
    lists=assumed("whole"),
    answer_lists=assumed("whole"),
    answers=ANSWERS,
    documented_statuses=DOCUMENTED_STATUSES,
    assumed_statuses=ASSUMED_STATUSES,
    documented_events=DOCUMENTED_EVENTS,
    assumed_events=ASSUMED_EVENTS,
    assumed_account_states=ACCOUNT_STATES,
    calls=CALLS,
    auth=documented("Authorization: Bearer {key}"),
    webhook_events=WEBHOOK_EVENTS,
    post=POST,
)
