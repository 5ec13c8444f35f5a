"""Remarks: what reading a body gave rise to, for people to see beside what was read."""

from __future__ import annotations

from typing import Any

from tracker.providers.mapping.paths import storable

Remark = tuple[str, str]
"""A code and a text."""

UNREADABLE_TIME, UNPLACED_ENTRY, UNKNOWN_STATUS = "unreadable_time", "unplaced_entry", "unknown_status"
LONGEST_SHOWN = 80


def shown(value: Any) -> str:
    """A value for people, cut short, and fit to be stored: of tables and lists only what they are."""
    if isinstance(value, dict):
        return f"a table of {len(value)}"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, str):
        return f'"{cut(value)}"'
    if value is None:
        return "null"
    return cut(repr(value)) if isinstance(value, float) or abs(value) < 10**30 else "a huge number"


def cut(text: str) -> str:
    """No more of a text than is shown."""
    text = storable(text[: LONGEST_SHOWN + 1])
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 1]}…"
