"""How a provider tells of a post's targets: as a list, as a map by platform, or one alone with each event."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

from tracker.domain.event import State, TargetFact
from tracker.providers.body import LONGEST_ID, Path, at, find, put, storable, text_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tracker.providers.meanings import Meanings, ProblemPaths

Form = Literal["list", "map", "one"]

UNNAMED = "unknown"
"""The platform of targets whose provider names none."""

APART = (("succeeded", State.PUBLISHED, "target_url"), ("failed", State.FAILED, "target_error_message"))
"""Where targets stand by their outcome: the state of those that tell none, and what an entry is that is no table."""

HAS_ENDED = frozenset({State.PUBLISHED, State.PARTIAL})


@dataclass(frozen=True, slots=True)
class Targets:
    """Reads the targets of one form. `apart` are the places of those that are told by their outcome."""

    form: Form
    paths: Mapping[str, Path]
    problem: ProblemPaths
    apart: tuple[tuple[Path, State, Path], ...]
    meanings: Meanings

    @classmethod
    def build(cls, form: Form, paths: Mapping[str, Path], meanings: Meanings) -> Self:
        """From the paths of all places by name."""
        apart = tuple((paths[name], state, paths[scalar]) for name, state, scalar in APART if paths[name])
        problem = paths["target_error_code"], paths["target_error_message"], paths["target_error_retryable"]
        return cls(form, paths, problem, apart, meanings)

    def read(self, body: Any, whole: State | None) -> tuple[TargetFact, ...]:
        """The targets in their order; `whole` is what the post is said to be."""
        seen: Counter[str] = Counter()
        if self.form == "one":
            alone = self._target(at(body, self.paths["targets"]), seen, None, whole, fallback=whole)
            return (alone,) if alone else ()
        entries = self._listed(body) if self.form == "list" else self._mapped(body)
        return tuple(
            target
            for platform, entry, state in entries
            if (target := self._target(entry, seen, platform, whole, fallback=state))
        )

    def _listed(self, body: Any) -> Iterator[tuple[str | None, Any, State | None]]:
        entries = at(body, self.paths["targets"])
        if isinstance(entries, list):
            for entry in entries:
                yield None, entry, None
        for path, state, _ in self.apart:
            entries = at(body, path)
            for entry in entries if isinstance(entries, list) else ():
                yield None, entry, state

    def _mapped(self, body: Any) -> Iterator[tuple[str | None, Any, State | None]]:
        """What several maps say of one platform is one entry; that it failed counts last."""
        found: dict[str, tuple[dict[str, Any], State | None]] = {}
        for path, outcome, scalar in ((self.paths["targets"], None, self.paths["target_status"]), *self.apart):
            table = at(body, path)
            for platform, entry in table.items() if isinstance(table, dict) else ():
                if entry in (None, "", {}, []) or (outcome and not entry):
                    continue
                known, state = found.get(platform, ({}, None))
                found[platform] = known | _as_table(entry, scalar), outcome or state
        for platform, (entry, state) in found.items():
            yield storable(platform)[:LONGEST_ID], entry, state

    def _target(
        self, entry: Any, seen: Counter[str], platform: str | None, whole: State | None, *, fallback: State | None
    ) -> TargetFact | None:
        """One entry; without an account it is told from its like by its place among them."""
        paths = self.paths
        if platform is None:
            platform = text_at(entry, paths["target_platform"]) if paths["target_platform"] else UNNAMED
        if not platform or not isinstance(entry, dict):
            return None
        platform, account = platform.lower(), text_at(entry, paths["target_account"])
        if not account:
            seen[platform] += 1
        state, raw = self.meanings.status(entry, paths["target_status"])
        problem = self.meanings.problem(entry, self.problem)
        if paths["target_removed"] and find(entry, paths["target_removed"]):
            state = State.REMOVED
        if problem and raw is None and fallback is None and whole in HAS_ENDED:
            fallback = State.FAILED
        return TargetFact(
            platform=platform,
            account=account,
            ordinal=1 if account else seen[platform],
            state=state or fallback,
            raw_status=raw,
            url=text_at(entry, paths["target_url"]),
            problem=problem,
        )


def _as_table(entry: Any, scalar: Path) -> dict[str, Any]:
    """What stands for a target that is not told by a table: its status, its address or its error, by where it is."""
    if isinstance(entry, dict):
        return entry
    table: dict[str, Any] = {}
    put(table, scalar, entry)
    return table
