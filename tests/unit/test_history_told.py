"""A post's history in words: each type of entry has its own."""

from __future__ import annotations

import re

import pytest

from tracker.cli.posts import _TOLD, entry_text
from tracker.queries.history import TIMELINE


def test_every_type_of_entry_has_its_words() -> None:
    kinds = set(re.findall(r"'(\w+)'(?: as type)?,\s+jsonb_build_object", TIMELINE))
    assert kinds | {"change"} == _TOLD.keys()


@pytest.mark.parametrize(
    ("kind", "entry", "words"),
    [
        ("move", {"rule": "r", "said": "done", "target": None}, "r: done"),
        ("move", {"rule": "r", "said": "backs off", "target": "x#1"}, "r: backs off for x#1"),
        ("silence", {"by": "ops", "until": "12:00", "reason": "we know"}, "silence by ops until 12:00: we know"),
        ("run", {"rule": "r", "state": "active"}, "r is active"),
    ],
)
def test_an_entry_in_words(kind: str, entry: dict[str, object], words: str) -> None:
    assert entry_text(kind, entry) == words
