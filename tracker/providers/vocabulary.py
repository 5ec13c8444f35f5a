"""A provider's words in neutral ones: where each value stands in a body, and what each status and event means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tracker.domain.accounts import AccountState
from tracker.domain.posts.report import Report
from tracker.providers.account_words import AccountWords
from tracker.providers.body import Path, at, parse_path, text_at, time_of
from tracker.providers.describing import Describing
from tracker.providers.finding import Finder, ProblemFinder, finder
from tracker.providers.meanings import Meanings
from tracker.providers.place import IN_ANSWERS, IN_WEBHOOKS
from tracker.providers.targets import Form, Targets

if TYPE_CHECKING:
    from datetime import datetime, tzinfo

    from tracker.domain.posts.event import State
    from tracker.providers.place import Place

MOST_ATTEMPTS = 10_000
ALWAYS = ("event", "delivery", "post", "occurred_at", "status", "attempt", "scheduled_at", "updated_at")
NO_ATTRIBUTES: Mapping[str, str] = {}
NO_STATES: Mapping[str, AccountState | None] = {}
NAMES = IN_WEBHOOKS.keys() | IN_ANSWERS.keys()


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Paths by the names of places, statuses in upper case, and event names in lower case."""

    paths: Mapping[str, Path]
    statuses: Mapping[str, State]
    events: Mapping[str, State]
    zone: tzinfo
    meanings: Meanings
    targets: Targets
    problem: ProblemFinder
    describing: Describing
    accounts: AccountWords
    event: Finder
    delivery: Finder
    post: Finder
    occurred_at: Finder
    status: Finder
    attempt: Finder
    scheduled_at: Finder
    updated_at: Finder

    @classmethod
    def build(
        cls,
        places: Mapping[str, Place],
        moved: Mapping[str, str],
        meanings: Meanings,
        events: Mapping[str, State],
        zone: tzinfo,
        form: Form = "list",
        attributes: Mapping[str, str] = NO_ATTRIBUTES,
        account_states: Mapping[str, AccountState | None] = NO_STATES,
    ) -> Vocabulary:
        """The words of a kind with an operator's changes; raises ValueError for a path that is none."""
        told = {name: place.path for name, place in places.items()} | dict(moved)
        paths = {name: parse_path(told.get(name, "")) for name in sorted(NAMES)}
        targets = Targets.build(form, paths, meanings)
        always = {name: finder(paths[name]) for name in ALWAYS}
        problem = ProblemFinder.of(paths, "error")
        describing, accounts = Describing.build(paths, attributes), AccountWords.build(paths, account_states)
        return cls(
            paths, meanings.statuses, events, zone, meanings, targets, problem, describing, accounts, **always
        )  # fmt: skip

    def text(self, body: Any, name: str) -> str | None:
        """The text at the place called `name`."""
        return text_at(body, self.paths[name])

    @property
    def several(self) -> bool:
        """Whether a body is a list of posts."""
        return bool(self.paths["posts"])

    def entries(self, body: Any) -> list[Any]:
        """What a body about several posts says of each; none where there is no list."""
        found = at(body, self.paths["posts"])
        return found if isinstance(found, list) else []

    def report(self, body: Any, event: str = "") -> Report:
        """How the post stands: by its status, and where that says nothing that is known, by the event's name.

        Of a target that is told alone, the event's name tells nothing of the post as a whole.
        """
        state, raw = self.meanings.status(self.status(body))
        named = state or self.events.get(event)
        targets = self.targets.read(body, named)
        attempt = self.attempt(body)
        excerpt, thumbnail, attributes = self.describing.read(body)
        return Report(
            state=state if targets and self.targets.form == "one" else named,
            raw_status=raw,
            targets=targets,
            problem=self.meanings.problem(body, self.problem),
            scheduled_at=self._time(self.scheduled_at(body)),
            updated_at=self._time(self.updated_at(body)),
            attempt=attempt if type(attempt) is int and 1 <= attempt <= MOST_ATTEMPTS else None,
            excerpt=excerpt,
            thumbnail=thumbnail,
            attributes=attributes,
        )

    def _time(self, found: Any) -> datetime | None:
        return None if found is None else time_of(found, self.zone)
