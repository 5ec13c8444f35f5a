"""Those who send no webhooks, and are asked."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.unit.shapes.case import DELIVERED, Case, Told

DUE = datetime(2026, 11, 20, 9, tzinfo=UTC)
SENDS_NOTHING: dict[str, Case | str] = dict.fromkeys(DELIVERED, "it sends no webhooks")

POLLED: dict[str, dict[str, Case | str]] = {
    "buffer": SENDS_NOTHING
    | {
        "answer": Case(
            {"data": {"post": {
                "id": "p1", "status": "error", "updatedAt": "2026-11-20T09:30:00Z", "dueAt": "2026-11-20T09:00:00Z",
                "channelId": "c1", "channelService": "linkedin", "externalLink": None,
                "error": {"message": "The token has expired"}}}},
            told=(Told("p1", "failed", {"linkedin:c1": "failed"}, due=DUE),),
            error=("unspecified", "The token has expired", None),
            at=datetime(2026, 11, 20, 9, 30, tzinfo=UTC),
        ),
        "answer, of a post that is not there": Case(
            {"data": {"post": None}, "errors": [{"message": "Not found", "extensions": {"code": "NOT_FOUND"}}]},
            told=(),
        ),
        "list": Case(
            {"data": {"posts": {
                "edges": [
                    {"node": {"id": "p1", "status": "sent", "updatedAt": "2026-11-20T09:30:00Z", "channelId": "c1",
                              "channelService": "instagram", "externalLink": "https://i.example/1", "error": None,
                              "dueAt": "2026-11-20T09:00:00Z"}},
                    {"node": {"id": "p2", "status": "needs_approval", "updatedAt": "2026-11-20T09:30:00Z",
                              "channelId": "c2", "channelService": "twitter"}}],
                "pageInfo": {"endCursor": "e2"}}}},
            told=(
                Told("p1", "published", {"instagram:c1": "published"}, {"instagram:c1": "https://i.example/1"}, DUE),
                Told("p2", "awaiting_approval", {"twitter:c2": "awaiting_approval"}),
            ),
            at=datetime(2026, 11, 20, 9, 30, tzinfo=UTC),
            next="e2",
        ),
    },
    "publer": SENDS_NOTHING
    | {
        "answer": "there is no call about a single post",
        "list": Case(
            {"posts": [
                {"id": "p1", "state": "published_posted", "network": "facebook", "account_id": "a1",
                 "post_link": "https://f.example/1", "scheduled_at": "2026-11-20T09:00:00Z"},
                {"id": "p2", "state": "scheduled_reauth", "network": "x", "account_id": "a2"},
                {"id": "p3", "state": "recycling", "network": "x", "account_id": "a2"},
                {"id": "p4", "state": "failed", "network": "x", "account_id": "a2", "error": "expired"}]},
            told=(
                Told("p1", "published", {"facebook:a1": "published"}, {"facebook:a1": "https://f.example/1"}, DUE),
                Told("p2", "scheduled", {"x:a2": "scheduled"}),
                Told("p3", "unknown", {"x:a2": "unknown"}),
                Told("p4", "failed", {"x:a2": "failed"}),
            ),
            error=("unspecified", "expired", None),
            notes=("unknown_status",),
        ),
    },
    "blotato": SENDS_NOTHING
    | {
        "answer": Case(
            {"postSubmissionId": "p1", "status": "failed", "errorMessage": "Unsupported media type"},
            told=(Told("p1", "failed", {"unknown#1": "failed"}),),
            error=("unspecified", "Unsupported media type", None),
        ),
        "answer, published": Case(
            {"postSubmissionId": "p1", "status": "published", "publicUrl": "https://x.example/1",
             "scheduledTime": "2026-11-20T09:00:00Z"},
            told=(Told("p1", "published", {"unknown#1": "published"}, {"unknown#1": "https://x.example/1"}, DUE),),
        ),
        "list": "in its list a post has another id in each state",
    },
}  # fmt: skip
