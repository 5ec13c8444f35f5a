"""Outstand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.unit.shapes.case import Case, Told

AT = datetime(2026, 11, 20, 9, tzinfo=UTC)
DUE = datetime(2026, 11, 20, 8, 59, tzinfo=UTC)


def said(event: str, accounts: list[Any] | None = None, **more: Any) -> dict[str, Any]:
    data = {"postId": "p1", "orgId": "o1", "publishedAt": "2026-11-20T09:00:00Z", "socialAccounts": accounts or []}
    return {"event": event, "data": data | more}


def account(network: str, status: str | None, **more: Any) -> dict[str, Any]:
    """As webhooks tell of it by `accountId`, and answers by `id`."""
    stands = {"status": status} if status else {}
    names = {"accountId": f"a-{network}", "id": f"a-{network}"}
    return names | {"network": network, "username": "me"} | stands | more


def told(post: str, accounts: list[Any]) -> dict[str, Any]:
    times = {"publishedAt": None, "scheduledAt": "2026-11-20T08:59:00Z", "createdAt": "2026-11-19T09:00:00Z"}
    return {"id": post, "orgId": "o1", "isDraft": False, "socialAccounts": accounts} | times


CASES: dict[str, Case | str] = {
    "published": Case(
        said("post.published", [account("x", "published", platformPostUrl="https://x.example/1")]), "post.published",
        (Told("p1", "published", {"x:a-x": "published"}, {"x:a-x": "https://x.example/1"}),), AT,
    ),
    "failed": Case(
        said("post.error", [account("x", None, error="expired")], publishedAt=None), "post.error",
        (Told("p1", "failed", {"x:a-x": "failed"}),), error=("unspecified", "expired", None),
    ),
    "partial": Case(
        said("post.published", [account("x", "published"), account("tiktok", "failed", error="expired")]),
        "post.published", (Told("p1", "partial", {"x:a-x": "published", "tiktok:a-tiktok": "failed"}),), AT,
        ("disagrees",), error=("unspecified", "expired", None),
    ),
    "partial, by its errors alone": Case(
        said("post.published", [account("x", None), account("tiktok", None, error="expired")]),
        "post.published", (Told("p1", "partial", {"x:a-x": "published", "tiktok:a-tiktok": "failed"}),), AT,
        ("disagrees",), error=("unspecified", "expired", None),
    ),
    "disagreement": Case(
        said("post.error", [account("x", "published")]), "post.error",
        (Told("p1", "published", {"x:a-x": "published"}),), AT, ("disagrees",),
    ),
    "no ids": Case({"event": "post.published", "data": {"orgId": "o1"}}, code="no_post"),
    "no zone": Case(
        said("post.published", publishedAt="2026-11-20 10:00:00"), "post.published", (Told("p1", "published"),), AT,
        settings={"timezone": "Europe/Berlin"},
    ),
    "several": "each delivery is about one post",
    "unknown event": Case(said("post.pinned"), "post.pinned", (Told("p1", "unknown"),), AT),
    "unknown status": Case(
        said("post.published", [account("x", "exploded")]), "post.published",
        (Told("p1", "published", {"x:a-x": "published"}),), AT, remarks=("unknown_status",),
    ),
    "test": "what a test of a webhook sends is not documented",
    "no post": Case({"event": "account.token_expired", "data": {"accountId": "a"}}, "account.token_expired"),
    "failed at two accounts, one without a reason of its own": Case(
        said("post.error", [account("a", None), account("x", None, error="expired")], error="no media"), "post.error",
        (Told("p1", "failed", {"a:a-a": "failed", "x:a-x": "failed"}),), AT, error=("unspecified", "no media", None),
    ),
    "answer, failed at an account without a reason of its own": Case(
        {"post": told("p1", [account("x", "failed")]) | {"error": "no media"}},
        told=(Told("p1", "failed", {"x:a-x": "failed"}),), error=("unspecified", "no media", None),
    ),
    "answer": Case(
        {"success": True,
         "post": told("p1", [account("x", "published"), account("tiktok", "failed", error="expired")])},
        told=(Told("p1", "partial", {"x:a-x": "published", "tiktok:a-tiktok": "failed"}, due=DUE),),
        error=("unspecified", "expired", None),
    ),
    "list": Case(
        {"success": True, "posts": [told("p1", [account("x", "pending")]), told("p2", [])],
         "pagination": {"limit": 50, "offset": 0, "total": 2}},
        told=(Told("p1", "scheduled", {"x:a-x": "scheduled"}, due=DUE), Told("p2", "unknown", due=DUE)),
    ),
}  # fmt: skip
