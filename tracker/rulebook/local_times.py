"""`at`: a moment as the clocks of a zone show it, the same in the holes of texts and as a filter of templates."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from tracker.domain.calendar import parse_zone
from tracker.domain.rules.grouping import EPOCH

FORMAT = "%Y-%m-%d %H:%M"
EXAMPLE = 'at(post.scheduled_at, "Europe/Istanbul", "%d.%m.%Y %H:%M")'
_DIRECTIVE = re.compile(r"%-?(.|$)", re.DOTALL)
_KNOWN = "aAbBdfGHIjmMpSuUVwWyYzZ%"
LONGEST = 100


def at(moment: datetime | str, zone: str, form: str = FORMAT) -> str:
    """The moment in that zone; nothing where it is not known. Items write theirs as ISO 8601 does."""
    moment = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return "" if moment == EPOCH else moment.astimezone(ZoneInfo(zone)).strftime(form)


def wrong_arguments(zone: object, form: object) -> Iterator[str]:
    """What is wrong with the zone and the form (None: not given) of an `at`."""
    if not isinstance(zone, str) or not isinstance(form, str | None):
        yield f"the zone and the format of at stand here in quotes: write {EXAMPLE}"
        return
    try:
        parse_zone(zone)
    except ValueError as error:
        yield str(error)
    found = _DIRECTIVE.findall(form or FORMAT)
    odd = next((sign for sign in found if not sign or sign not in _KNOWN), None)
    if odd is not None:
        yield f'"%{odd}" is no part of a time (there are {", ".join(f"%{one}" for one in _KNOWN)})'
    elif not found:
        yield f'"{form}" shows nothing of a time: parts are written as in "{FORMAT}"'
    elif form and len(form) > LONGEST:
        yield f"the format is {len(form)} characters long; {LONGEST} are allowed"
