"""bundle.social: one webhook at the end, called published also when the post has failed for good; its status tells.

Platforms are told apart by maps: `externalData` of what was published, `errors` of what was not. There is no id and no
time of the delivery, so that a failure told twice in the same bytes counts once. Its list is a team's, which
`workspace` names; it chooses by when a post is due and not by when it changed, so the posts that changed last are read.
"""

from __future__ import annotations

from tracker.domain.accounts import AccountState
from tracker.domain.posts.event import State
from tracker.providers.call import Call
from tracker.providers.mapping.fields import assumed, documented
from tracker.providers.signature import Scheme
from tracker.providers.spec import ProviderSpec

TARGETS = {
    "target_url": documented("permalink"),
    "target_error_code": documented("code"),
    "target_error_message": documented("errorMessage"),
    "target_error_retryable": documented("retryability"),
}

PLACES = TARGETS | {
    "event": documented("type"),
    "occurred_at": documented("data.updatedAt"),
    "post": documented("data.id"),
    "status": documented("data.status"),
    "succeeded": documented("data.externalData"),
    "failed": documented("data.errorsVerbose|data.errors"),
    "error_message": documented("data.error"),
    "scheduled_at": documented("data.postDate|data.scheduledDate"),
    "text": assumed("data.title"),
    "account": assumed("data.id"),
    "account_platform": assumed("data.type"),
    "account_name": assumed("data.username"),
}

ANSWERS = TARGETS | {
    "items": documented("items"),
    "post": documented("id"),
    "updated_at": documented("updatedAt"),
    "status": documented("status"),
    "succeeded": documented("externalData"),
    "failed": documented("errorsVerbose|errors"),
    "error_message": documented("error"),
    "scheduled_at": documented("postDate"),
    "text": assumed("title"),
}

STATUSES = {
    "DRAFT": State.DRAFT,
    "SCHEDULED": State.SCHEDULED,
    "PROCESSING": State.PUBLISHING,
    "RETRYING": State.RETRYING,
    "POSTED": State.PUBLISHED,
    "ERROR": State.FAILED,
    "DELETED": State.REMOVED,
}

KIND = ProviderSpec(
    name="bundle_social",
    title="bundle.social",
    scheme=Scheme(headers=("x-signature",)),
    places=PLACES,
    form="map",
    lists=assumed("whole"),
    answer_lists=assumed("whole"),
    answers=ANSWERS,
    answer_form="map",
    documented_statuses=STATUSES,
    assumed_statuses={"REVIEW": State.AWAITING_APPROVAL},
    documented_events={"post.published": State.PUBLISHED, "post.failed": State.FAILED},
    assumed_account_states={
        "social-account.created": AccountState.CONNECTED,
        "social-account.deleted": AccountState.DISCONNECTED,
    },
    retryable={"retryable": True, "non_retryable": False},
    calls={
        "get": Call("GET /api/v1/post/{post}", documented=True),
        "list": Call(
            "GET /api/v1/post/?teamId={workspace}&orderBy=updatedAt&order=DESC&limit={limit}", documented=True
        ),
        "retry": Call("POST /api/v1/post/{post}/retry", documented=True),
    },
    auth=documented("x-api-key: {key}"),
)
