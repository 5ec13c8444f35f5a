"""bundle.social."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.unit.shapes.case import Case, Told

AT = datetime(2026, 11, 20, 9, tzinfo=UTC)
DUE = datetime(2026, 11, 20, 8, 59, tzinfo=UTC)
TIMES = {"postDate": "2026-11-20T08:59:00.000Z", "updatedAt": "2026-11-20T09:00:00.000Z"}
URLS = {"twitter#1": "https://x.example/1"}
WHY = {
    "code": "DUPLICATE", "errorMessage": "Already there", "isTransient": False, "retryability": "non_retryable",
    "httpStatus": 400,
}  # fmt: skip
GOOD = {"id": "1", "permalink": "https://x.example/1"}


def said(status: str, good: Any = None, bad: Any = None, event: str = "post.published", **more: Any) -> dict[str, Any]:
    data = {"id": "p1", "status": status, "externalData": good, "errorsVerbose": bad, "retryCount": 0}
    return {"type": event, "data": data | more}


CASES: dict[str, Case | str] = {
    "published": Case(
        said("POSTED", {"TWITTER": GOOD, "SLACK": None}, {}, **TIMES), "post.published",
        (Told("p1", "published", {"twitter#1": "published"}, URLS, DUE),), AT,
    ),
    "failed": Case(
        said("ERROR", {}, {"TWITTER": WHY}), "post.published", (Told("p1", "failed", {"twitter#1": "failed"}),),
        notes=("event_disagrees",), error=("DUPLICATE", "Already there", False),
    ),
    "due under the other name that is documented": Case(
        said("POSTED", scheduledDate="2026-11-20T08:59:00.000Z"), "post.published", (Told("p1", "published", due=DUE),)
    ),
    "failed, by its plain errors": Case(
        said("ERROR", None, None, errors={"TWITTER": "no", "SLACK": None}), "post.published",
        (Told("p1", "failed", {"twitter#1": "failed"}),), notes=("event_disagrees",), error=("unspecified", "no", None),
    ),
    "told of the same platform on both sides": Case(
        said("ERROR", {"TWITTER": GOOD}, {"TWITTER": WHY}), "post.published",
        (Told("p1", "failed", {"twitter#1": "failed"}),), notes=("event_disagrees",),
        error=("DUPLICATE", "Already there", False),
    ),
    "partial": Case(
        said("ERROR", {"TWITTER": GOOD}, {"TIKTOK": WHY}), "post.published",
        (Told("p1", "partial", {"twitter#1": "published", "tiktok#1": "failed"}),),
        notes=("event_disagrees", "disagrees"), error=("DUPLICATE", "Already there", False),
    ),
    "disagreement": Case(said("ERROR"), "post.published", (Told("p1", "failed"),), notes=("event_disagrees",)),
    "no ids": Case({"type": "post.published", "data": {"status": "POSTED"}}, code="no_post"),
    "no zone": "every time that it shows names its zone",
    "several": "each delivery is about one post",
    "unknown event": Case(said("POSTED", event="post.pinned"), "post.pinned", (Told("p1", "published"),)),
    "unknown status": Case(
        said("EXPLODED", event="post.updated"), "post.updated", (Told("p1", "unknown"),), notes=("unknown_status",)
    ),
    "test": "no test of a webhook is documented",
    "no post": Case({"type": "comment.published", "data": {"id": "c1", "status": "POSTED"}}, "comment.published"),
    "answer": Case(
        {"id": "p1", "status": "ERROR", "externalData": {"TWITTER": GOOD}, "errorsVerbose": {"TIKTOK": WHY}}
        | TIMES,
        told=(Told("p1", "partial", {"twitter#1": "published", "tiktok#1": "failed"}, URLS, DUE),), at=AT,
        error=("DUPLICATE", "Already there", False), notes=("disagrees",),
    ),
    "list": Case(
        {"items": [{"id": "p1", "status": "RETRYING"}, {"id": "p2", "status": "REVIEW"}], "total": 2},
        told=(Told("p1", "retrying"), Told("p2", "awaiting_approval")),
    ),
    "failed, for a reason of the post as a whole": Case(
        said("ERROR", error="no media"), "post.published", (Told("p1", "failed"),), notes=("event_disagrees",),
        error=("unspecified", "no media", None),
    ),
    "answer, failed for a reason of the post as a whole": Case(
        {"id": "p1", "status": "ERROR", "error": "no media"}, told=(Told("p1", "failed"),),
        error=("unspecified", "no media", None),
    ),
}  # fmt: skip
