"""Blotato: no webhooks; a post is one submission to one account, and is asked about by its own id.

Its answers name no platform, so that the target stands on the platform "unknown". In its list the same post has another
id in each state, so it is not listed; and "in-progress" is also what it answers about a post that it does not know.
"""

from __future__ import annotations

from tracker.domain.posts.event import State
from tracker.providers.call import Call
from tracker.providers.mapping.fields import NOWHERE, documented
from tracker.providers.spec import ProviderSpec

ANSWERS = {
    "post": documented("postSubmissionId"),
    "scheduled_at": documented("scheduledTime"),
    "targets": documented("$"),
    "target_status": documented("status"),
    "target_url": documented("publicUrl"),
    "target_error_message": documented("errorMessage"),
}

KIND = ProviderSpec(
    name="blotato",
    title="Blotato",
    scheme=None,
    answers=ANSWERS,
    answer_form="one",
    answer_lists=documented("whole"),
    gone=NOWHERE,
    documented_statuses={
        "in-progress": State.PUBLISHING,
        "scheduled": State.SCHEDULED,
        "published": State.PUBLISHED,
        "failed": State.FAILED,
    },
    calls={"get": Call("GET /posts/{post}", documented=True)},
    auth=documented("blotato-api-key: {key}"),
)
