"""Where the rules of an installation come from, for all who look at them or try others beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from tracker.domain.dispatch import RuleIndex
from tracker.errors import NotFound, did_you_mean
from tracker.rulebook.loading import load_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tracker.domain.rule import Rule
    from tracker.errors import Misconfigured
    from tracker.rulebook.loading import Rulebook


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


class NoRules:
    """The rules of an installation that has none."""

    def index(self) -> RuleIndex:
        """None."""
        return RuleIndex()

    def read(self, text: str) -> Rulebook:
        """Checked against nothing."""
        return load_text(text)

    def rules(self) -> Sequence[Rule]:
        """None."""
        return ()

    def places(self) -> Mapping[str, tuple[str, int]]:
        """Nowhere."""
        return {}

    def texts(self) -> Mapping[str, str]:
        """None."""
        return {}

    def faults(self) -> Sequence[Misconfigured]:
        """None."""
        return ()


NO_RULES = NoRules()


def rule_called(source: RuleSource, name: str) -> Rule:
    """The rule of that id, as its file says it; raises NotFound with the nearest one that there is."""
    known = {rule.id: rule for rule in source.rules()}
    if name not in known:
        raise NotFound(f'there is no rule "{name}"{did_you_mean(name, known)}')
    return known[name]
