"""The rules in force: loaded once, and replaced as a whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from tracker.errors import Misconfigured
from tracker.rulebook import Known, Rulebook, load_rules

if TYPE_CHECKING:
    from pathlib import Path

    from tracker.domain.rule import RuleIndex
    from tracker.settings import Settings

log = structlog.get_logger(__name__)


class RulesInForce:
    """Raises Misconfigured, naming every fault, when the rules cannot be loaded at the start."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._book = read_rules(self._settings)
        self._faults: tuple[Misconfigured, ...] = ()
        if self._book.faults:
            raise Misconfigured("\n".join(map(str, self._book.faults)))

    def index(self) -> RuleIndex:
        """What decides at this moment."""
        return self._book.index

    def faults(self) -> tuple[Misconfigured, ...]:
        """Why the files as they were last read are not in force; empty when they are."""
        return self._faults

    def reload(self) -> bool:
        """Put the files as they are now in force; with any fault the last good rules stay."""
        book = read_rules(self._settings)
        self._faults = book.faults
        for fault in book.faults:
            log.error("rules.refused", fault=str(fault))
        if not book.faults:
            self._book = book
            log.info("rules.loaded", rules=len(book.rules), files=len(book.files))
        return not book.faults


def read_rules(settings: Settings, folder: Path | None = None) -> Rulebook:
    """The rules of that folder, else of the configured one, checked against the names in the configuration."""
    known = Known(settings.channels.keys(), settings.endpoints.keys(), settings.providers.keys())
    return load_rules(folder or settings.rules.dir, known)
