"""Sosyal Köprü."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.unit.shapes.case import Case, Told

NOON = datetime(2026, 11, 20, 9, 0, 0, 123000, tzinfo=UTC)
ISTANBUL = {"timezone": "Europe/Istanbul"}


def said(event: str, status: str = "", *platforms: tuple[str, str], **more: Any) -> dict[str, Any]:
    """A body as its guide shows it."""
    listed = [
        {"platform": name, "status": outcome, "platformPostUrl": f"https://{name}.example/1"}
        for name, outcome in platforms
    ]
    data = {"postId": "post_01HX5K3M9N2P4", "status": status, "platforms": listed} | more
    return {"event": event, "timestamp": "2026-11-20T09:00:00.123Z", "data": data}


def told(state: str, **targets: str) -> tuple[Told, ...]:
    return (Told("post_01HX5K3M9N2P4", state, {f"{name}#1": outcome for name, outcome in targets.items()}),)


URLS = {"instagram#1": "https://instagram.example/1", "x#1": "https://x.example/1"}
DUE = datetime(2026, 11, 20, 8, 59, tzinfo=UTC)
ERROR = {"code": "timeout", "message": "took too long", "retryable": True}

CASES: dict[str, Case | str] = {
    "published": Case(
        said("post.published", "PUBLISHED", ("instagram", "PUBLISHED"), ("x", "PUBLISHED")),
        "post.published",
        (Told("post_01HX5K3M9N2P4", "published", {"instagram#1": "published", "x#1": "published"}, URLS),), NOON,
    ),
    "failed": Case(
        said("post.failed", "FAILED", error=ERROR), "post.failed", told("failed"), NOON,
        error=("timeout", "took too long", True),
    ),
    "partial": Case(
        said("post.published", "PUBLISHED", ("instagram", "PUBLISHED"), ("x", "FAILED")),
        "post.published", told("partial", instagram="published", x="failed"), NOON, ("disagrees",),
    ),
    "disagreement": Case(
        said("post.published", "FAILED"), "post.published", told("failed"), NOON, ("event_disagrees",)
    ),
    "no ids": Case({"event": "post.published", "data": {"status": "PUBLISHED"}}, code="no_post"),
    "no zone": Case(
        said("post.published", "PUBLISHED") | {"timestamp": "2026-11-20 12:00:00.123"}, "post.published",
        told("published"), NOON, settings=ISTANBUL,
    ),
    "several": "each delivery is about one post",
    "unknown event": Case(said("post.pinned", "PUBLISHED"), "post.pinned", told("published"), NOON),
    "unknown status": Case(
        said("post.updated", "EXPLODED"), "post.updated", told("unknown"), NOON, ("unknown_status",)
    ),
    "test": Case({"event": "webhook.test", "timestamp": "2026-11-20T09:00:00.123Z"}, "webhook.test", at=NOON),
    "no post": Case({"event": "account.disconnected", "data": {"accountId": "acc_1"}}, "account.disconnected"),
    "answer": Case(
        {"success": True, "data": {"id": "p1", "status": "FAILED", "error": ERROR, "platforms": [
            {"platform": "instagram", "accountId": "acc_1", "status": "FAILED", "error": ERROR}]}},
        told=(Told("p1", "failed", {"instagram:acc_1": "failed"}),), error=("timeout", "took too long", True),
    ),
    "list": Case(
        {"data": {"posts": [
            {"id": "p1", "status": "PUBLISHED", "updatedAt": "2026-11-20T09:00:00.123Z"},
            {"id": 2, "status": "SCHEDULED", "updatedAt": "2026-11-20T09:00:00.123Z"}], "nextCursor": "c2"}},
        told=(Told("p1", "published"), Told("2", "scheduled")), at=NOON, next="c2",
    ),
    "failed at one account, for a reason of its own": Case(
        said("post.failed", "FAILED", scheduledAt="2026-11-20T08:59:00.000Z", platforms=[
            {"platform": "x", "accountId": "acc_1", "status": "FAILED", "error": ERROR}]),
        "post.failed", (Told("post_01HX5K3M9N2P4", "failed", {"x:acc_1": "failed"}, due=DUE),), NOON,
        error=("timeout", "took too long", True),
    ),
    "answer, failed as a whole": Case(
        {"data": {"id": "p1", "status": "FAILED", "error": ERROR, "scheduledAt": "2026-11-20T08:59:00.000Z"}},
        told=(Told("p1", "failed", due=DUE),), error=("timeout", "took too long", True),
    ),
    "answer, published at one of two accounts": Case(
        {"data": {"id": "p1", "status": "PUBLISHED", "platforms": [
            {"platform": "x", "status": "PUBLISHED", "platformPostUrl": "https://x.example/1"},
            {"platform": "tiktok", "status": "FAILED"}]}},
        told=(Told("p1", "partial", {"x#1": "published", "tiktok#1": "failed"}, {"x#1": "https://x.example/1"}),),
        notes=("disagrees",),
    ),
}  # fmt: skip
