"""A provider's words in neutral ones: where values stand, what each status means, and how it tells of targets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

from tracker.domain.accounts import AccountState
from tracker.domain.posts.event import Problem, Report, State, TargetFact
from tracker.providers.account_words import LONGEST_NAME, AccountWords
from tracker.providers.describing import Describing
from tracker.providers.mapping.fields import IN_ANSWERS, IN_WEBHOOKS
from tracker.providers.mapping.paths import (
    LONGEST_ID,
    Finder,
    Path,
    ProblemFinder,
    at,
    finder,
    parse_path,
    prose_of,
    put,
    storable,
    text_at,
    text_of,
    time_of,
    word_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime, tzinfo

    from tracker.providers.mapping.fields import FieldPath


@dataclass(frozen=True, slots=True)
class StatusMapping:
    """Words in upper case. Those in `silent` are known, and tell nothing of how the post stands."""

    statuses: Mapping[str, State]
    silent: frozenset[str]
    retryable: Mapping[str, bool]

    @classmethod
    def build(cls, statuses: Mapping[str, State | None], retryable: Mapping[str, bool]) -> Self:
        """A status that means None is silent."""
        upper = {word.upper(): state for word, state in statuses.items()}
        return cls(
            {word: state for word, state in upper.items() if state},
            frozenset(word for word, state in upper.items() if state is None),
            {word.upper(): helps for word, helps in retryable.items()},
        )

    def status(self, found: Any) -> tuple[State | None, str | None]:
        """The state that was found, and the provider's word for it; a truth value counts as "true" or "false"."""
        if found.__class__ is str and found in self.statuses:
            return self.statuses[found], found
        raw = None if found is None else word_of(found)
        if not raw:
            return None, None
        word = raw.upper()
        if word in self.silent:
            return None, None
        return self.statuses.get(word), raw

    def problem(self, value: Any, where: ProblemFinder) -> Problem | None:
        """What went wrong; None where neither a code nor a message stands there."""
        table = where.table(value)
        if table is None:
            return None
        code, message = where.code(table), where.message(table)
        if code is None and message is None:
            return None
        code, message = text_of(code), prose_of(message)
        if not code and not message:
            return None
        return Problem(code or "unspecified", message or "", self._helps(where.helps(table)))

    def _helps(self, found: Any) -> bool | None:
        if isinstance(found, bool):
            return found
        return self.retryable.get(found.upper()) if isinstance(found, str) else None


Form = Literal["list", "map", "one"]

UNNAMED = "unknown"
"""The platform of targets whose provider names none."""

APART = (("succeeded", State.PUBLISHED, "target_url"), ("failed", State.FAILED, "target_error_message"))
"""Where targets stand by their outcome: the state of those that tell none, and what an entry is that is no table."""

HAS_ENDED = frozenset({State.PUBLISHED, State.PARTIAL})


@dataclass(frozen=True, slots=True)
class TargetMapping:
    """Reads the targets of one form; every path is made ready when it is built, for this is done for each event.

    `unnamed` is set where no platform is told, `scalar` is where the status stands, and `apart` are the places of
    those that are told by their outcome.
    """

    form: Form
    place: Path
    unnamed: bool
    scalar: Path
    platform: Finder
    account: Finder
    account_name: Finder
    status: Finder
    url: Finder
    removed: Finder
    problem: ProblemFinder
    apart: tuple[tuple[Path, State, Path], ...]
    meanings: StatusMapping

    @classmethod
    def build(cls, form: Form, paths: Mapping[str, Path], meanings: StatusMapping) -> Self:
        """From the paths of all places by name."""
        apart = tuple((paths[name], state, paths[scalar]) for name, state, scalar in APART if paths[name])
        return cls(
            form=form,
            place=paths["targets"],
            unnamed=not paths["target_platform"],
            scalar=paths["target_status"],
            platform=finder(paths["target_platform"]),
            account=finder(paths["target_account"]),
            account_name=finder(paths["target_account_name"]),
            status=finder(paths["target_status"]),
            url=finder(paths["target_url"]),
            removed=finder(paths["target_removed"]),
            problem=ProblemFinder.of(paths, "target_error"),
            apart=apart,
            meanings=meanings,
        )

    def read(self, body: Any, whole: State | None) -> tuple[TargetFact, ...]:
        """The targets in their order; `whole` is what the post is said to be."""
        seen: dict[str, int] = {}
        if self.form == "one":
            alone = self._target(at(body, self.place), seen, None, whole, whole)
            return (alone,) if alone else ()
        if self.form == "map":
            mapped = self._mapped(body)
            return tuple(found for name, one, state in mapped if (found := self._target(one, seen, name, whole, state)))
        entries = at(body, self.place)
        if not self.apart:
            listed = entries if isinstance(entries, list) else ()
            return tuple([found for one in listed if (found := self._target(one, seen, None, whole, None))])
        told = self._told_apart(body, entries)
        return tuple(found for one, state in told if (found := self._target(one, seen, None, whole, state)))

    def _told_apart(self, body: Any, entries: Any) -> Iterator[tuple[Any, State | None]]:
        for entry in entries if isinstance(entries, list) else ():
            yield entry, None
        for path, state, _ in self.apart:
            entries = at(body, path)
            for entry in entries if isinstance(entries, list) else ():
                yield entry, state

    def _mapped(self, body: Any) -> Iterator[tuple[str, Any, State | None]]:
        """What several maps say of one platform is one entry; that it failed counts last."""
        found: dict[str, tuple[dict[str, Any], State | None]] = {}
        for path, outcome, scalar in ((self.place, None, self.scalar), *self.apart):
            table = at(body, path)
            for platform, entry in table.items() if isinstance(table, dict) else ():
                if entry in (None, "", {}, []) or (outcome and not entry):
                    continue
                known, state = found.get(platform, ({}, None))
                found[platform] = known | _as_table(entry, scalar), outcome or state
        for platform, (entry, state) in found.items():
            yield storable(platform)[:LONGEST_ID], entry, state

    def _target(
        self, entry: Any, seen: dict[str, int], platform: str | None, whole: State | None, fallback: State | None
    ) -> TargetFact | None:
        """One entry; without an account it is told from its like by its place among them."""
        if platform is None:
            platform = UNNAMED if self.unnamed else text_of(self.platform(entry))
        if not platform or not isinstance(entry, dict):
            return None
        platform, account = platform.lower(), text_of(self.account(entry))
        if not account:
            seen[platform] = seen.get(platform, 0) + 1
        state, raw = self.meanings.status(self.status(entry))
        problem = self.meanings.problem(entry, self.problem)
        if self.removed(entry):
            state = State.REMOVED
        if problem and raw is None and fallback is None and whole in HAS_ENDED:
            fallback = State.FAILED
        ordinal = 1 if account else seen[platform]
        name = text_of(self.account_name(entry)) if account else None
        return TargetFact(
            platform, account, ordinal, state or fallback, raw, text_of(self.url(entry)), problem,
            account_name=name and name[:LONGEST_NAME],
        )  # fmt: skip


def _as_table(entry: Any, scalar: Path) -> dict[str, Any]:
    """What stands for a target that is not told by a table: its status, its address or its error, by where it is."""
    if isinstance(entry, dict):
        return entry
    table: dict[str, Any] = {}
    put(table, scalar, entry)
    return table


MOST_ATTEMPTS = 10_000
ALWAYS = ("event", "delivery", "post", "occurred_at", "status", "attempt", "scheduled_at", "updated_at")
NO_ATTRIBUTES: Mapping[str, str] = {}
NO_STATES: Mapping[str, AccountState | None] = {}
NAMES = IN_WEBHOOKS.keys() | IN_ANSWERS.keys()


@dataclass(frozen=True, slots=True)
class PayloadMapping:
    """Paths by the names of places, statuses in upper case, and event names in lower case."""

    paths: Mapping[str, Path]
    statuses: Mapping[str, State]
    events: Mapping[str, State]
    zone: tzinfo
    meanings: StatusMapping
    targets: TargetMapping
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
        places: Mapping[str, FieldPath],
        moved: Mapping[str, str],
        meanings: StatusMapping,
        events: Mapping[str, State],
        zone: tzinfo,
        form: Form = "list",
        attributes: Mapping[str, str] = NO_ATTRIBUTES,
        account_states: Mapping[str, AccountState | None] = NO_STATES,
    ) -> PayloadMapping:
        """The words of a kind with an operator's changes; raises ValueError for a path that is none."""
        told = {name: place.path for name, place in places.items()} | dict(moved)
        paths = {name: parse_path(told.get(name, "")) for name in sorted(NAMES)}
        targets = TargetMapping.build(form, paths, meanings)
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
