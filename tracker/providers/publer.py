"""Publer: no webhooks; posts are listed, one for each account.

Its API wants the id of a workspace, which `workspace` names, in a second header. A list that begins at a time must end
at one too. The documentation shows how posts are asked for and what their states are called; how the answer is built is
known from those who use it. Its pages are counted from 0, and only that one is read.
"""

from __future__ import annotations

from tracker.domain.posts.event import State
from tracker.providers.call import Call
from tracker.providers.mapping.fields import NOWHERE, assumed, documented
from tracker.providers.spec import ProviderSpec

ANSWERS = {
    "items": assumed("posts"),
    "post": assumed("id"),
    "scheduled_at": assumed("scheduled_at"),
    "text": assumed("text"),
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

KIND = ProviderSpec(
    name="publer",
    title="Publer",
    scheme=None,
    answers=ANSWERS,
    answer_form="one",
    answer_lists=assumed("whole"),
    gone=NOWHERE,
    documented_statuses=STATUSES,
    calls={"list": Call("GET /posts?from={since}&to=2100-01-01T00:00:00Z", documented=True)},
    auth=documented("Authorization: Bearer-API {key}"),
    headers={"publer-workspace-id": documented("{workspace}")},
)
