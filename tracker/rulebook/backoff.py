"""Pauses between tries as people write them: "1m x2 max 30m jitter 20%"."""

from __future__ import annotations

import re
from datetime import timedelta

from tracker.domain.actions import Backoff
from tracker.domain.duration import parse_duration

FORMS = 'the first pause, then "x2", "max 30m" and "jitter 20%" as wanted, as in "1m x2 max 30m jitter 20%"'
STEEPEST = 100

_TEXT = re.compile(r"(\S+)(?:\s+x\s*(\d+(?:\.\d+)?))?(?:\s+max\s+(\S+))?(?:\s+jitter\s+(\d+)\s*%)?", re.ASCII)


def parse_backoff(text: str) -> Backoff:
    """The pauses that `text` names. Raises ValueError, whose text tells the accepted form."""
    found = _TEXT.fullmatch(text.strip())
    if found is None:
        raise ValueError(f'"{text}" is not a backoff: write {FORMS}')
    first, factor, longest, jitter = found.groups()
    backoff = Backoff(
        first=parse_duration(first),
        factor=float(factor or 1),
        longest=parse_duration(longest) if longest else max(parse_duration(first), timedelta(days=1)),
        jitter=int(jitter or 0) / 100,
    )
    if wrong := _wrong(backoff):
        raise ValueError(f'"{text}": {wrong}')
    return backoff


def _wrong(backoff: Backoff) -> str | None:
    if backoff.first <= timedelta(0):
        return "the first pause must be longer than nothing"
    if backoff.longest < backoff.first:
        return "the longest pause is shorter than the first"
    if not 1 <= backoff.factor <= STEEPEST:
        return f"pauses grow by a factor from 1 to {STEEPEST}"
    return "the jitter is at most 100%" if backoff.jitter > 1 else None
