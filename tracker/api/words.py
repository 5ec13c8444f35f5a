"""The parameters that many addresses share, and what handlers are given."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Protocol, runtime_checkable

from litestar.params import PathParameter, QueryParameter

from tracker.domain.dispatch import RuleIndex
from tracker.domain.rule import Rule
from tracker.errors import Misconfigured
from tracker.rulebook import Rulebook, load_text
from tracker.store.paging import MAX_LIMIT

Clock = Callable[[], datetime]

LARGEST_NUMBER = 2**63 - 1

Limit = Annotated[int, QueryParameter(description="Items on one page.", ge=1, le=MAX_LIMIT)]
Cursor = Annotated[str | None, QueryParameter(description="The `next` of the page before.")]
ProviderName = Annotated[str | None, QueryParameter(description="The provider's name in the configuration.")]
DryRun = Annotated[bool, QueryParameter(description="Only say what would become of it.")]
Raw = Annotated[bool, QueryParameter(description="With headers and body as they were signed (admin).")]
PostId = Annotated[str, PathParameter(description="The post's id at its provider.")]


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

    def faults(self) -> Sequence[Misconfigured]:
        """None."""
        return ()


NO_RULES = NoRules()
