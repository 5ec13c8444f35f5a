"""Mixpost: one webhook for the post, called published when at least one account has succeeded; its errors tell.

Its documentation and its source show the API, which begins at the address of Mixpost itself and wants a workspace,
which `workspace` names; what a webhook holds is known from those who use it. Times are in the zone of the server, which
`timezone` names; ids may be numbers, and statuses too. A webhook without a secret is not signed.
"""

from __future__ import annotations

from tracker.domain.accounts import AccountState
from tracker.domain.posts.event import State
from tracker.providers.call import Call
from tracker.providers.mapping.fields import NOWHERE, assumed, documented
from tracker.providers.signature import Scheme
from tracker.providers.spec import ProviderSpec, Variant

TARGETS = {
    "target_platform": assumed("provider"),
    "target_account": assumed("uuid"),
    "target_account_name": assumed("name|username"),
    "target_status": assumed("status"),
    "target_url": assumed("external_url"),
    "target_error_message": assumed("errors"),
}

PLACES = TARGETS | {
    "event": assumed("event"),
    "occurred_at": assumed("data.published_at"),
    "post": assumed("data.uuid|data.id"),
    "status": assumed("data.status"),
    "scheduled_at": assumed("data.scheduled_at"),
    "targets": assumed("data.accounts"),
    "error_message": assumed("data.error"),
    "text": assumed("data.versions.*.content.*.body"),
    "media": assumed("data.versions.*.content.*.media"),
    "account": assumed("data.uuid"),
    "account_platform": assumed("data.provider"),
    "account_name": assumed("data.name|data.username"),
    "account_status": assumed("data.authorized"),
}

DELETED = Variant(("post.deleted",), {"posts": assumed("data.uuids"), "status": NOWHERE, "targets": NOWHERE})

ANSWERS = {
    "item": assumed("data"),
    "items": documented("data"),
    "post": documented("uuid"),
    "status": documented("status"),
    "scheduled_at": documented("scheduled_at"),
    "targets": documented("accounts"),
    "text": assumed("versions.*.content.*.body"),
    "media": assumed("versions.*.content.*.media"),
    "target_platform": documented("provider"),
    "target_account": documented("uuid"),
    "target_account_name": assumed("name"),
    "target_status": assumed("status"),
    "target_url": documented("external_url"),
    "target_error_message": documented("errors"),
    "error_message": assumed("error"),
}

NUMBERS = {"0": State.DRAFT, "1": State.SCHEDULED, "2": State.PUBLISHED, "3": State.FAILED}
WORDS = {
    "draft": State.DRAFT,
    "needs_approval": State.AWAITING_APPROVAL,
    "scheduled": State.SCHEDULED,
    "publishing": State.PUBLISHING,
    "published": State.PUBLISHED,
    "failed": State.FAILED,
}

EVENTS = {
    "post.scheduled": State.SCHEDULED,
    "post.published": State.PUBLISHED,
    "post.publishing_failed": State.FAILED,
    "post.deleted": State.REMOVED,
}

KIND = ProviderSpec(
    name="mixpost",
    title="Mixpost",
    scheme=Scheme(headers=("x-signature",), optional=True),
    doubts="all of it",
    places=PLACES,
    lists=assumed("whole"),
    answer_lists=documented("whole"),
    variants={"deleted": DELETED},
    answers=ANSWERS,
    documented_statuses=NUMBERS | WORDS,
    assumed_events=EVENTS,
    assumed_account_states={
        "true": AccountState.CONNECTED,
        "false": AccountState.EXPIRED,
        "account.added": AccountState.CONNECTED,
        "account.deleted": AccountState.DISCONNECTED,
    },
    calls={
        "get": Call("GET /api/{workspace}/posts/{post}", documented=True),
        "list": Call("GET /api/{workspace}/posts?limit={limit}&page={page}", documented=True),
    },
    auth=documented("Authorization: Bearer {key}"),
)
