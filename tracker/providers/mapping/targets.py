"""How a provider tells of a post's targets: as a list, as a map by platform, or one alone with each event.

What cannot be placed is not lost: an entry that names no platform, but tells how it ended, is a target on the platform
"unknown", and where the post has failed and nothing else is listed, it is the reason why. A remark says so either way.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

from msgspec.structs import replace

from tracker.domain.posts.event import Problem, State, TargetFact
from tracker.providers.mapping.contents import (
    LONGEST_NAME,
    UNKNOWN_STATUS,
    UNNAMED,
    UNPLACED_ENTRY,
    Entry,
    OfTargets,
    cut,
    shown,
)
from tracker.providers.mapping.paths import (
    Finder,
    Path,
    at,
    finder,
    prose_of,
    surroundings,
    text_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tracker.providers.mapping.contents import Remark
    from tracker.providers.mapping.mapping import StatusMapping

Form = Literal["list", "map", "one"]

APART = (("succeeded", State.PUBLISHED, "target_url"), ("failed", State.FAILED, "target_error_message"))
"""Where targets stand by their outcome: the state of those that tell none, and what an entry is that is no table."""

HAS_ENDED = frozenset({State.PUBLISHED, State.PARTIAL})
TRIED = HAS_ENDED | {State.FAILED}
SOUND = frozenset({State.PUBLISHED, State.CANCELLED, State.REMOVED})
"""What stands so has no error, whatever an earlier attempt has left there."""

ONE_END = SOUND | {State.FAILED}
"""Ends of a post that are the ends of each of its targets."""


class Listing(NamedTuple):
    """What a body says of targets; `problem` is of the post as a whole, and `whole` tells whether these are all."""

    targets: tuple[TargetFact, ...] = ()
    remarks: tuple[Remark, ...] = ()
    problem: Problem | None = None
    whole: bool = False


NOTHING = Listing()
Named = tuple[str, str | None, str | None]


@dataclass(frozen=True, slots=True)
class TargetMapping:
    """Reads the targets of one form; every path is made ready when it is built, for this is done for each event.

    `unnamed` is set where no platform is told, and `lists_whole` where all targets are.
    """

    form: Form
    place: Path
    unnamed: bool
    lists_whole: bool
    platform: Finder
    account: Finder
    account_name: Finder
    item: Finder
    status: Finder
    url: Finder
    removed: Finder
    problem: ProblemFinder
    around: tuple[Finder, ...]
    entries: OfTargets
    meanings: StatusMapping

    @classmethod
    def build(cls, form: Form, paths: Mapping[str, Path], meanings: StatusMapping, *, whole: bool = False) -> Self:
        """From the paths of all places by name."""
        apart = tuple((name, paths[name], state, paths[scalar]) for name, state, scalar in APART if paths[name])
        return cls(
            form=form,
            place=paths["targets"],
            unnamed=not paths["target_platform"] and form != "map",
            lists_whole=whole,
            platform=finder(paths["target_platform"]),
            account=finder(paths["target_account"]),
            account_name=finder(paths["target_account_name"]),
            item=finder(paths["target_item"]),
            status=finder(paths["target_status"]),
            url=finder(paths["target_url"]),
            removed=finder(paths["target_removed"]),
            problem=ProblemFinder.of(paths, "target_error"),
            around=surroundings([paths["target_error_message"], paths["target_status"]]),
            entries=OfTargets(paths["targets"], paths["target_status"], apart),
            meanings=meanings,
        )

    def read(self, body: Any, whole: State | None, *, ended: bool = False) -> Listing:
        """The targets in their order; `whole` is what the post is said to be, and `ended` whether the event is an end.

        Only in such an event a status that nobody knows stands for the end: an answer decides what is tried again.
        """
        remarks: list[Remark] = []
        if self.form == "one":
            alone = at(body, self.place)
            if alone is None:
                return NOTHING
            found: list[Entry] = [(alone, None, whole)]
        elif self.form == "map":
            found = self.entries.mapped(body, whole, remarks)
        else:
            found = self.entries.listed(body, self._is_entry, remarks)
        if not found:
            return Listing(remarks=tuple(remarks)) if remarks else NOTHING
        placed: list[TargetFact] = []
        strays: list[TargetFact] = []
        seen: dict[Named, int] = {}
        for value, platform, fallback in found:
            if isinstance(value, dict):
                target = self._target(value, platform, fallback, whole, seen, remarks, ended)
                (placed if target.platform else strays).append(target)
            else:
                remarks.append((UNPLACED_ENTRY, f"{shown(value)} is no table that could tell of a target"))
        problem = self._place(strays, placed, whole, remarks) if strays else None
        if whole is State.PUBLISHED:
            placed = _without_leftovers(placed) if self.entries.apart else _published_alone(placed)
        if len(seen) < len(placed):
            placed = _told_apart(placed)
        complete = self.lists_whole and bool(placed) and (not self.entries.apart or whole in TRIED)
        if remarks:
            complete = complete and all(code != UNPLACED_ENTRY for code, _ in remarks)
        return Listing(tuple(placed), tuple(remarks), problem, complete)

    def _is_entry(self, table: Any) -> bool:
        """Whether a table that stands where a list should is one target, and not a map of them."""
        return bool(text_of(self.platform(table)) or self.meanings.problem(table, self.problem))

    def _target(
        self,
        value: Any,
        platform: str | None,
        fallback: State | None,
        whole: State | None,
        seen: dict[Named, int],
        remarks: list[Remark],
        ended: bool,
    ) -> TargetFact:
        """One entry; without an account it is told from its like by its place among them, and "" is no platform."""
        if platform is None:
            platform = UNNAMED if self.unnamed else (text_of(self.platform(value)) or "").strip().lower()
        account, item = text_of(self.account(value)), text_of(self.item(value))
        state, raw = self.meanings.status(self.status(value))
        problem, url = self.meanings.problem(value, self.problem), text_of(self.url(value))
        if self.removed(value):
            state = State.REMOVED
        if state is None:
            state = fallback or (_taken_for(whole, raw, url, problem) if ended or not raw else None)
            if state is None and ended and whole is None and bool(problem) is not bool(url):
                state = State.FAILED if problem else State.PUBLISHED
            if raw and state:
                remarks.append((UNKNOWN_STATUS, f"{shown(raw)} is not in the map of statuses; it counts as {state}"))
            elif ended and whole is None and not raw:
                remarks.append((UNKNOWN_STATUS, f"an end that tells no status; it counts as {state or State.UNKNOWN}"))
        stands = state or (None if raw else whole)
        if stands is State.FAILED:
            problem = self._reasoned(value, problem)
        elif problem and stands in SOUND:
            problem = None
        name = (platform, account, item)
        seen[name] = times = seen.get(name, 0) + 1
        ordinal = 1 if account or item else times
        called = text_of(self.account_name(value)) if account else None
        return TargetFact(
            platform, account, ordinal, state, raw, url, problem, item, account_name=called and called[:LONGEST_NAME]
        )

    def _reasoned(self, value: Any, problem: Problem | None) -> Problem | None:
        """What went wrong; what its own place does not say may stand anywhere near."""
        if problem and problem.message:
            return problem
        found = self.meanings.reason(look(value) for look in self.around)
        if not problem or not found or found.message == problem.code:
            return problem or found
        return replace(problem, message=found.message)

    def _place(
        self, strays: list[TargetFact], placed: list[TargetFact], whole: State | None, remarks: list[Remark]
    ) -> Problem | None:
        """Where entries belong that name no platform; gives the reason that they are of the post's failure."""
        number = sum(target.platform == UNNAMED and not target.account for target in placed)
        reasons: list[Problem | None] = []
        alone = self.form != "one" and not placed and whole is State.FAILED
        for stray in strays:
            said, told = cut(stray.problem.message) if stray.problem else "", stray.raw_status or stray.account
            if alone and stray.state in (None, State.FAILED):
                reasons.append(stray.problem)
                remarks.append((UNPLACED_ENTRY, f"an entry names no platform, and is about the whole post: {said}"))
            elif not (told or stray.url or stray.problem) or (whole is State.PUBLISHED and not (told or stray.url)):
                remarks.append((UNPLACED_ENTRY, f"an entry names no platform, and is left out: {said}"))
            else:
                number += not (stray.account or stray.item)
                ordinal = 1 if stray.account or stray.item else number
                placed.append(replace(stray, platform=UNNAMED, ordinal=ordinal))
                remarks.append((UNPLACED_ENTRY, f'an entry names no platform, and stands on "{UNNAMED}": {said}'))
        return _together([reason for reason in reasons if reason])


def _together(reasons: list[Problem]) -> Problem | None:
    first = next(iter(reasons), None)
    return replace(first, message=prose_of([reason.message for reason in reasons]) or "") if first else None


def _taken_for(whole: State | None, raw: str | None, url: str | None, problem: Problem | None) -> State | None:
    """What an entry is that has no status, or one that nobody knows: what else is said of it tells."""
    if problem and not url and whole in (TRIED if raw else HAS_ENDED):
        return State.FAILED
    if raw and whole in ONE_END:
        return whole
    return State.PUBLISHED if raw and url and whole is State.PARTIAL else None


def _without_leftovers(placed: list[TargetFact]) -> list[TargetFact]:
    """Of a post that is published everywhere, what failed before at a place where it is published now is old."""
    good = {(target.platform, target.account) for target in placed if target.state is State.PUBLISHED}
    return [t for t in placed if t.state is not State.FAILED or (t.platform, t.account) not in good]


def _published_alone(placed: list[TargetFact]) -> list[TargetFact]:
    """The only target of a post that is published is so too: an error is no status, and may be an old one."""
    if len(placed) != 1 or placed[0].raw_status or placed[0].state is not State.FAILED:
        return placed
    return [replace(placed[0], state=State.PUBLISHED, problem=None)]


def _told_apart(placed: list[TargetFact]) -> list[TargetFact]:
    """Several results of one account are several items, told apart by their place where nothing names them."""
    names = [(target.platform, target.account, target.item) for target in placed]
    times, seen = Counter(names), Counter[object]()
    apart = []
    for name, target in zip(names, placed, strict=True):
        seen[name] += 1
        double = times[name] > 1 and target.account and not target.item
        apart.append(replace(target, item=str(seen[name])) if double else target)
    return apart


@dataclass(frozen=True, slots=True)
class ProblemFinder:
    """Where code, message and retryable stand, from the table on that holds all three; mostly it is not there.

    `apart` tells whether that table holds nothing else.
    """

    table: Finder
    code: Finder
    message: Finder
    helps: Finder
    apart: bool = False

    @classmethod
    def of(cls, paths: Mapping[str, Path], name: str) -> Self:
        """The finder for the places called `<name>_code`, `<name>_message` and `<name>_retryable`."""
        three = [paths[f"{name}_code"], paths[f"{name}_message"], paths[f"{name}_retryable"]]
        table = _shared([path[:-1] for path in three if path])
        code, message, helps = (finder(path[len(table) :]) for path in three)
        return cls(finder(table) if table else _whole, code, message, helps, bool(table))


def _shared(ways: Sequence[Path]) -> Path:
    """The steps with which all of them begin."""
    steps = takewhile(lambda same: len(set(same)) == 1, zip(*ways, strict=False))
    return tuple(step for step, *_ in steps)


def _whole(value: Any) -> Any:
    return value
