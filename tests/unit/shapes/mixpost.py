"""Mixpost."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.unit.shapes.case import Case, Told

URLS = {"x:a-x": "https://x.example/1"}
AT = datetime(2026, 11, 20, 9, tzinfo=UTC)


def said(event: str, status: Any, accounts: list[Any] | None = None, **more: Any) -> dict[str, Any]:
    data = {"id": 42, "uuid": "u1", "status": status, "accounts": accounts or [], "trashed": False}
    times = {"scheduled_at": "2026-11-20 09:00:00", "published_at": "2026-11-20 09:00:00"}
    return {"event": event, "data": data | times | more}


def account(provider: str, errors: list[str] | None = None, url: str | None = None) -> dict[str, Any]:
    return {"uuid": f"a-{provider}", "provider": provider, "username": "me", "external_url": url, "errors": errors}


CASES: dict[str, Case | str] = {
    "published": Case(
        said("post.published", "published", [account("x", url="https://x.example/1")]), "post.published",
        (Told("u1", "published", {"x:a-x": "published"}, URLS, AT),), AT,
    ),
    "failed": Case(
        said("post.publishing_failed", "failed", [account("x", ["expired", "again"])], published_at=None),
        "post.publishing_failed", (Told("u1", "failed", {"x:a-x": "failed"}),),
        error=("unspecified", "expired; again", None),
    ),
    "partial": Case(
        said("post.published", "published", [account("x"), account("tiktok", ["no"])]), "post.published",
        (Told("u1", "partial", {"x:a-x": "published", "tiktok:a-tiktok": "failed"}),), AT, ("disagrees",),
        error=("unspecified", "no", None),
    ),
    "disagreement": Case(
        said("post.published", 3), "post.published", (Told("u1", "failed"),), AT, ("event_disagrees",)
    ),
    "no ids": Case({"event": "post.published", "data": {"status": "published"}}, code="no_post"),
    "an id that is a number": Case(
        said("post.scheduled", 1, uuid=None, published_at=None), "post.scheduled", (Told("42", "scheduled"),)
    ),
    "no zone": Case(
        said("post.published", 2, published_at="2026-11-20 12:00:00"), "post.published", (Told("u1", "published"),),
        AT, settings={"timezone": "Europe/Istanbul"},
    ),
    "a time in seconds": Case(
        said("post.published", 2, published_at=1795165200), "post.published", (Told("u1", "published"),), AT
    ),
    "a time in milliseconds": Case(
        said("post.published", 2, published_at="1795165200000"), "post.published", (Told("u1", "published"),), AT
    ),
    "several": Case(
        {"event": "post.deleted", "data": {"uuids": ["u1", "u2", 3], "deleted": True}}, "post.deleted",
        (Told("u1", "removed"), Told("u2", "removed"), Told("3", "removed")),
    ),
    "several, of which there are none": Case({"event": "post.deleted", "data": {"uuids": []}}, code="no_post"),
    "several, one of them without an id": Case(
        {"event": "post.deleted", "data": {"uuids": ["u1", None]}}, code="no_post"
    ),
    "unknown event": Case(said("post.pinned", "published"), "post.pinned", (Told("u1", "published"),), AT),
    "unknown status": Case(said("post.updated", 9), "post.updated", (Told("u1", "unknown"),), AT, ("unknown_status",)),
    "test": "a test sends the body of a real event",
    "no post": Case({"event": "account.deleted", "data": {"uuid": "a1"}}, "account.deleted"),
    "answer": Case(
        {"data": {"uuid": "u1", "status": "published", "scheduled_at": "2026-11-20 09:00:00",
                  "accounts": [account("x", url="https://x.example/1"), account("tiktok", ["no"])]}},
        told=(Told("u1", "partial", {"x:a-x": "published", "tiktok:a-tiktok": "failed"}, URLS, AT),),
        error=("unspecified", "no", None), notes=("disagrees",),
    ),
    "failed at two accounts, one without a reason of its own": Case(
        said("post.publishing_failed", "failed", [account("a"), account("x", ["no"])], error="no media"),
        "post.publishing_failed", (Told("u1", "failed", {"a:a-a": "failed", "x:a-x": "failed"}),), AT,
        error=("unspecified", "no media", None),
    ),
    "answer, failed at two accounts, one without a reason of its own": Case(
        {"data": {"uuid": "u1", "status": "failed", "accounts": [account("a"), account("x", ["no"])],
                  "error": "no media"}},
        told=(Told("u1", "failed", {"a:a-a": "failed", "x:a-x": "failed"}),), error=("unspecified", "no media", None),
    ),
    "an old error of an account that has published": Case(
        said("post.published", "published", [account("x", ["expired"], "https://x.example/1")]), "post.published",
        (Told("u1", "published", {"x:a-x": "published"}, URLS),), AT,
    ),
    "list": Case({"data": [{"uuid": "u1", "status": "scheduled"}]}, told=(Told("u1", "scheduled"),)),
    "an account that tells its own status": Case(
        said("post.published", "published", [account("x") | {"status": "failed"}]), "post.published",
        (Told("u1", "failed", {"x:a-x": "failed"}),), AT, ("disagrees",),
    ),
    "answer, with an account that tells its own status": Case(
        {"data": {"uuid": "u1", "status": "published", "accounts": [account("x") | {"status": "failed"}]}},
        told=(Told("u1", "failed", {"x:a-x": "failed"}),), notes=("disagrees",),
    ),
}  # fmt: skip
