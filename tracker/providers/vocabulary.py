"""A provider's words in neutral ones: where each value stands in a body, and what each status and event means."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tracker.domain.event import Problem, State, TargetFact
from tracker.domain.report import Report
from tracker.providers.body import Path, find, parse_path, text_at, time_at

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import tzinfo

MOST_ATTEMPTS = 10_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands: `path` from the body, or from its target for names that begin with `target_`.

    `documented` is False for what the provider's guide does not show; the setting `fields` puts that right.
    """

    path: str
    documented: bool
    meaning: str


def documented(path: str, meaning: str) -> Place:
    """A place that the provider's guide shows."""
    return Place(path, documented=True, meaning=meaning)


def assumed(path: str, meaning: str) -> Place:
    """A place that we take for likely, until somebody has seen it."""
    return Place(path, documented=False, meaning=meaning)


NOWHERE = {
    name: assumed("", "is not told")
    for name in (
        "occurred_at", "status", "targets", "scheduled_at", "attempt", "item", "items", "next", "updated_at",
        "error_code", "error_message", "error_retryable", "target_platform", "target_account", "target_status",
        "target_url", "target_error_code", "target_error_message", "target_error_retryable", "post", "event",
    )
}  # fmt: skip
"""What a provider does not tell, until somebody has seen where it stands."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Paths by the names of `Place`s, statuses in upper case, and event names in lower case."""

    paths: Mapping[str, Path]
    statuses: Mapping[str, State]
    events: Mapping[str, State]
    zone: tzinfo

    @classmethod
    def build(
        cls,
        places: Mapping[str, Place],
        moved: Mapping[str, str],
        statuses: Mapping[str, State],
        events: Mapping[str, State],
        zone: tzinfo,
    ) -> Vocabulary:
        """The words of a kind with an operator's changes; raises ValueError for a path that is none."""
        paths = {name: parse_path(moved.get(name, place.path)) for name, place in places.items()}
        return cls(paths, {word.upper(): state for word, state in statuses.items()}, events, zone)

    def text(self, body: Any, name: str) -> str | None:
        """The text at the place called `name`."""
        return text_at(body, self.paths[name])

    def report(self, body: Any, event: str = "") -> Report:
        """How the post stands: by its status, and where that says nothing that is known, by the event's name."""
        raw = self.text(body, "status")
        attempt = find(body, self.paths["attempt"])
        return Report(
            state=(self.statuses.get(raw.upper()) if raw else None) or self.events.get(event),
            raw_status=raw,
            targets=self._targets(find(body, self.paths["targets"])),
            problem=self._problem(body, "error"),
            scheduled_at=time_at(body, self.paths["scheduled_at"], self.zone),
            updated_at=time_at(body, self.paths.get("updated_at", ()), self.zone),
            attempt=attempt if type(attempt) is int and 1 <= attempt <= MOST_ATTEMPTS else None,
        )

    def _targets(self, entries: Any) -> tuple[TargetFact, ...]:
        if not isinstance(entries, list):
            return ()
        seen: Counter[str] = Counter()
        return tuple(target for entry in entries if (target := self._target(entry, seen)))

    def _target(self, entry: Any, seen: Counter[str]) -> TargetFact | None:
        """One entry; without an account it is told from its like by its place among them."""
        platform = self.text(entry, "target_platform")
        if not platform:
            return None
        platform, account = platform.lower(), self.text(entry, "target_account")
        if not account:
            seen[platform] += 1
        raw = self.text(entry, "target_status")
        return TargetFact(
            platform=platform,
            account=account,
            ordinal=1 if account else seen[platform],
            state=self.statuses.get(raw.upper()) if raw else None,
            raw_status=raw,
            url=self.text(entry, "target_url"),
            problem=self._problem(entry, "target_error"),
        )

    def _problem(self, value: Any, name: str) -> Problem | None:
        code, message = self.text(value, f"{name}_code"), self.text(value, f"{name}_message")
        if not code and not message:
            return None
        retryable = find(value, self.paths[f"{name}_retryable"])
        return Problem(code or "unspecified", message or "", retryable if isinstance(retryable, bool) else None)
