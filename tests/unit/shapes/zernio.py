"""Zernio."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.unit.shapes.case import Case, Told

SLOW = {"error": "slow down", "errorCategory": "platform_rate_limit"}
AT = datetime(2026, 11, 20, 9, tzinfo=UTC)


def said(event: str, status: str, platforms: list[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
    """The envelope, with a post."""
    post = {"id": "p1", "content": "hello", "status": status, "scheduledFor": "2026-11-20T09:00:00Z"}
    listed = {"platforms": platforms or []}
    return {"id": "evt_1", "event": event, "post": post | listed, "timestamp": "2026-11-20T09:00:00.000Z"} | more


def target(platform: str, status: str, **more: Any) -> dict[str, Any]:
    return {"platform": platform, "accountId": f"a-{platform}", "status": status} | more


def alone(event: str, status: str, platform: str = "x", **more: Any) -> dict[str, Any]:
    """A webhook about one platform; the post as a whole is still under way."""
    block = {"name": platform, "status": status} | more
    account = {"accountId": f"a-{platform}", "platform": platform, "username": "me"}
    return said(event, "publishing", platform=block, account=account)


EXTERNAL = {
    "id": "native_1", "platform": "googlebusiness", "accountId": "a-google", "url": "https://g.example/1",
    "content": "", "publishedAt": "2026-11-20T08:00:00Z",
}  # fmt: skip

GOOGLE = {"googlebusiness:a-google": "https://g.example/1"}

CASES: dict[str, Case | str] = {
    "published": Case(
        said("post.published", "published", [target("x", "published", publishedUrl="https://x.example/1")]),
        "post.published", (Told("p1", "published", {"x:a-x": "published"}, {"x:a-x": "https://x.example/1"}, AT),), AT,
    ),
    "published alone": Case(
        alone("post.platform.published", "published", publishedUrl="https://x.example/1"), "post.platform.published",
        (Told("p1", "published", {"x:a-x": "published"}, {"x:a-x": "https://x.example/1"}, AT),), AT,
    ),
    "failed": Case(
        alone("post.platform.failed", "failed", error="account suspended"), "post.platform.failed",
        (Told("p1", "failed", {"x:a-x": "failed"}),), AT, error=("unspecified", "account suspended", None),
    ),
    "taken down": Case(
        alone("post.platform.deleted", "deleted", deletedAt="2026-11-20T08:59:00Z"), "post.platform.deleted",
        (Told("p1", "removed", {"x:a-x": "removed"}),), AT,
    ),
    "partial": Case(
        said("post.partial", "partial", [target("x", "published"), target("tiktok", "failed", error="no")]),
        "post.partial", (Told("p1", "partial", {"x:a-x": "published", "tiktok:a-tiktok": "failed"}),), AT,
        error=("unspecified", "no", None),
    ),
    "disagreement": Case(
        said("post.published", "failed"), "post.published", (Told("p1", "failed"),), AT, ("event_disagrees",)
    ),
    "no ids": Case({"id": "evt_1", "event": "post.published", "post": {"status": "published"}}, code="no_post"),
    "no zone": Case(
        said("post.published", "published") | {"timestamp": "2026-11-20T11:00:00"}, "post.published",
        (Told("p1", "published"),), AT, settings={"timezone": "Africa/Johannesburg"},
    ),
    "several": "each delivery is about one post",
    "unknown event": Case(said("post.recycled", "scheduled"), "post.recycled", (Told("p1", "scheduled"),), AT),
    "unknown status": Case(
        said("post.updated", "exploded"), "post.updated", (Told("p1", "unknown"),), AT, ("unknown_status",)
    ),
    "test": Case(
        {"id": "evt_1", "event": "webhook.test", "message": "Test", "timestamp": "2026-11-20T09:00:00Z"},
        "webhook.test", at=AT,
    ),
    "no post": Case(
        {"id": "evt_1", "event": "account.disconnected", "account": {"accountId": "a"}}, "account.disconnected"
    ),
    "a post made elsewhere": Case(
        {"id": "evt_1", "event": "post.external.created", "post": EXTERNAL, "timestamp": "2026-11-20T09:00:00Z"},
        "post.external.created", (Told("native_1", "published", {"googlebusiness:a-google": "published"}, GOOGLE),), AT,
    ),
    "answer": Case(
        {"post": {"_id": "p1", "status": "published", "platforms": [
            {"platform": "x", "accountId": {"_id": "a-x", "username": "me"}, "status": "published",
             "removedFromPlatformAt": "2026-11-20T09:00:00Z"},
            {"platform": "tiktok", "accountId": "a-tiktok", "status": "failed", "errorMessage": "slow down",
             "errorCategory": "platform_rate_limit"}]}},
        told=(Told("p1", "failed", {"x:a-x": "removed", "tiktok:a-tiktok": "failed"}),),
        error=("platform_rate_limit", "slow down", True), notes=("disagrees",),
    ),
    "first heard of by an update": Case(
        {"id": "evt_1", "event": "post.external.updated", "post": EXTERNAL, "timestamp": "2026-11-20T09:00:00Z"},
        "post.external.updated", (Told("native_1", "published", {"googlebusiness:a-google": "published"}, GOOGLE),), AT,
    ),
    "an old error of what is published": Case(
        said("post.published", "published", [target("x", "published", error="Publishing failed")]), "post.published",
        (Told("p1", "published", {"x:a-x": "published"}),), AT,
    ),
    "failed at two platforms, one without a reason of its own": Case(
        said("post.failed", "failed", [target("a", "failed"), target("x", "failed", error="no")])
        | {"post": {"id": "p1", "status": "failed", "error": "no media",
                    "platforms": [target("a", "failed"), target("x", "failed", error="no")]}},
        "post.failed", (Told("p1", "failed", {"a:a-a": "failed", "x:a-x": "failed"}),), AT,
        error=("unspecified", "no media", None),
    ),
    "answer, failed at two platforms, one without a reason of its own": Case(
        {"post": {"_id": "p1", "status": "failed", "error": "no media", "platforms": [
            target("a", "failed"), target("x", "failed", errorMessage="no")]}},
        told=(Told("p1", "failed", {"a:a-a": "failed", "x:a-x": "failed"}),), error=("unspecified", "no media", None),
    ),
    "list": Case(
        {"posts": [{"_id": "p1", "status": "partial", "scheduledFor": "2026-11-20T09:00:00Z",
                    "updatedAt": "2026-11-20T09:00:00Z"}], "pagination": {"page": 1}},
        told=(Told("p1", "partial", due=AT),), at=AT,
    ),
    "failed alone, for a reason that passes": Case(
        alone("post.platform.failed", "failed", **SLOW), "post.platform.failed",
        (Told("p1", "failed", {"x:a-x": "failed"}),), AT, error=("platform_rate_limit", "slow down", True),
    ),
    "failed, for a reason that passes": Case(
        said("post.failed", "failed", [target("x", "failed", **SLOW)]), "post.failed",
        (Told("p1", "failed", {"x:a-x": "failed"}),), AT, error=("platform_rate_limit", "slow down", True),
    ),
    "one platform whose status contradicts the event's name": Case(
        alone("post.platform.published", "failed"), "post.platform.published",
        (Told("p1", "failed", {"x:a-x": "failed"}),), AT,
    ),
    "answer, published at one of two": Case(
        {"post": {"_id": "p1", "status": "partial", "platforms": [
            {"platform": "x", "accountId": "a-x", "status": "published", "platformPostUrl": "https://x.example/1"},
            {"platform": "tiktok", "accountId": "a-tiktok", "status": "failed"}]}},
        told=(Told("p1", "partial", {"x:a-x": "published", "tiktok:a-tiktok": "failed"},
                   {"x:a-x": "https://x.example/1"}),),
    ),
}  # fmt: skip
