"""What the pages know of the installation that they are about."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from tracker.settings import Settings


@dataclass(frozen=True, slots=True)
class Installation:
    """The configuration; `doors` are the providers that send webhooks."""

    settings: Settings = field(default_factory=Settings)
    doors: Collection[str] = ()

    @property
    def edits_rules(self) -> bool:
        """Whether rule files may be edited on the dashboard."""
        return self.settings.dashboard.edit_rules
