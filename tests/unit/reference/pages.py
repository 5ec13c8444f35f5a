"""Which pages there are in docs/reference, and what makes each."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from tests.unit.reference import (
    api_page,
    asked_page,
    facts_page,
    log_page,
    metrics_page,
    mistakes_page,
    rule_keys_page,
    settings_page,
)

FOLDER = Path(__file__).parents[3] / "docs" / "reference"
PAGES: dict[str, ModuleType] = {
    "settings.md": settings_page,
    "rule-keys.md": rule_keys_page,
    "rule-mistakes.md": mistakes_page,
    "api.md": api_page,
    "own-facts.md": facts_page,
    "log-lines.md": log_page,
    "metrics.md": metrics_page,
    "../rules-people-ask-for.md": asked_page,
}
NOTE = "<!-- Made from the code: `./run python -m tests.unit.reference` writes it anew. -->"


def page(name: str) -> str:
    """The text of the page as it has to be."""
    made = PAGES[name]
    return f"# {made.TITLE}\n\n{NOTE}\n\n{made.made()}\n"
