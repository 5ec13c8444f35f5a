"""Publer: no webhooks; posts are listed, one for each account.

Its API wants the id of a workspace, which `workspace` names, in a second header.
"""

from __future__ import annotations

from tracker.domain.event import State
from tracker.providers.call import Call
from tracker.providers.kind import Kind
from tracker.providers.place import assumed, documented

ANSWERS = {
    "items": assumed("posts"),
    "post": assumed("id"),
    "scheduled_at": assumed("scheduled_at"),
    "targets": assumed("$"),
    "target_platform": assumed("network"),
    "target_account": assumed("account_id"),
    "target_status": assumed("state"),
    "target_url": assumed("post_link"),
    "target_error_message": assumed("error"),
}

STATUSES = {
    "draft": State.DRAFT,
    "draft_dated": State.DRAFT,
    "draft_private": State.DRAFT,
    "draft_public": State.DRAFT,
    "draft_undated": State.DRAFT,
    "scheduled": State.SCHEDULED,
    "scheduled_approved": State.SCHEDULED,
    "scheduled_locked": State.SCHEDULED,
    "scheduled_reauth": State.SCHEDULED,
    "scheduled_pending": State.AWAITING_APPROVAL,
    "scheduled_declined": State.CANCELLED,
    "published": State.PUBLISHED,
    "published_hidden": State.PUBLISHED,
    "published_posted": State.PUBLISHED,
    "published_deleted": State.REMOVED,
    "failed": State.FAILED,
}

KIND = Kind(
    name="publer",
    title="Publer",
    scheme=None,
    answers=ANSWERS,
    answer_form="one",
    assumed_statuses=STATUSES,
    calls={"list": Call("GET /posts?from={since}", documented=True)},
    auth=documented("Authorization: Bearer-API {key}"),
    headers={"publer-workspace-id": documented("{workspace}")},
)
