"""docs/decisions: each page says what was decided, and names checks that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "decisions").glob("*.md"))
PARTS = ["Context", "Decision", "Consequences", "Enforced by"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_decision_is_short_and_held_by_checks_that_there_are(page: Path) -> None:
    """Each check is a function of a file of tests."""
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == PARTS
    assert len(text.splitlines()) <= 40
    checks = re.findall(r"^- `(tests/[\w/]+\.py)::(test_\w+)`$", text.rpartition("## Enforced by")[2], re.MULTILINE)
    assert checks
    for file, check in checks:
        assert re.search(rf"^(async )?def {check}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE), check


def test_there_are_decisions() -> None:
    assert len(PAGES) > 9
