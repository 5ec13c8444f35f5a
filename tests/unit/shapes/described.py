"""What each kind tells of a post beside its state, and of accounts: shapes that join those of the kind's own file."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.unit.shapes.case import Case, Seen, Told

AT = datetime(2026, 11, 20, 9, tzinfo=UTC)
WHEN = "2026-11-20T09:00:00Z"
IMAGE = "https://cdn.example/1.jpg"
HELLO = Seen("hello", IMAGE)
MEDIA = [{"type": "note"}, {"type": "image", "url": IMAGE}, {"type": "image", "url": "https://cdn.example/2.jpg"}]


def account(event: str, body: Any, at: datetime | None, *told: str | None) -> Case:
    """An event about no post, and id, platform, name and state of the account that it is about."""
    return Case(body, event, at=at or ARRIVED, seen=Seen(account=told))


ARRIVED = datetime(2026, 11, 20, 12, tzinfo=UTC)
MIXPOST = [{"is_original": True, "content": [{"body": "hello", "media": [{"id": 1, "thumb_url": IMAGE}]}]}]
OUTSTAND = [{"content": "hello", "media": [{"url": IMAGE}]}]

DESCRIBED: dict[str, dict[str, Case | str]] = {
    "sosyalkopru": {
        "described": Case(
            {"event": "post.updated", "timestamp": WHEN, "data": {
                "postId": "p1", "content": {"text": "hello", "media": [IMAGE]},
                "platforms": [{"platform": "x", "accountId": "a1", "accountName": "Ada", "status": "PUBLISHED"}]}},
            "post.updated", (Told("p1", "published", {"x:a1": "published"}),), AT,
            seen=Seen("hello", IMAGE, names={"a1": "Ada"}),
        ),
        "answer, described": Case(
            {"data": {"id": "p1", "status": "PUBLISHED", "content": {"text": "hello", "media": [IMAGE]},
                      "platforms": [{"platform": "x", "accountId": "a1", "accountName": "Ada"}]}},
            told=(Told("p1", "published", {"x:a1": "published"}),), seen=Seen("hello", IMAGE, names={"a1": "Ada"}),
        ),
        "an account": account(
            "account.token_expired",
            {"event": "account.token_expired", "timestamp": WHEN,
             "data": {"accountId": "a1", "platform": "Instagram", "accountName": "Ada"}},
            AT, "a1", "instagram", "Ada", "expired",
        ),
    },
    "zernio": {
        "described": Case(
            {"id": "e1", "event": "post.platform.published", "timestamp": WHEN,
             "post": {"id": "p1", "content": "hello", "mediaItems": MEDIA},
             "platform": {"name": "x", "status": "published"},
             "account": {"accountId": "a1", "platform": "x", "username": "ada"}},
            "post.platform.published", (Told("p1", "published", {"x:a1": "published"}),), AT,
            seen=Seen("hello", IMAGE, names={"a1": "ada"}),
        ),
        "answer, described": Case(
            {"post": {"_id": "p1", "status": "published", "content": "hello", "mediaItems": MEDIA, "platforms": [
                {"platform": "x", "accountId": {"_id": "a1", "username": "ada"}, "status": "published"}]}},
            told=(Told("p1", "published", {"x:a1": "published"}),), seen=Seen("hello", IMAGE, names={"a1": "ada"}),
        ),
        "an account": account(
            "account.disconnected",
            {"id": "e1", "event": "account.disconnected", "timestamp": WHEN, "account": {
                "accountId": "a1", "platform": "instagram", "username": "ada", "disconnectionType": "unintentional"}},
            AT, "a1", "instagram", "ada", "expired",
        ),
        "an account that somebody took away": account(
            "account.disconnected",
            {"id": "e1", "event": "account.disconnected", "timestamp": WHEN, "account": {"accountId": "a1"}},
            AT, "a1", None, None, "disconnected",
        ),
    },
    "ayrshare": {
        "answer, described": Case(
            {"id": "p1", "status": "success", "post": "hello", "mediaUrls": [IMAGE]},
            told=(Told("p1", "published"),), seen=HELLO,
        ),
    },
    "bundle_social": {
        "described": Case(
            {"type": "post.published", "data": {"id": "p1", "status": "POSTED", "title": "hello"}}, "post.published",
            (Told("p1", "published"),), ARRIVED, seen=Seen("hello"),
        ),
        "answer, described": Case(
            {"id": "p1", "status": "POSTED", "title": "hello"}, told=(Told("p1", "published"),), seen=Seen("hello"),
        ),
        "an account": account(
            "social-account.deleted",
            {"type": "social-account.deleted", "data": {"id": "a1", "type": "TIKTOK", "username": "ada"}},
            None, "a1", "tiktok", "ada", "disconnected",
        ),
    },
    "post_for_me": {
        "described": Case(
            {"event_type": "social.post.updated", "data": {
                "id": "p1", "caption": "hello", "media": MEDIA, "status": "processing", "updated_at": WHEN,
                "social_accounts": [{"id": "a1", "username": "ada"}]}},
            "social.post.updated", (Told("p1", "publishing", {"unknown:a1": "publishing"}),), AT,
            seen=Seen("hello", IMAGE, names={"a1": "ada"}),
        ),
        "list, described": Case(
            {"data": [{"id": "p1", "status": "processing", "caption": "hello", "media": MEDIA}]},
            told=(Told("p1", "publishing"),), seen=HELLO,
        ),
        "an account": account(
            "social.account.updated",
            {"event_type": "social.account.updated", "data": {
                "id": "a1", "platform": "instagram", "username": "ada", "status": "disconnected"}},
            None, "a1", "instagram", "ada", "disconnected",
        ),
    },
    "outstand": {
        "described": Case(
            {"event": "post.published", "data": {"postId": "p1", "socialAccounts": [
                {"accountId": "a1", "network": "x", "username": "ada", "status": "published"}]}},
            "post.published", (Told("p1", "published", {"x:a1": "published"}),), ARRIVED,
            seen=Seen(names={"a1": "ada"}),
        ),
        "answer, described": Case(
            {"post": {"id": "p1", "containers": OUTSTAND, "socialAccounts": [
                {"id": "a1", "network": "x", "username": "ada", "status": "published"}]}},
            told=(Told("p1", "published", {"x:a1": "published"}),), seen=Seen("hello", IMAGE, names={"a1": "ada"}),
        ),
        "an account": account(
            "account.token_expired",
            {"event": "account.token_expired", "data": {"accountId": "a1", "network": "x", "username": "ada"}},
            None, "a1", "x", "ada", "expired",
        ),
    },
    "upload_post": {
        "an account": account(
            "social_account_reauth_required",
            {"event": "social_account_reauth_required", "platform": "tiktok", "account_id": "a1",
             "account_name": "ada", "created_at": WHEN},
            AT, "a1", "tiktok", "ada", "expired",
        ),
    },
    "mixpost": {
        "described": Case(
            {"event": "post.updated", "data": {"uuid": "u1", "status": 2, "versions": MIXPOST, "accounts": [
                {"uuid": "a1", "provider": "x", "username": "ada"}]}},
            "post.updated", (Told("u1", "published", {"x:a1": "published"}),), ARRIVED,
            seen=Seen("hello", IMAGE, names={"a1": "ada"}),
        ),
        "answer, described": Case(
            {"data": {"uuid": "u1", "status": "published", "versions": MIXPOST, "accounts": [
                {"uuid": "a1", "provider": "x", "name": "Ada"}]}},
            told=(Told("u1", "published", {"x:a1": "published"}),), seen=Seen("hello", IMAGE, names={"a1": "Ada"}),
        ),
        "an account": account(
            "account.updated",
            {"event": "account.updated", "data": {
                "uuid": "a1", "provider": "x", "name": "Ada", "authorized": False}},
            None, "a1", "x", "Ada", "expired",
        ),
    },
    "postiz": {
        "described": Case(
            [{"id": "p1", "content": "hello", "state": "PUBLISHED",
              "integration": {"id": "c1", "name": "Ada", "providerIdentifier": "x"}}],
            "post.published", (Told("p1", "published", {"x:c1": "published"}),), ARRIVED,
            seen=Seen("hello", names={"c1": "Ada"}),
        ),
        "list, described": Case(
            {"posts": [{"id": "p1", "content": "hello", "state": "PUBLISHED",
                        "integration": {"id": "c1", "name": "Ada", "providerIdentifier": "x"}}]},
            told=(Told("p1", "published", {"x:c1": "published"}),), seen=Seen("hello", names={"c1": "Ada"}),
        ),
    },
    "publer": {
        "list, described": Case(
            {"posts": [{"id": "p1", "text": "hello", "state": "published", "network": "x", "account_id": "a1"}]},
            told=(Told("p1", "published", {"x:a1": "published"}),), seen=Seen("hello"),
        ),
    },
}  # fmt: skip
