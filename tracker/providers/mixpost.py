"""Mixpost: one webhook for the post, called published when at least one account has succeeded; its errors tell.

What its source and those who use it show is assumed here, for it publishes no description. Times are in the zone of the
server, which `timezone` names; ids may be numbers, and statuses too. A webhook without a secret is not signed.
"""

from __future__ import annotations

from tracker.domain.event import State
from tracker.providers.call import Call
from tracker.providers.kind import Kind, Variant
from tracker.providers.place import NOWHERE, assumed
from tracker.providers.signature import Scheme

TARGETS = {
    "target_platform": assumed("provider"),
    "target_account": assumed("uuid"),
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
}

DELETED = Variant(("post.deleted",), {"posts": assumed("data.uuids"), "status": NOWHERE, "targets": NOWHERE})

ANSWERS = TARGETS | {
    "item": assumed("data"),
    "items": assumed("data"),
    "post": assumed("uuid"),
    "status": assumed("status"),
    "scheduled_at": assumed("scheduled_at"),
    "targets": assumed("accounts"),
}

NUMBERS = {"0": State.DRAFT, "1": State.SCHEDULED, "2": State.PUBLISHED, "3": State.FAILED}
WORDS = {
    "draft": State.DRAFT,
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

KIND = Kind(
    name="mixpost",
    title="Mixpost",
    scheme=Scheme(headers=("x-signature",), optional=True),
    doubts="all of it",
    places=PLACES,
    variants={"deleted": DELETED},
    answers=ANSWERS,
    documented_statuses=NUMBERS,
    assumed_statuses=WORDS,
    assumed_events=EVENTS,
    calls={
        "get": Call("GET /posts/{post}", documented=False),
        "list": Call("GET /posts?limit={limit}", documented=False),
    },
)
