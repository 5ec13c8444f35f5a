"""A silence as somebody wishes it: which alerts, until when and why; what cannot be meant is refused by its name."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from tracker.domain.rules.event_pattern import is_glob
from tracker.domain.runs.pause import MATCHED, Silence
from tracker.errors import BadParameter, did_you_mean
from tracker.parameters import parse_choice, parse_future_time, parse_span, refuse_zero_bytes

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime
    from uuid import UUID

LONGEST = timedelta(days=30)
LONGEST_WORD = 200
SEVERITIES = ("info", "warning", "critical")


def silence(
    id_: UUID, match: Mapping[str, str], ends: tuple[str | None, str | None], reason: str, by: str, now: datetime,
    known: Mapping[str, Collection[str]],
) -> Silence:  # fmt: skip
    """From now on; `ends` is a time or else how long ("2h"), `known` holds the values that a name of `match` can have.

    Raises BadParameter.
    """
    _check_match(match, {**known, "severity": SEVERITIES})
    refuse_zero_bytes(reason=reason)
    if not reason.strip():
        raise BadParameter("reason", "is empty: say why, for those who wonder")
    return Silence(id_, dict(match), now, _end(*ends, now), by, reason.strip())


def _check_match(match: Mapping[str, str], known: Mapping[str, Collection[str]]) -> None:
    """What could never fit an alert is a slip."""
    if not match:
        raise BadParameter("match", 'is empty: say which alerts; {"rule": "*"} is all of them')
    for name, text in match.items():
        refuse_zero_bytes(**{f"match.{name}": text})
        if name not in MATCHED:
            takes = ", ".join(MATCHED)
            raise BadParameter(f"match.{name}", f'alerts have no "{name}"{did_you_mean(name, MATCHED)}: match {takes}')
        if not text or len(text) > LONGEST_WORD:
            raise BadParameter(f"match.{name}", f"must be a text of 1 to {LONGEST_WORD} characters")
        if name in known and not is_glob(text):
            parse_choice(f"match.{name}", text, known[name])


def _end(until: str | None, for_: str | None, now: datetime) -> datetime:
    if (until is None) is (for_ is None):
        raise BadParameter("until", 'give its end: either "until" (a time) or "for" (as in "2h")')
    end = parse_future_time("until", until, now) if until else now + parse_span("for", for_ or "", now)
    name = "until" if until else "for"
    if end <= now:
        raise BadParameter(name, "is over already")
    if end > now + LONGEST:
        raise BadParameter(name, "is more than 30 days ahead: a silence that long hides what nobody remembers")
    return end
