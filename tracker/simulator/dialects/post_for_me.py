"""Post for Me: the post goes through its states, which say nothing about success, and each account has a result.

Documented: events, states, results, and the secret itself in a header; no ids. A platform is not named in a result:
only its account.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from tracker.domain.posts.event import State
from tracker.simulator.dialects.dialect import (
    Dialect,
    Happened,
    WebhookBody,
    account,
    platform_id,
    with_the_secret_itself,
)
from tracker.simulator.wire import stamp

if TYPE_CHECKING:
    from tracker.simulator.story import Target

CREATED, UPDATED, RESULT = "social.post.created", "social.post.updated", "social.post.result.created"
LADDER = tuple(timedelta(seconds=seconds) for seconds in (5, 300, 1800, 7200, 18_000, 36_000, 36_000))


def _tell(happened: Happened) -> list[WebhookBody]:
    said = [_say(RESULT, _result(happened, target)) for target in happened.results]
    if happened.event == "post.scheduled":
        return [_say(CREATED, _post(happened, "scheduled"))]
    if not happened.results:
        first = happened.attempt == 1 and happened.scheduled_at is None
        return [_say(CREATED if first else UPDATED, _post(happened, "processing"))]
    return [*said, _say(UPDATED, _post(happened, "processed"))] if happened.over else said


def _say(event: str, data: object) -> WebhookBody:
    return WebhookBody(event, msgspec.json.encode({"event_type": event, "data": data}))


def _post(happened: Happened, status: str) -> dict[str, object]:
    return {
        "id": happened.post,
        "external_id": None,
        "caption": happened.text,
        "status": status,
        "scheduled_at": stamp(happened.scheduled_at) if happened.scheduled_at else None,
        "social_accounts": [{"id": account(target), "platform": target.platform} for target in happened.targets],
        "created_at": stamp(happened.created_at),
        "updated_at": stamp(happened.at),
    }


def _result(happened: Happened, target: Target) -> dict[str, object]:
    good = target.state is State.PUBLISHED
    place = {"id": platform_id(target), "url": target.url} if good else None
    return {
        "id": f"spr_{happened.post}_{happened.attempt}_{target.platform}_{target.ordinal}",
        "post_id": happened.post,
        "social_account_id": account(target),
        "success": good,
        "error": None if target.problem is None else {"message": target.problem.message},
        "platform_data": place,
    }


POST_FOR_ME = Dialect(
    "post_for_me", (CREATED, UPDATED, RESULT), _tell, with_the_secret_itself("Post-For-Me-Webhook-Secret"), "",
    LADDER, timedelta(seconds=1),
)  # fmt: skip
