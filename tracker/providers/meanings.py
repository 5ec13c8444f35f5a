"""What a provider's words mean: its statuses, and whether it says that another try can help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from tracker.domain.event import Problem, State
from tracker.providers.body import Path, find, prose_at, text_at, word_at

if TYPE_CHECKING:
    from collections.abc import Mapping

ProblemPaths = tuple[Path, Path, Path]
"""Where code, message and retryable stand."""


@dataclass(frozen=True, slots=True)
class Meanings:
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

    def status(self, value: Any, path: Path) -> tuple[State | None, str | None]:
        """The state at `path`, and the provider's word for it; a truth value counts as "true" or "false"."""
        raw = word_at(value, path)
        if not raw:
            return None, None
        word = raw.upper()
        if word in self.silent:
            return None, None
        return self.statuses.get(word), raw

    def problem(self, value: Any, paths: ProblemPaths) -> Problem | None:
        """What went wrong; None where neither a code nor a message stands there."""
        code, message = text_at(value, paths[0]), prose_at(value, paths[1])
        if not code and not message:
            return None
        return Problem(code or "unspecified", message or "", self._helps(find(value, paths[2])))

    def _helps(self, found: Any) -> bool | None:
        if isinstance(found, bool):
            return found
        return self.retryable.get(found.upper()) if isinstance(found, str) else None
