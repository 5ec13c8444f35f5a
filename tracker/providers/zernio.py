"""Zernio, formerly Late: a webhook for the post, one for each platform that ends, and one for what it finds there.

Its documentation shows the bodies, but not all by which a post or an account is recognised. What it finds on a platform
is live there, also when it hears of it first by an update. An older name of its header is taken too, and a secret is
optional there.
"""

from __future__ import annotations

from tracker.domain.accounts import AccountState
from tracker.domain.posts.event import State
from tracker.providers.call import Call
from tracker.providers.mapping.fields import NOWHERE, assumed, documented
from tracker.providers.signature import Scheme
from tracker.providers.spec import ProviderSpec, Variant

TARGETS = {
    "target_platform": documented("platform"),
    "target_account": documented("accountId"),
    "target_status": documented("status"),
}

PLACES = TARGETS | {
    "event": documented("event"),
    "delivery": documented("id"),
    "occurred_at": documented("timestamp"),
    "post": documented("post.id"),
    "status": documented("post.status"),
    "scheduled_at": documented("post.scheduledFor"),
    "targets": documented("post.platforms"),
    "target_url": documented("publishedUrl"),
    "target_error_code": assumed("errorCategory"),
    "target_error_message": documented("error"),
    "target_error_retryable": assumed("errorCategory"),
    "error_message": assumed("post.error"),
    "text": assumed("post.content"),
    "media": assumed("post.mediaItems"),
    "account": assumed("account.accountId"),
    "account_platform": assumed("account.platform"),
    "account_name": assumed("account.username"),
    "account_status": assumed("account.disconnectionType"),
}

ONE_PLATFORM = Variant(
    ("post.platform.", "post.tiktok."),
    {
        "status": NOWHERE,
        "targets": documented("$"),
        "target_platform": documented("platform.name"),
        "target_account": documented("account.accountId"),
        "target_account_name": assumed("account.username"),
        "target_status": documented("platform.status"),
        "target_url": documented("platform.publishedUrl"),
        "target_error_code": assumed("platform.errorCategory"),
        "target_error_message": documented("platform.error"),
        "target_error_retryable": assumed("platform.errorCategory"),
    },
    form="one",
)

FOUND_THERE = Variant(
    ("post.external.",),
    {
        "status": NOWHERE,
        "scheduled_at": NOWHERE,
        "targets": documented("post"),
        "target_status": NOWHERE,
        "target_url": documented("url"),
    },
    form="one",
    lists=documented("whole"),
)

ANSWERS = TARGETS | {
    "item": documented("post"),
    "items": documented("posts"),
    "post": documented("_id"),
    "updated_at": documented("updatedAt"),
    "status": documented("status"),
    "scheduled_at": documented("scheduledFor"),
    "targets": documented("platforms"),
    "target_account": documented("accountId._id|accountId"),
    "target_account_name": assumed("accountId.username"),
    "text": assumed("content"),
    "media": assumed("mediaItems"),
    "target_url": documented("platformPostUrl"),
    "target_removed": documented("removedFromPlatformAt"),
    "target_error_code": documented("errorCategory"),
    "target_error_message": documented("errorMessage"),
    "target_error_retryable": documented("errorCategory"),
    "error_message": assumed("error"),
}

STATUSES = {
    "draft": State.DRAFT,
    "scheduled": State.SCHEDULED,
    "pending": State.SCHEDULED,
    "publishing": State.PUBLISHING,
    "processing": State.PUBLISHING,
    "uploading": State.PUBLISHING,
    "published": State.PUBLISHED,
    "partial": State.PARTIAL,
    "failed": State.FAILED,
    "cancelled": State.CANCELLED,
    "deleted": State.REMOVED,
}

EVENTS = {
    "post.scheduled": State.SCHEDULED,
    "post.published": State.PUBLISHED,
    "post.partial": State.PARTIAL,
    "post.failed": State.FAILED,
    "post.cancelled": State.CANCELLED,
    "post.platform.published": State.PUBLISHED,
    "post.platform.failed": State.FAILED,
    "post.platform.deleted": State.REMOVED,
    "post.external.created": State.PUBLISHED,
    "post.external.updated": State.PUBLISHED,
    "post.external.deleted": State.REMOVED,
}

ACCOUNT_EVENTS = {
    "account.connected": AccountState.CONNECTED,
    "account.disconnected": AccountState.DISCONNECTED,
}
DISCONNECTIONS = {"intentional": AccountState.DISCONNECTED, "unintentional": AccountState.EXPIRED}
"""The one that was not intended is told of a token that has expired or was revoked."""

RETRYABLE = {
    "platform_error": True,
    "platform_rate_limit": True,
    "quota_exhausted": True,
    "system_error": True,
    "account_issue": False,
    "auth_expired": False,
    "platform_rejected": False,
    "user_abuse": False,
    "user_content": False,
}

KIND = ProviderSpec(
    name="zernio",
    title="Zernio (formerly Late)",
    scheme=Scheme(headers=("x-zernio-signature", "x-late-signature"), optional=True),
    delivery=documented("x-zernio-event-id"),
    places=PLACES,
    lists=documented("whole"),
    answer_lists=documented("whole"),
    ends=("post.platform.published", "post.platform.failed"),
    variants={"platform": ONE_PLATFORM, "external": FOUND_THERE},
    answers=ANSWERS,
    documented_statuses=STATUSES,
    documented_events=EVENTS,
    documented_account_states=ACCOUNT_EVENTS,
    assumed_account_states=DISCONNECTIONS,
    retryable=RETRYABLE,
    calls={
        "get": Call("GET /posts/{post}", documented=True),
        "list": Call("GET /posts?fromDate={since}&limit={limit}&page={page}", documented=True),
        "retry": Call("POST /posts/{post}/retry", documented=True),
        "cancel": Call("DELETE /posts/{post}", documented=True),  # it takes drafts and scheduled posts alone
        "reschedule": Call('PUT /posts/{post} {"scheduledFor": "{at}"}', documented=True),
    },
    auth=documented("Authorization: Bearer {key}"),
)
