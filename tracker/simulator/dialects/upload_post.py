"""Upload-Post: one webhook for each platform that has ended, well or badly; its time names no zone.

Documented: upload_completed and `result`. As an implementer has seen it: the signature over time and body, and that
`job_id` is the only id that comes back.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

import msgspec

from tracker.simulator.dialects.dialect import Dialect, Happened, WebhookBody, account, over_time_and_body, platform_id

if TYPE_CHECKING:
    from tracker.simulator.story import Target

EVENT = "upload_completed"


def _tell(happened: Happened) -> list[WebhookBody]:
    return [WebhookBody(EVENT, msgspec.json.encode(_body(happened, target))) for target in happened.results]


def _body(happened: Happened, target: Target) -> dict[str, object]:
    return {
        "event": EVENT,
        "job_id": happened.post,
        "profile_username": "simulated",
        "platform": target.platform,
        "account_name": account(target),
        "title": happened.text,
        "result": _result(target),
        "created_at": happened.at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds"),
    }


def _result(target: Target) -> dict[str, object]:
    if target.problem:
        return {"success": False, "error": target.problem.message}
    name = platform_id(target)
    return {"success": True, "url": target.url, "publish_id": name, "post_id": name}


UPLOAD_POST = Dialect(
    "upload_post", (EVENT,), _tell,
    over_time_and_body("X-Upload-Post-Signature", "X-Upload-Post-Timestamp", "sha256="), "X-Upload-Post-Delivery",
)  # fmt: skip
