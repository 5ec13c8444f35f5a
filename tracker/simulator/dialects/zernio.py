"""Zernio: one webhook for each platform that ends, and one when all have; nothing about the time between.

Documented: envelope, events, ids that stay the same over every try, and the ladder. Assumed: the words for platforms
that have not ended.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from tracker.domain.posts.event import State
from tracker.simulator.dialects.dialect import Dialect, Happened, WebhookBody, account, over_body, platform_id
from tracker.simulator.wire import stamp

if TYPE_CHECKING:
    from tracker.simulator.story import Target

EVENTS = (
    "post.scheduled",
    "post.published",
    "post.failed",
    "post.partial",
    "post.platform.published",
    "post.platform.failed",
)
LADDER = tuple(timedelta(seconds=seconds) for seconds in (10, 100, 1000, 10_000, 86_400, 86_400))
WORDS = {State.SCHEDULED: "pending", State.PUBLISHING: "processing"}


def _tell(happened: Happened) -> list[WebhookBody]:
    said = [_about_platform(happened, target) for target in happened.results]
    if happened.event == "post.scheduled":
        said.append(_say(happened, "post.scheduled", happened.id))
    if happened.over and happened.results:
        name = {State.PARTIAL: "post.partial"}.get(happened.state)
        said.append(
            _say(happened, name or ("post.failed" if happened.called_failed else "post.published"), happened.id)
        )
    return said


def _about_platform(happened: Happened, target: Target) -> WebhookBody:
    block = {"name": target.platform} | _outcome(target)
    event = f"post.platform.{target.state}"
    return _say(
        happened, event, f"{happened.id}_{target.platform}_{target.ordinal}", platform=block,
        account={"accountId": account(target), "platform": target.platform, "username": account(target)},
    )  # fmt: skip


def _say(happened: Happened, event: str, name: str, **more: object) -> WebhookBody:
    body = {"id": name, "event": event, "post": _post(happened)} | more | {"timestamp": stamp(happened.at)}
    return WebhookBody(event, msgspec.json.encode(body), name)


def _post(happened: Happened) -> dict[str, object]:
    published = {"publishedAt": stamp(happened.at)} if happened.state in (State.PUBLISHED, State.PARTIAL) else {}
    return {
        "id": happened.post,
        "content": happened.text,
        "status": str(happened.state),
        "scheduledFor": stamp(happened.scheduled_at or happened.created_at),
        **published,
        "platforms": [
            {"platform": target.platform, "accountId": account(target)} | _outcome(target)
            for target in happened.targets
        ],
    }


def _outcome(target: Target) -> dict[str, object]:
    told: dict[str, object] = {"status": WORDS.get(target.state, str(target.state))}
    if target.url:
        told |= {"platformPostId": platform_id(target), "publishedUrl": target.url}
    return told | ({"error": target.problem.message} if target.problem else {})


def _test(name: str, at: datetime) -> bytes:
    return msgspec.json.encode({"id": name, "event": "webhook.test", "message": "Test", "timestamp": stamp(at)})


ZERNIO = Dialect(
    "zernio", EVENTS, _tell, over_body("X-Zernio-Signature"), "X-Zernio-Event-Id", LADDER, timedelta(seconds=5),
    test=_test,
)  # fmt: skip
