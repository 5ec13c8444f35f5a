"""Postiz."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.unit.shapes.case import Case, Told

DUE = datetime(2026, 11, 20, 9, tzinfo=UTC)
URLS = {"x:ch1": "https://x.example/1"}
PUBLISHED = "post.published"


def post(state: str = "PUBLISHED", name: Any = "p1", **more: Any) -> dict[str, Any]:
    channel = {"id": "ch1", "name": "me", "providerIdentifier": "x", "picture": None, "type": "social"}
    body = {"id": name, "content": "hello", "publishDate": "2026-11-20T09:00:00.000Z", "state": state}
    return body | {"releaseURL": "https://x.example/1", "integration": channel} | more


CASES: dict[str, Case | str] = {
    "published": Case([post()], PUBLISHED, (Told("p1", "published", {"x:ch1": "published"}, URLS, DUE),)),
    "failed": Case(
        [post("ERROR")], PUBLISHED, (Told("p1", "failed", {"x:ch1": "failed"}),),
    ),
    "partial": "each channel is a post of its own",
    "disagreement": "its events bear no name",
    "no ids": Case([{"content": "hello", "state": "PUBLISHED"}], code="no_post"),
    "no zone": "it tells no time but when the post was to be published, with its zone",
    "several": Case(
        [post(), post("ERROR", "p2")], PUBLISHED,
        (Told("p1", "published", {"x:ch1": "published"}), Told("p2", "failed", {"x:ch1": "failed"})),
    ),
    "several, of which there are none": Case([], code="no_post"),
    "no list": Case(post(), code="no_post"),
    "unknown event": "its events bear no name",
    "unknown status": Case(
        [post("EXPLODED")], PUBLISHED, (Told("p1", "published", {"x:ch1": "published"}),),
        remarks=("unknown_status",),
    ),
    "test": "a test sends what people have written for it",
    "no post": "it tells of nothing but posts",
    "answer": "there is no call about a single post",
    "list": Case(
        {"posts": [post("QUEUE", releaseURL=None), post("ERROR", "p2")]},
        told=(
            Told("p1", "scheduled", {"x:ch1": "scheduled"}, due=DUE),
            Told("p2", "failed", {"x:ch1": "failed"}, URLS, DUE),
        ),
    ),
}  # fmt: skip
