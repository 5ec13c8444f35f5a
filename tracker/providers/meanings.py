"""What a provider's words mean: its statuses, and whether it says that another try can help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from tracker.domain.posts.event import Problem, State
from tracker.providers.finding import ProblemFinder
from tracker.providers.mapping.paths import prose_of, text_of, word_of

if TYPE_CHECKING:
    from collections.abc import Mapping


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
