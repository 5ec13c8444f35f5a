"""Bodies and answers made up from a kind's own places: how any kind would say a thing that its examples do not show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.unit.conforming import adapter_of, answers_of
from tests.unit.shapes import SHAPES
from tracker.domain.posts.event import Report, State
from tracker.providers.mapping.mapping import PayloadMapping
from tracker.providers.mapping.paths import ROOT, Path, put
from tracker.providers.registry import KINDS

DOORS = sorted(kind for kind, shapes in SHAPES.items() if not isinstance(shapes["published"], str))
ENDED = {
    "sosyalkopru": "post.{}", "zernio": "post.{}", "ayrshare": "scheduled", "bundle_social": "post.published",
    "post_for_me": "social.post.result.created", "outstand": "post.{}", "upload_post": "upload_completed",
    "mixpost": "post.{}", "postiz": "post.published", "generic": "publication.changed",
}  # fmt: skip
"""The event by which each kind tells of an end."""

NAMED = {("outstand", State.FAILED): "post.error", ("mixpost", State.FAILED): "post.publishing_failed"}


@dataclass(frozen=True, slots=True)
class Way:
    """A kind's words in one direction, and how it calls what has ended so."""

    kind: str
    direction: str
    words: PayloadMapping

    def __str__(self) -> str:
        return f"{self.kind} {self.direction}"

    @property
    def alone(self) -> bool:
        """Whether each message is about one target."""
        return self.words.targets.form == "one"

    @property
    def apart(self) -> bool:
        """Whether failures stand in a place of their own."""
        return bool(self.words.paths["failed"])

    def event(self, state: State) -> str:
        """The name of the event of such an end; an answer has none."""
        if self.direction == "answers":
            return ""
        return NAMED.get((self.kind, state), ENDED[self.kind].format(state))

    def word(self, state: State) -> str:
        """The provider's own word for the state."""
        return next(word for word, meant in self.words.statuses.items() if meant is state)

    def body(self, state: State, *entries: Any, said: str | None = None) -> dict[str, Any]:
        """What says that the post stands so, with those entries at the place of targets (of failures, in a map)."""
        body: dict[str, Any] = {}
        paths, word = self.words.paths, said or self.word(state)
        put(body, paths["post"], "p1")
        put(body, paths["status"], word)
        place = paths["failed"] if self.apart else paths["targets"]
        if not self.alone:
            put(body, place, list(entries) if self.words.targets.form == "list" else dict(entries))
            return body
        entry = entries[0] if entries else self.entry(state, "x", said=said)
        _merge(body, place, entry)
        return body

    def entry(self, state: State | None, platform: str | None, error: Any = None, said: str | None = None) -> Any:
        """What says of one target that it stands so."""
        entry: dict[str, Any] = {}
        paths = self.words.paths
        put(entry, paths["target_platform"], platform)
        put(entry, paths["target_account"], platform and f"a-{platform}")
        put(entry, paths["target_status"], said or (self.word(state) if state else None))
        put(entry, _message(paths["target_error_message"], paths["target_error_code"]), error)
        return (platform, entry) if self.words.targets.form == "map" else entry

    def report(self, body: Any, state: State) -> Report:
        """What is read of it."""
        return self.words.report(body, self.event(state))


def _message(message: Path, code: Path) -> Path:
    return message or code


def _merge(body: dict[str, Any], place: Path, entry: dict[str, Any]) -> None:
    """Put what tells of a target where it stands, beside what stands there."""
    table = body
    for step in () if place == ROOT else place:
        table = table.setdefault(step, {})
    _into(table, entry)


def _into(table: dict[str, Any], more: dict[str, Any]) -> None:
    for name, value in more.items():
        if isinstance(value, dict) and isinstance(table.get(name), dict):
            _into(table[name], value)
        else:
            table[name] = value


def ways() -> list[Way]:
    """Webhooks and answers of each kind."""
    found = []
    for kind in DOORS:
        adapter = adapter_of(kind)
        event = ENDED[kind].format(State.PUBLISHED)
        words = next((words for starts, words in adapter.variants if event.startswith(starts)), adapter.words)
        found.append(Way(kind, "webhooks", words))
    return [*found, *(Way(kind, "answers", answers_of(kind).words) for kind in KINDS)]


WAYS = ways()
