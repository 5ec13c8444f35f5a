"""What an event about an account says: which one, and whether its provider can still publish there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from tracker.domain.accounts import AccountFact, AccountState
from tracker.providers.mapping.paths import LONGEST_ID, Finder, finder, text_of, word_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracker.providers.mapping.paths import Path

LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class AccountWords:
    """Where account, platform, name and status stand; `states` is what a status, or else the event's name, means."""

    account: Finder
    platform: Finder
    name: Finder
    status: Finder
    states: Mapping[str, AccountState | None]

    @classmethod
    def build(cls, paths: Mapping[str, Path], states: Mapping[str, AccountState | None]) -> Self:
        """From the paths of all places by name."""
        return cls(
            finder(paths["account"]),
            finder(paths["account_platform"]),
            finder(paths["account_name"]),
            finder(paths["account_status"]),
            {word.lower(): state for word, state in states.items()},
        )

    def read(self, body: Any, event: str) -> AccountFact | None:
        """None where no account is named."""
        account = text_of(self.account(body))
        if not account or len(account) > LONGEST_ID:
            return None
        platform, name, status = text_of(self.platform(body)), text_of(self.name(body)), word_of(self.status(body))
        state = self.states.get(status.lower()) if status else None
        return AccountFact(
            account,
            platform.lower()[:LONGEST_ID] if platform else None,
            name[:LONGEST_NAME] if name else None,
            state or self.states.get(event),
        )
