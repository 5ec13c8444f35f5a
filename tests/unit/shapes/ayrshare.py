"""Ayrshare."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.unit.shapes.case import Case, Told

AT = datetime(2026, 11, 20, 9, tzinfo=UTC)
GOOD = {"postUrl": "https://f.example/1", "platform": "facebook", "status": "success", "id": "102"}
URLS = {"facebook#1": "https://f.example/1"}
DUE = datetime(2026, 11, 20, 8, 59, tzinfo=UTC)
UNDER_WAY = GOOD | {"status": "pending"}
BAD = {"action": "post", "status": "error", "code": 110, "message": "Status is a duplicate.", "platform": "twitter"}


def said(status: str, good: list[Any], bad: list[Any], **more: Any) -> dict[str, Any]:
    """The webhook of a scheduled post; `code` is HTTP's and no reason."""
    body = {"action": "scheduled", "created": "2026-11-20T09:00:00Z", "code": 200, "status": status, "id": "p1"}
    return body | {"errors": bad, "postIds": good, "hookId": "h1"} | more


CASES: dict[str, Case | str] = {
    "published": Case(
        said("success", [GOOD], [], scheduleDate="2026-11-20T08:59:00Z"), "scheduled",
        (Told("p1", "published", {"facebook#1": "published"}, URLS, DUE),), AT,
    ),
    "failed": Case(
        said("error", [], [BAD | {"retryAvailable": True}]), "scheduled",
        (Told("p1", "failed", {"twitter#1": "failed"}),), AT, error=("110", "Status is a duplicate.", True),
    ),
    "partial": Case(
        said("error", [GOOD], [BAD]), "scheduled",
        (Told("p1", "partial", {"facebook#1": "published", "twitter#1": "failed"}),), AT, ("disagrees",),
        error=("110", "Status is a duplicate.", None),
    ),
    "disagreement": Case(said("error", [], []), "scheduled", (Told("p1", "failed"),), AT),
    "no ids": Case({"action": "scheduled", "status": "success"}, code="no_post"),
    "no zone": Case(
        said("success", [], [], created="2026-11-20 09:00:00"), "scheduled", (Told("p1", "published"),), AT
    ),
    "several": "each delivery is about one post; what a batch looks like is not known, and it is kept without a post",
    "unknown event": Case(said("success", [GOOD], []) | {"action": "batch"}, "batch", at=AT),
    "unknown status": Case(said("exploded", [], []), "scheduled", (Told("p1", "unknown"),), AT, ("unknown_status",)),
    "test": "no test of a webhook is documented",
    "no post": Case(
        {"action": "social", "created": "2026-11-20T09:00:00Z", "code": 200, "platform": "instagram", "id": "x",
         "details": {"status": "error", "code": 349, "message": "Account locked"}, "hookId": "h2"},
        "social", at=AT,
    ),
    "failed, for a reason that names no network": Case(
        said("error", [], [{"action": "post", "status": "error", "code": 137, "message": "Duplicate or similar."}]),
        "scheduled", (Told("p1", "failed"),), AT, error=("137", "Duplicate or similar.", None),
        remarks=("unplaced_entry",),
    ),
    "failed at two networks, one without a reason of its own": Case(
        said("error", [], [{"platform": "bluesky", "status": "error"}, BAD], message="no media"), "scheduled",
        (Told("p1", "failed", {"bluesky#1": "failed", "twitter#1": "failed"}),), AT,
        error=("unspecified", "no media", None),
    ),
    "answer, failed at two networks, one without a reason of its own": Case(
        {"id": "p1", "status": "error", "errors": [{"platform": "bluesky", "status": "error"}, BAD],
         "message": "no media"},
        told=(Told("p1", "failed", {"bluesky#1": "failed", "twitter#1": "failed"}),),
        error=("unspecified", "no media", None),
    ),
    "answer": Case(
        {"id": "p1", "status": "error", "postIds": [GOOD], "errors": [BAD | {"retryAvailable": True}],
         "scheduleDate": "2026-11-20T08:59:00Z"},
        told=(Told("p1", "partial", {"facebook#1": "published", "twitter#1": "failed"}, URLS, DUE),),
        error=("110", "Status is a duplicate.", True), notes=("disagrees",),
    ),
    "list": Case(
        {"history": [
            {"id": "p1", "status": "pending",
             "scheduleDate": {"_seconds": 1795165140, "_nanoseconds": 0, "utc": "2026-11-20T08:59:00Z"}},
            {"id": "p2", "status": "paused"}]},
        told=(Told("p1", "scheduled", due=DUE), Told("p2", "draft")),
    ),
    "under way at one of the networks": Case(
        said("success", [UNDER_WAY], []), "scheduled", (Told("p1", "scheduled", {"facebook#1": "scheduled"}),), AT,
        ("disagrees",),
    ),
    "answer, under way at one of the networks": Case(
        {"id": "p1", "status": "success", "postIds": [UNDER_WAY]},
        told=(Told("p1", "scheduled", {"facebook#1": "scheduled"}),), notes=("disagrees",),
    ),
}  # fmt: skip
