"""Post for Me: webhooks about the post, whose `processed` says nothing of success, and one result for each account.

Results name the account and not its platform, so that every target stands on the platform "unknown", here and in
answers, which list what has been tried so far. What one account publishes in parts, as a story, has a result for each
part. It signs nothing: the secret itself comes in a header. A post is asked about by its results.
"""

from __future__ import annotations

from tracker.domain.accounts import AccountState
from tracker.domain.posts.event import State
from tracker.providers.call import Call
from tracker.providers.mapping.fields import NOWHERE, assumed, documented
from tracker.providers.signature import Scheme
from tracker.providers.spec import ProviderSpec, Variant

PLACES = {
    "event": documented("event_type"),
    "occurred_at": documented("data.updated_at"),
    "post": documented("data.id"),
    "status": documented("data.status"),
    "scheduled_at": documented("data.scheduled_at"),
    "targets": documented("data.social_accounts"),
    "target_account": documented("id"),
    "error_message": assumed("data.error"),
    "target_account_name": assumed("username"),
    "text": assumed("data.caption"),
    "media": assumed("data.media"),
    "account": assumed("data.id"),
    "account_platform": assumed("data.platform"),
    "account_name": assumed("data.username"),
    "account_status": assumed("data.status"),
}

RESULTS = {
    "target_account": documented("social_account_id"),
    "target_item": documented("id"),
    "target_status": documented("success"),
    "target_url": documented("platform_data.url"),
    "target_error_message": documented("error"),
}

RESULT = Variant(
    ("social.post.result.",),
    RESULTS
    | {
        "occurred_at": NOWHERE,
        "post": documented("data.post_id"),
        "status": NOWHERE,
        "scheduled_at": NOWHERE,
        "error_message": NOWHERE,
        "text": NOWHERE,
        "media": NOWHERE,
        "targets": documented("data"),
    },
    form="one",
)

DELETED = Variant(("social.post.deleted",), {"status": NOWHERE, "targets": NOWHERE})

ANSWERS = RESULTS | {
    "items": documented("data"),
    "post": documented("id"),
    "updated_at": documented("updated_at"),
    "status": documented("status"),
    "scheduled_at": documented("scheduled_at"),
    "text": assumed("caption"),
    "media": assumed("media"),
    "targets": documented("data"),
    "error_message": assumed("error"),
}

STATUSES = {
    "draft": State.DRAFT,
    "scheduled": State.SCHEDULED,
    "processing": State.PUBLISHING,
    "processed": None,
    "true": State.PUBLISHED,
    "false": State.FAILED,
}

KIND = ProviderSpec(
    name="post_for_me",
    title="Post for Me",
    scheme=Scheme(headers=("post-for-me-webhook-secret",), form="shared"),
    assumed_account_states={
        "connected": AccountState.CONNECTED,
        "disconnected": AccountState.DISCONNECTED,
    },
    about_posts=("social.post.",),
    places=PLACES,
    lists=documented("whole"),
    gone=NOWHERE,
    ends=("social.post.result.created",),
    variants={"result": RESULT, "deleted": DELETED},
    answers=ANSWERS,
    documented_statuses=STATUSES,
    documented_events={"social.post.deleted": State.REMOVED},
    calls={
        "get": Call("GET /v1/social-post-results?post_id={post}", documented=True),
        "list": Call("GET /v1/social-posts?limit={limit}", documented=True),
    },
    auth=documented("Authorization: Bearer {key}"),
)
