"""How a provider tells of a post's targets: as a list, as a map by platform, or one alone with each event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

from tracker.domain.posts.event import State, TargetFact
from tracker.providers.account_words import LONGEST_NAME
from tracker.providers.body import LONGEST_ID, Path, at, put, storable, text_of
from tracker.providers.finding import Finder, ProblemFinder, finder
from tracker.providers.meanings import Meanings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


Form = Literal["list", "map", "one"]

UNNAMED = "unknown"
"""The platform of targets whose provider names none."""

APART = (("succeeded", State.PUBLISHED, "target_url"), ("failed", State.FAILED, "target_error_message"))
"""Where targets stand by their outcome: the state of those that tell none, and what an entry is that is no table."""

HAS_ENDED = frozenset({State.PUBLISHED, State.PARTIAL})


@dataclass(frozen=True, slots=True)
class Targets:
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
    meanings: Meanings

    @classmethod
    def build(cls, form: Form, paths: Mapping[str, Path], meanings: Meanings) -> Self:
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
