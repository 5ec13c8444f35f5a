"""The rule files that the configuration names, checked against the other names in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracker.rulebook.context import Known
from tracker.rulebook.loading import Rulebook, load_rules, load_text

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from tracker.settings import Settings


def read_rules(settings: Settings, folder: Path | None = None) -> Rulebook:
    """The rules of that folder, else of the configured one, checked against the names in the configuration."""
    return load_rules(folder or settings.rules.dir, _known(settings))


def read_text(settings: Settings, text: str, file: str, others: Collection[str]) -> Rulebook:
    """The rules of one text, called `file` in faults, that are to stand beside `others` in the configured folder."""
    return load_text(text, file, _known(settings), settings.rules.dir, others)


def _known(settings: Settings) -> Known:
    channels, endpoints = settings.names("channels"), settings.names("endpoints")
    return Known(channels, endpoints, settings.providers.keys(), settings.rules.budget)
