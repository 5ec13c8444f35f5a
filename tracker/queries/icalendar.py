"""The calendar as programs for calendars subscribe to it: iCalendar (RFC 5545), in which no text can end its line."""

from __future__ import annotations

import unicodedata
from hashlib import sha256
from typing import TYPE_CHECKING

from tracker.domain.posts.event import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from tracker.domain.posts.post import Post
    from tracker.queries.calendar import Planned

ICALENDAR = "text/calendar"
LINE = 75
"""Octets of a line without its end; what follows goes on in the next one, behind a space."""

UNSETTLED = frozenset({State.UNKNOWN, State.DRAFT, State.AWAITING_APPROVAL})
ESCAPED = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n"})


def icalendar_of(posts: Iterable[Planned], now: datetime, link: Callable[[Post], str] | None = None) -> str:
    """An event for each post; `link` is the address of its page, where that is known."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//tracker//calendar//EN", "CALSCALE:GREGORIAN",
             "NAME:tracker", "X-WR-CALNAME:tracker", "REFRESH-INTERVAL;VALUE=DURATION:PT15M"]  # fmt: skip
    for planned in posts:
        lines += _event(planned, now, link)
    return "".join(folded(line) for line in [*lines, "END:VCALENDAR"])


def folded(line: str) -> str:
    """The line with its end, cut so that no part of it is longer than LINE octets, and no character is cut."""
    parts, room = [bytearray()], LINE
    for sign in line:
        octets = sign.encode("utf-8", "replace")
        if len(parts[-1]) + len(octets) > room:
            parts.append(bytearray())
            room = LINE - 1
        parts[-1] += octets
    return b"\r\n ".join(parts).decode() + "\r\n"


def escaped(text: str) -> str:
    """The text as a value: its line breaks are written out, and other control characters are left out."""
    lines = "\n".join(text.splitlines())
    return "".join(sign for sign in lines if sign == "\n" or unicodedata.category(sign) != "Cc").translate(ESCAPED)


def _event(planned: Planned, now: datetime, link: Callable[[Post], str] | None) -> Iterator[str]:
    post = planned.post
    platforms = sorted({target.platform for target in post.targets.values()})
    told = [f"{post.provider} {post.id}", ", ".join(platforms), post.problem.message if post.problem else ""]
    name = sha256(f"{post.provider}\n{post.id}".encode("utf-8", "replace")).hexdigest()[:40]
    description = escaped("\n".join(line for line in told if line))
    yield "BEGIN:VEVENT"
    yield f"UID:{name}@tracker"
    yield f"DTSTAMP:{_moment(now)}"
    yield f"DTSTART:{_moment(planned.at)}"
    yield f"SEQUENCE:{post.version}"
    yield f"SUMMARY:{escaped(f'{post.state}: {post.excerpt or post.id}')}"
    yield f"DESCRIPTION:{description}"
    yield f"STATUS:{'TENTATIVE' if post.state in UNSETTLED else 'CONFIRMED'}"
    yield "TRANSP:TRANSPARENT"
    if link:
        yield f"URL:{''.join(escaped(link(post)).split())}"
    yield "END:VEVENT"


def _moment(at: datetime) -> str:
    return at.strftime("%Y%m%dT%H%M%SZ")
