"""Postiz: an unsigned list with one post, sent only after it was published; each channel is a post of its own.

The secret is the end of the address: /webhooks/<name>/<secret>. Failures are never sent, so what becomes of a post must
be asked for, and there is no call for a single one. Why a post failed is told nowhere. Some versions send an empty list
for every post: then it is asked what was published.
"""

from __future__ import annotations

from tracker.domain.posts.event import State
from tracker.providers.call import Call
from tracker.providers.mapping.fields import NOWHERE, assumed, documented
from tracker.providers.signature import Scheme
from tracker.providers.spec import ProviderSpec

POST = {
    "post": documented("id"),
    "scheduled_at": documented("publishDate"),
    "targets": documented("$"),
    "target_platform": documented("integration.providerIdentifier"),
    "target_account": documented("integration.id"),
    "target_account_name": assumed("integration.name"),
    "text": documented("content"),
    "target_status": documented("state"),
    "target_url": documented("releaseURL"),
}

KIND = ProviderSpec(
    name="postiz",
    title="Postiz",
    scheme=Scheme(headers=(), form="path"),
    unnamed="post.published",
    places=POST | {"posts": documented("$")},
    form="one",
    lists=documented("whole"),
    ends=("post.published",),
    nothing_asks=True,
    answer_lists=documented("whole"),
    gone=NOWHERE,
    answers=POST | {"items": documented("posts")},
    answer_form="one",
    documented_statuses={
        "DRAFT": State.DRAFT,
        "QUEUE": State.SCHEDULED,
        "PUBLISHED": State.PUBLISHED,
        "ERROR": State.FAILED,
    },
    documented_events={"post.published": State.PUBLISHED},
    calls={
        "list": Call("GET /public/v1/posts?startDate={since}&endDate=2100-01-01T00:00:00.000Z", documented=True),
    },
    auth=documented("Authorization: {key}"),
)
