"""What a provider's statuses and errors mean, whatever form they are told in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from tracker.domain.posts.event import Problem, State
from tracker.providers.entries import EMPTY
from tracker.providers.mapping.paths import ProblemFinder, code_of, prose_of, text_of, word_of
from tracker.providers.remarks import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

UNSPECIFIED = "unspecified"
REASONS = ("error", "errors", "errorMessage", "error_message", "message", "reason", "details")
"""Where a provider may tell why something failed that has nothing to say at its own place."""

STATED = ("status", "state", "name", "value")
"""Where the word stands in a status that is told by a table."""


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


def _plain(found: Any, beside: Any = None) -> Problem | None:
    """What a text, a list or a table says that stands for a reason itself; the code may stand `beside` a text."""
    code, message = code_of(found) or (code_of(beside) if isinstance(found, str) else None), prose_of(found)
    return Problem(code or UNSPECIFIED, message or "") if code or message else None
