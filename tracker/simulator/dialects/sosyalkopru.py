"""Sosyal Köprü: one webhook for each step, with every platform in it."""

from __future__ import annotations

from tracker.simulator.dialects.dialect import Dialect, Happened, WebhookBody, over_body
from tracker.simulator.wire import DELIVERY, EVENTS, SIGNATURE, event_body, outcome, stamp


def _tell(happened: Happened) -> list[WebhookBody]:
    data = {"postId": happened.post} | outcome(happened.status, happened.targets, happened.problem)
    if happened.event == "post.scheduled" and happened.scheduled_at:
        data["scheduledAt"] = stamp(happened.scheduled_at)
    return [WebhookBody(happened.event, event_body(happened.event, happened.at, data))]


SOSYALKOPRU = Dialect("sosyalkopru", EVENTS, _tell, over_body(SIGNATURE, "sha256="), DELIVERY)
