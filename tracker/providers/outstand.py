"""Outstand: one webhook at the end, called published when at least one account has succeeded; its accounts tell.

Its documentation shows events, signature and answers; what stands in the `data` of a webhook is known from those who
use it. A post as a whole has no status, and its list chooses by when posts were created.
"""

from __future__ import annotations

from tracker.domain.accounts import AccountState
from tracker.domain.posts.event import State
from tracker.providers.call import Call
from tracker.providers.mapping.fields import assumed, documented
from tracker.providers.signature import Scheme
from tracker.providers.spec import ProviderSpec

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
    "error_message": assumed("data.error"),
    "target_account_name": assumed("username"),
    "account": assumed("data.accountId"),
    "account_platform": assumed("data.network"),
    "account_name": assumed("data.username"),
}

ANSWERS = {
    "item": documented("post"),
    "items": documented("posts"),
    "post": documented("id"),
    "scheduled_at": documented("scheduledAt"),
    "targets": documented("socialAccounts"),
    "target_platform": documented("network"),
    "target_account": documented("id"),
    "target_status": documented("status"),
    "target_error_message": documented("error"),
    "error_message": assumed("error"),
    "target_account_name": assumed("username"),
    "text": assumed("containers.*.content"),
    "media": assumed("containers.*.media"),
}

KIND = ProviderSpec(
    name="outstand",
    title="Outstand",
    scheme=Scheme(headers=("x-outstand-signature",), prefix="sha256=", optional=True),
    places=PLACES,
    lists=assumed("whole"),
    answer_lists=documented("whole"),
    answers=ANSWERS,
    documented_statuses={"pending": State.SCHEDULED, "published": State.PUBLISHED, "failed": State.FAILED},
    documented_events={"post.published": State.PUBLISHED, "post.error": State.FAILED},
    assumed_account_states={"account.token_expired": AccountState.EXPIRED},
    calls={
        "get": Call("GET /v1/posts/{post}", documented=True),
        "list": Call("GET /v1/posts?created_after={since}&limit={limit}&offset={offset}", documented=True),
    },
    auth=documented("Authorization: Bearer {key}"),
)
