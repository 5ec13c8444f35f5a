"""The provider that docs/providers.md declares as an example: a map of channels, and a signed time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.unit.shapes.case import Case, Told

AT = datetime(2026, 11, 20, 9, tzinfo=UTC)
DUE = datetime(2026, 11, 20, 8, tzinfo=UTC)
URLS = {"instagram#1": "https://i.example/1"}
CHANNELS = {
    "Instagram": {"state": "live", "link": "https://i.example/1"},
    "X": {"state": "broken", "reason": "expired"},
}


def said(event: str, state: str, channels: Any = None, **more: Any) -> dict[str, Any]:
    publication = {"id": 17, "state": state, "due": "2026-11-20 09:00", "channels": channels or {}}
    return {"type": event, "when": "2026-11-20 10:00:00", "publication": publication | more}


CASES: dict[str, Case | str] = {
    "published": Case(
        said("publication.changed", "live", {"Instagram": {"state": "live"}}), "publication.changed",
        (Told("17", "published", {"instagram#1": "published"}),), AT,
    ),
    "failed": Case(
        said("publication.changed", "broken", {"X": {"state": "broken", "reason": "expired"}}), "publication.changed",
        (Told("17", "failed", {"x#1": "failed"}),), AT, error=("expired", "", None),
    ),
    "partial": Case(
        said("publication.changed", "live", CHANNELS), "publication.changed",
        (Told("17", "partial", {"instagram#1": "published", "x#1": "failed"}, URLS, DUE),), AT, ("disagrees",),
        error=("expired", "", None),
    ),
    "channels told by a word": Case(
        said("publication.changed", "live", {"Instagram": "live", "X": "waiting", "Slack": None}),
        "publication.changed",
        (Told("17", "publishing", {"instagram#1": "published", "x#1": "scheduled"}),), AT, ("disagrees",),
    ),
    "disagreement": Case(
        said("publication.withdrawn", "live"), "publication.withdrawn", (Told("17", "published"),), AT
    ),
    "no ids": Case({"type": "publication.changed", "publication": {"state": "live"}}, code="no_post"),
    "no zone": Case(
        said("publication.withdrawn", ""), "publication.withdrawn", (Told("17", "removed"),), AT
    ),
    "several": "the example tells of one post at a time; `posts` says where there are more",
    "unknown event": Case(said("publication.pinned", "live"), "publication.pinned", (Told("17", "published"),), AT),
    "unknown status": Case(
        said("publication.changed", "exploded"), "publication.changed", (Told("17", "unknown"),), AT,
        ("unknown_status",),
    ),
    "a status that says nothing": Case(
        said("publication.changed", "touched"), "publication.changed", (Told("17", "unknown"),), AT
    ),
    "test": Case({"type": "ping"}, "ping"),
    "no post": Case({"type": "member.joined", "publication": {"id": "no post at all"}}, "member.joined"),
    "answer": Case(
        {"publication": {"id": 17, "state": "live", "channels": CHANNELS}},
        told=(Told("17", "partial", {"instagram#1": "published", "x#1": "failed"}, URLS),), error=("expired", "", None),
        notes=("disagrees",),
    ),
    "list": Case(
        {"publications": [{"id": 17, "state": "waiting"}], "cursor": "c2"}, told=(Told("17", "scheduled"),), next="c2",
    ),
    "answer, waiting on one channel": Case(
        {"publication": {"id": 17, "state": "live", "channels": {"X": {"state": "waiting"}}}},
        told=(Told("17", "scheduled", {"x#1": "scheduled"}),), notes=("disagrees",),
    ),
}  # fmt: skip
