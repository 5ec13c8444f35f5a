"""Outstand: one webhook at the end, called published when at least one account has succeeded; its accounts tell."""

from __future__ import annotations

from tracker.domain.event import State
from tracker.providers.kind import Kind
from tracker.providers.signature import Scheme
from tracker.providers.vocabulary import NOWHERE, assumed, documented

PLACES = NOWHERE | {
    "event": documented("event", "the event's name"),
    "occurred_at": assumed("data.publishedAt", "when the first account published it"),
    "post": assumed("data.postId", "the post's id"),
    "targets": assumed("data.socialAccounts", "the list of its targets"),
    "target_platform": assumed("network", "a target's platform"),
    "target_account": assumed("accountId", "a target's account"),
    "target_status": assumed("status", "a target's status"),
    "target_error_message": assumed("error", "why a target failed"),
}

STATUSES = {"PENDING": State.PUBLISHING, "PUBLISHED": State.PUBLISHED, "FAILED": State.FAILED}

KIND = Kind(
    name="outstand",
    scheme=Scheme(headers=("x-outstand-signature",), prefix="sha256="),
    delivery="",
    places=PLACES,
    answers=NOWHERE,
    documented_statuses={},
    assumed_statuses=STATUSES,
    documented_events={"post.published": State.PUBLISHED, "post.error": State.FAILED},
    assumed_events={},
)
