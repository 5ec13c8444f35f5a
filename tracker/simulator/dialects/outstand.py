"""Outstand: one webhook at the end, post.published when at least one account succeeded.

Documented: events and signature. As implementers have seen it: the fields of `data`. No id and no time of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tracker.domain.posts.event import State
from tracker.simulator.dialects.dialect import Dialect, Happened, WebhookBody, account, over_body, platform_id
from tracker.simulator.wire import stamp

if TYPE_CHECKING:
    from tracker.simulator.story import Target

PUBLISHED, ERROR = "post.published", "post.error"


def _tell(happened: Happened) -> list[WebhookBody]:
    if not happened.over or not happened.results:
        return []
    event = ERROR if happened.called_failed and happened.state is not State.PARTIAL else PUBLISHED
    data: dict[str, object] = {"postId": happened.post, "orgId": "org_simulated"}
    if happened.state is not State.FAILED:
        data["publishedAt"] = stamp(happened.at)
    data["socialAccounts"] = [_part(target) for target in happened.targets]
    return [WebhookBody(event, msgspec.json.encode({"event": event, "data": data}))]


def _part(target: Target) -> dict[str, object]:
    told: dict[str, object] = {
        "accountId": account(target),
        "network": target.platform,
        "username": account(target),
        "status": str(target.state),
    }
    if target.url:
        told["platformPostId"] = platform_id(target)
    return told | ({"error": target.problem.message} if target.problem else {})


OUTSTAND = Dialect("outstand", (PUBLISHED, ERROR), _tell, over_body("X-Outstand-Signature", "sha256="))
