"""The rules that an installation goes by, and what they rest on."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from msgspec import Struct

from tracker.domain.rules.rule_index import RuleIndex
from tracker.errors import NotFound, did_you_mean
from tracker.rulebook.loading import Rulebook, load_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tracker.domain.rules.rule import Rule
    from tracker.errors import Misconfigured


MOMENT = "%Y-%m-%d %H:%M:%S UTC"


class Footing(Struct, frozen=True):
    """What the rules in force rest on: the files, the last good ones that the database keeps, or nothing.

    `kept_at` is when those became the last good ones, `refused_at` since when files are refused.
    """

    source: Literal["files", "kept", "none"] = "files"
    kept_at: datetime | None = None
    refused_at: datetime | None = None

    def in_words(self, faults: Sequence[Misconfigured]) -> str:
        """On one line what is refused, since when, and what is in force instead; empty where nothing is refused."""
        if not faults:
            return ""
        since = f" since {self.refused_at:{MOMENT}}" if self.refused_at else ""
        of = f", of {self.kept_at:{MOMENT}}," if self.kept_at else ""
        none = "no good ones are known, so no rule is in force"
        instead = none if self.source == "none" else f"the last good ones{of} stay in force"
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        return f"the rule files are refused{since}; {instead}: {faults[0]}{more}"


@runtime_checkable
class RuleSource(Protocol):
    """The rules that this installation goes by."""

    def index(self) -> RuleIndex:
        """What decides at this moment."""

    def read(self, text: str) -> Rulebook:
        """The rules of a text, as if it were one more file."""

    def rules(self) -> Sequence[Rule]:
        """Every rule of the files, as they say it, the disabled ones too."""

    def places(self) -> Mapping[str, tuple[str, int]]:
        """The file and the line of each rule, by its id."""

    def texts(self) -> Mapping[str, str]:
        """Each rule as it is written, with the workflows that it runs, by its id."""

    def faults(self) -> Sequence[Misconfigured]:
        """Why the files as they were last read are not in force; empty when they are."""

    def footing(self) -> Footing:
        """What the rules in force rest on."""


class NoRules:
    """The rules of an installation that has none; a text is checked against no configuration."""

    def index(self) -> RuleIndex:
        return RuleIndex()

    def read(self, text: str) -> Rulebook:
        return load_text(text)

    def rules(self) -> Sequence[Rule]:
        return ()

    def places(self) -> Mapping[str, tuple[str, int]]:
        return {}

    def texts(self) -> Mapping[str, str]:
        return {}

    def faults(self) -> Sequence[Misconfigured]:
        return ()

    def footing(self) -> Footing:
        return Footing()


NO_RULES = NoRules()


class OfFiles(NoRules):
    """The rules of files that were read once, for who asks about them and decides nothing."""

    def __init__(self, book: Rulebook) -> None:
        self._book = book

    def rules(self) -> Sequence[Rule]:
        return self._book.rules

    def places(self) -> Mapping[str, tuple[str, int]]:
        return self._book.places


def rule_called(source: RuleSource, name: str) -> Rule:
    """The rule of that id, as its file says it; raises NotFound with the nearest one that there is."""
    known = {rule.id: rule for rule in source.rules()}
    if name not in known:
        raise NotFound(f'there is no rule "{name}"{did_you_mean(name, known)}')
    return known[name]


def notices(source: RuleSource, left_out: Mapping[str, Sequence[Misconfigured]]) -> dict[str, str]:
    """What keeps rules from doing all that they should, by what was looked at, while everything else works."""
    refused = source.footing().in_words(source.faults())
    found = {"rules": refused} if refused else {}
    return found | {name: "; ".join(map(str, faults)) for name, faults in left_out.items()}
