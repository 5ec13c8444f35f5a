"""Upload-Post."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.unit.shapes.case import Case, Told

AT = datetime(2026, 11, 20, 9, tzinfo=UTC)
EVENT = "upload_completed"


def said(result: dict[str, Any], **more: Any) -> dict[str, Any]:
    body = {"event": EVENT, "job_id": "job1", "profile_username": "me", "platform": "instagram", "media_type": "video"}
    return body | {"result": result, "created_at": "2026-11-20T09:00:00.000000"} | more


URLS = {"instagram#1": "https://i.example/1"}
GOOD = {"success": True, "url": "https://i.example/1", "publish_id": "1", "post_id": "1", "error": None}
BAD = {"success": False, "url": None, "error": "token expired"}

CASES: dict[str, Case | str] = {
    "published": Case(said(GOOD), EVENT, (Told("job1", "published", {"instagram#1": "published"}, URLS),), AT),
    "failed": Case(
        said(BAD), EVENT, (Told("job1", "failed", {"instagram#1": "failed"}),), AT,
        error=("unspecified", "token expired", None),
    ),
    "partial": Case(
        said(GOOD), EVENT, (Told("job1", "partial", {"instagram#1": "published", "tiktok#1": "failed"}),), AT,
        error=("unspecified", "token expired", None), then=(said(BAD, platform="tiktok"),),
    ),
    "disagreement": "the one event of a post says nothing of success",
    "no ids": Case({"event": EVENT, "platform": "x", "result": GOOD}, code="no_post"),
    "no zone": Case(
        said(GOOD, created_at="2026-11-20T10:00:00.000000"), EVENT,
        (Told("job1", "published", {"instagram#1": "published"}),), AT, settings={"timezone": "Europe/Madrid"},
    ),
    "several": "each delivery is about one post",
    "unknown event": Case(said(GOOD, event="upload_delayed"), "upload_delayed",
        (Told("job1", "published", {"instagram#1": "published"}),), AT),
    "unknown status": Case(
        said({"success": "maybe"}), EVENT, (Told("job1", "unknown", {"instagram#1": "unknown"}),), AT,
        ("unknown_status",),
    ),
    "test": "no test of a webhook is documented",
    "no post": Case(
        {"event": "social_account_disconnected", "profile_username": "me", "platform": "x",
         "created_at": "2026-11-20T09:00:00"},
        "social_account_disconnected", at=AT,
    ),
    "answer": Case(
        {"job_id": "job1", "status": "in_progress", "results": [
            {"platform": "x", "success": True, "status": "queued", "message": "Queued"},
            {"platform": "tiktok", "success": False, "error_message": "no"}]},
        told=(Told("job1", "publishing", {"x#1": "scheduled", "tiktok#1": "failed"}),),
        error=("unspecified", "no", None),
    ),
    "answer, failed at two platforms, one without a reason of its own": Case(
        {"job_id": "job1", "status": "failed", "error_message": "no media", "results": [
            {"platform": "a", "success": False}, {"platform": "x", "success": False, "error_message": "no"}]},
        told=(Told("job1", "failed", {"a#1": "failed", "x#1": "failed"}),), error=("unspecified", "no media", None),
    ),
    "answer, two results of one platform": Case(
        {"job_id": "job1", "status": "completed", "results": [
            {"platform": "x", "success": False, "error_message": "no"}, {"platform": "x", "success": True}]},
        told=(Told("job1", "partial", {"x#1": "failed", "x#2": "published"}),), error=("unspecified", "no", None),
        notes=("disagrees",),
    ),
    "list": "its history tells of uploads by other ids",
    "answer, before there are results": Case(
        {"job_id": "job1", "status": "pending", "last_update": "2026-11-20T09:00:00"},
        told=(Told("job1", "scheduled"),), at=AT,
    ),
    "answer, published": Case(
        {"job_id": "job1", "status": "completed", "results": [
            {"platform": "instagram", "success": True, "post_url": "https://i.example/1"}]},
        told=(Told("job1", "published", {"instagram#1": "published"}, URLS),),
    ),
}  # fmt: skip
