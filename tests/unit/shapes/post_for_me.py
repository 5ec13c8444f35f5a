"""Post for Me."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.unit.shapes.case import Case, Told

AT = datetime(2026, 11, 20, 9, tzinfo=UTC)
URLS = {"unknown:spc_1": "https://i.example/1"}
ACCOUNTS = [{"id": "spc_1", "platform": "instagram"}, {"id": "spc_2", "platform": "x"}]


def post(event: str, status: str, accounts: Any = (), **more: Any) -> dict[str, Any]:
    data = {"id": "p1", "caption": "hello", "status": status, "social_accounts": accounts, "scheduled_at": None}
    return {"event_type": event, "data": data | {"updated_at": "2026-11-20T09:00:00Z"} | more}


def result(success: Any, error: Any = None, account: str = "spc_1", name: str = "spr_1") -> dict[str, Any]:
    url = {"id": "1", "url": "https://i.example/1"} if success is True else {}
    return {
        "id": name, "post_id": "p1", "social_account_id": account, "success": success, "error": error,
        "details": {}, "platform_data": url,
    }  # fmt: skip


def ended(success: Any, error: Any = None) -> dict[str, Any]:
    return {"event_type": "social.post.result.created", "data": result(success, error)}


TIMES = {"scheduled_at": "2026-11-20T09:00:00Z", "updated_at": "2026-11-20T09:00:00Z"}
RESULT = "social.post.result.created"

CASES: dict[str, Case | str] = {
    "published": Case(ended(success=True), RESULT, (Told("p1", "published", {"unknown:spc_1": "published"}, URLS),)),
    "failed": Case(
        ended(success=False, error={"message": "token expired"}), RESULT,
        (Told("p1", "failed", {"unknown:spc_1": "failed"}),), error=("unspecified", "token expired", None),
    ),
    "partial": Case(
        ended(success=True), RESULT,
        (Told("p1", "partial", {"unknown:spc_1": "published", "unknown:spc_2": "failed"}),),
        error=("unspecified", "no", None),
        then=({"event_type": RESULT, "data": result(success=False, error="no", account="spc_2")},),
    ),
    "processed, which says nothing": Case(
        post("social.post.updated", "processed", ACCOUNTS), "social.post.updated",
        (Told("p1", "unknown", {"unknown:spc_1": "unknown", "unknown:spc_2": "unknown"}),), AT,
    ),
    "scheduled": Case(
        post("social.post.created", "scheduled", ACCOUNTS[:1], scheduled_at="2026-11-20T09:00:00Z"),
        "social.post.created", (Told("p1", "scheduled", {"unknown:spc_1": "scheduled"}, due=AT),), AT,
    ),
    "disagreement": Case(
        post("social.post.deleted", "scheduled"), "social.post.deleted", (Told("p1", "removed"),), AT
    ),
    "no ids": Case({"event_type": "social.post.result.created", "data": {"success": True}}, code="no_post"),
    "no zone": Case(
        post("social.post.updated", "processing", updated_at="2026-11-20T12:00:00"), "social.post.updated",
        (Told("p1", "publishing"),), AT, settings={"timezone": "Europe/Istanbul"},
    ),
    "several": "each delivery is about one post",
    "unknown event": Case(post("social.post.pinned", "draft"), "social.post.pinned", (Told("p1", "draft"),), AT),
    "unknown status": Case(
        post("social.post.updated", "exploded"), "social.post.updated", (Told("p1", "unknown"),), AT,
        ("unknown_status",),
    ),
    "test": "no test of a webhook is documented",
    "no post": Case({"event_type": "social.account.updated", "data": {"id": "spc_1"}}, "social.account.updated"),
    "a part of a story that failed, and one that did not": Case(
        ended(success=False, error="Unsupported media"), RESULT,
        (Told("p1", "failed", {"unknown:spc_1": "failed"}),), error=("unspecified", "Unsupported media", None),
        items=("spr_1",),
    ),
    "under way, with a reason of the whole": Case(
        post("social.post.updated", "processing", error={"message": "again"}), "social.post.updated",
        (Told("p1", "publishing"),), AT, error=("unspecified", "again", None),
    ),
    "answer, without results, with a reason of the whole": Case(
        {"data": [], "error": {"message": "again"}}, told=(Told("p1", "unknown"),),
        error=("unspecified", "again", None),
    ),
    "answer": Case(
        {"data": [result(success=True), result(success=False, error="expired", account="spc_2", name="spr_2")],
         "meta": {"total": 2}},
        told=(Told("p1", "partial", {"unknown:spc_1": "published", "unknown:spc_2": "failed"}, URLS),),
        error=("unspecified", "expired", None), items=("spr_1", "spr_2"),
    ),
    "list": Case(
        {"data": [{"id": "p1", "status": "processing"} | TIMES, {"id": "p2", "status": "processed"} | TIMES],
         "meta": {"next": None}},
        told=(Told("p1", "publishing", due=AT), Told("p2", "unknown", due=AT)), at=AT,
    ),
}  # fmt: skip
