"""Buffer: no webhooks, and an API of one address that takes questions in GraphQL; a post goes to one channel.

Posts are listed for an organization, which `workspace` names, by when they were created or are due. The documentation
shows the questions and what a post holds; of the words of a status it shows those that a post goes through by itself.
A field that there is not would fail every question, so nothing is asked for that is not shown: the text is not.
"""

from __future__ import annotations

import json

from tracker.domain.posts.event import State
from tracker.providers.call import Call
from tracker.providers.mapping.fields import NOWHERE, documented
from tracker.providers.spec import ProviderSpec

FIELDS = "id status updatedAt dueAt channelId channelService externalLink error { message }"


def _question(text: str, **variables: object) -> str:
    return f"POST / {json.dumps({'query': text, 'variables': variables})}"


ONE = _question(f"query Post($input: PostInput!) {{ post(input: $input) {{ {FIELDS} }} }}", input={"id": "{post}"})
MANY = _question(
    "query Posts($input: PostsInput!, $first: Int, $after: String)"
    " { posts(input: $input, first: $first, after: $after)"
    f" {{ edges {{ node {{ {FIELDS} }} }} pageInfo {{ endCursor }} }} }}",
    input={"organizationId": "{workspace}", "filter": {"startDate": "{since}"}},
    first="{limit}",
    after="{cursor}",
)

ANSWERS = {
    "item": documented("data.post"),
    "items": documented("data.posts.edges"),
    "entry": documented("node"),
    "next": documented("data.posts.pageInfo.endCursor"),
    "post": documented("id"),
    "updated_at": documented("updatedAt"),
    "scheduled_at": documented("dueAt"),
    "targets": documented("$"),
    "target_platform": documented("channelService"),
    "target_account": documented("channelId"),
    "target_status": documented("status"),
    "target_url": documented("externalLink"),
    "target_error_message": documented("error.message"),
}

KIND = ProviderSpec(
    name="buffer",
    title="Buffer",
    scheme=None,
    answers=ANSWERS,
    answer_form="one",
    answer_lists=documented("whole"),
    gone=NOWHERE,
    documented_statuses={"scheduled": State.SCHEDULED, "sent": State.PUBLISHED, "error": State.FAILED},
    assumed_statuses={
        "draft": State.DRAFT,
        "needs_approval": State.AWAITING_APPROVAL,
        "sending": State.PUBLISHING,
    },
    calls={"get": Call(ONE, documented=True), "list": Call(MANY, documented=True)},
    auth=documented("Authorization: Bearer {key}"),
)
