"""A provider's words in neutral ones: where values stand, what each status means, and how it tells of targets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from tracker.domain.accounts import AccountState
from tracker.domain.posts.event import Problem, Report, State
from tracker.providers.mapping.contents import EMPTY, UNKNOWN_STATUS, UNREADABLE_TIME, AccountWords, Describing, shown
from tracker.providers.mapping.fields import IN_ANSWERS, IN_WEBHOOKS
from tracker.providers.mapping.paths import (
    CompiledPaths,
    Finder,
    Path,
    at,
    code_of,
    finder,
    parse_path,
    prose_of,
    surroundings,
    text_at,
    text_of,
    word_of,
)
from tracker.providers.mapping.targets import SOUND, TRIED, Form, Listing, ProblemFinder, TargetMapping
from tracker.providers.times import tells_no_time, time_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, tzinfo

    from tracker.domain.posts.event import TargetFact
    from tracker.providers.mapping.contents import Remark
    from tracker.providers.mapping.fields import FieldPath

UNSPECIFIED = "unspecified"
REASONS = ("error", "errors", "errorMessage", "error_message", "message", "reason", "details")
"""Where a provider may tell why something failed that has nothing to say at its own place."""

STATED = ("status", "state", "name", "value")
"""Where the word stands in a status that is told by a table."""

MOST_ATTEMPTS = 10_000
HEADING = ("event", "delivery", "post", "occurred_at")
ALWAYS = ("post", "occurred_at", "status", "attempt", "scheduled_at", "updated_at")
ENDS = SOUND | TRIED
NO_ATTRIBUTES: Mapping[str, str] = {}
NO_STATES: Mapping[str, AccountState | None] = {}
NAMES = IN_WEBHOOKS.keys() | IN_ANSWERS.keys()


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
        if found is None:
            return None, None
        if isinstance(found, dict):
            found = next((found[name] for name in STATED if name in found), found)
        raw = word_of(found) or (None if found in EMPTY else shown(found))
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
        if not isinstance(table, dict):
            return _plain(table)
        code, message = where.code(table), where.message(table)
        if code is None and message is None:
            return None
        said = prose_of(message)
        code = text_of(code) or code_of(message) or (code_of(table) if where.apart else None)
        if not code and not said:
            return None
        return Problem(code or UNSPECIFIED, said or "", self._helps(where.helps(table)))

    def reason(self, tables: Iterable[Any]) -> Problem | None:
        """Why something failed, from wherever one of the tables says so: only what is known to have failed is asked."""
        found = (_plain(table.get(name), table) for table in tables if isinstance(table, dict) for name in REASONS)
        return next((problem for problem in found if problem), None)

    def _helps(self, found: Any) -> bool | None:
        if isinstance(found, bool):
            return found
        return self.retryable.get(found.upper()) if isinstance(found, str) else None


@dataclass(frozen=True, slots=True)
class PayloadMapping:
    """Paths by the names of places, statuses in upper case, and event names in lower case.

    `ends` are events that come only at an end of the post, whatever they are called. `heading` finds HEADING.
    """

    paths: Mapping[str, Path]
    statuses: Mapping[str, State]
    events: Mapping[str, State]
    zone: tzinfo
    meanings: StatusMapping
    targets: TargetMapping
    problem: ProblemFinder
    around: tuple[Finder, ...]
    ends: frozenset[str]
    describing: Describing
    accounts: AccountWords
    heading: CompiledPaths
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
        *,
        whole: bool = False,
        ends: frozenset[str] = frozenset(),
    ) -> PayloadMapping:
        """The words of a kind with an operator's changes; raises ValueError for a path that is none."""
        told = {name: place.path for name, place in places.items()} | dict(moved)
        paths = {name: parse_path(told.get(name, "")) for name in sorted(NAMES)}
        targets = TargetMapping.build(form, paths, meanings, whole=whole)
        always = {name: finder(paths[name]) for name in ALWAYS}
        heading = CompiledPaths([paths[name] for name in HEADING])
        problem = ProblemFinder.of(paths, "error")
        around = surroundings([paths["error_message"], paths["status"], paths["post"]])
        describing, accounts = Describing.build(paths, attributes), AccountWords.build(paths, account_states)
        return cls(
            paths, meanings.statuses, events, zone, meanings, targets, problem, around, ends, describing, accounts,
            heading, **always,
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
        by_name = self.events.get(event)
        named = state or by_name
        listing = self.targets.read(body, named, ended=by_name in ENDS or event in self.ends)
        targets, remarks = listing.targets, list(listing.remarks)
        alone = bool(targets) and self.targets.form == "one"
        attempt = self.attempt(body)
        if raw and state is None and by_name in ENDS and not alone:
            remarks.append((UNKNOWN_STATUS, f"{shown(raw)} is not in the map of statuses; {event} counts as {by_name}"))
        scheduled_at, updated_at = self.scheduled_at(body), self.updated_at(body)
        excerpt, thumbnail, attributes = self.describing.read(body)
        return Report(
            state=state if alone else named,
            raw_status=raw,
            targets=targets,
            problem=None if _is_sound(named, targets) else self._problem(body, named, targets, listing.problem),
            scheduled_at=None if scheduled_at is None else self.time("scheduled_at", scheduled_at, remarks),
            updated_at=None if updated_at is None else self.time("updated_at", updated_at, remarks),
            attempt=attempt if type(attempt) is int and 1 <= attempt <= MOST_ATTEMPTS else None,
            lists_whole=listing.whole,
            remarks=tuple(remarks),
            ends_by_name=self._ends_by_name(event, state, listing, named),
            excerpt=excerpt,
            thumbnail=thumbnail,
            attributes=attributes,
        )

    def time(self, name: str, found: Any, remarks: list[Remark]) -> datetime | None:
        """What was found at the place called `name`, as a time; what is none, and should be, is a remark."""
        moment = time_of(found, self.zone)
        if moment is None and not tells_no_time(found):
            path = ".".join(self.paths[name])
            remarks.append((UNREADABLE_TIME, f"{name}, at {path}, is no time that can be read: {shown(found)}"))
        return moment

    def _ends_by_name(self, event: str, state: State | None, listing: Listing, named: State | None) -> bool:
        """One platform's end is not the post's, unless that is told too, or the event is said to be an end."""
        alone = self.targets.form == "one"
        if event in self.ends:
            return named in ENDS or (alone and any(target.state in ENDS for target in listing.targets))
        return named in ENDS and self.events.get(event) in ENDS and (not alone or (listing.whole and state is not None))

    def _problem(
        self, body: Any, named: State | None, targets: tuple[TargetFact, ...], of_entries: Problem | None
    ) -> Problem | None:
        """What went wrong with the whole; where a failed post has no reason yet, it may stand anywhere near."""
        problem = self.meanings.problem(body, self.problem) or of_entries
        if problem or named is not State.FAILED or any(target.problem for target in targets):
            return problem
        return self.meanings.reason(look(body) for look in self.around)


def _is_sound(named: State | None, targets: tuple[TargetFact, ...]) -> bool:
    """Whether nothing has failed: what stands there of an error is old."""
    return named in SOUND or (named is None and bool(targets) and all(target.state in SOUND for target in targets))


def _plain(found: Any, beside: Any = None) -> Problem | None:
    """What a text, a list or a table says that stands for a reason itself; the code may stand `beside` a text."""
    code, message = code_of(found) or (code_of(beside) if isinstance(found, str) else None), prose_of(found)
    return Problem(code or UNSPECIFIED, message or "") if code or message else None
