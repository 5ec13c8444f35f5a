"""What recent events have that is not usual, where it matters to the mapping; one odd event is never enough.

A finding lasts until it is mended: until the mapping knows the word, the name or the place, until the provider is as it
was, or until what was found has been so for so long that it is what is usual.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from difflib import get_close_matches
from enum import StrEnum

from msgspec import Struct

from tracker.domain.drift.shape import NULL, Shape, Watched, parent, ways
from tracker.domain.drift.usual import MONTH, STANDS, Tally, Usual, total

LEAST_KNOWN, LEAST_RECENT = 30, 10
"""From fewer events of a month, or lately, nothing is said."""

USUAL_AFTER = timedelta(days=14)
"""What has been so for so long is what is usual, unless it is a word or an event that nothing maps."""

LEAST_SEEN = 3
"""A new event, or a new word, has come so often."""

ALWAYS, NEVER, MOSTLY = 0.99, 0.01, 0.5
"""In so many of the events."""


class Drift(StrEnum):
    """What has changed."""

    EVENT = "event"
    STATUS = "status"
    FIELD = "field"
    TYPE = "type"
    VANISHED = "vanished"


Identity = tuple[Drift, str, str, str]


class Finding(Struct, frozen=True):
    """One thing that has changed in an event.

    `path` is where, and `name` what the mapping calls the place, where it is one. `found` is the new name, word or
    type; `was` the type that stood there, or stands no more; `instead` is a new field that seems to be what vanished.
    """

    drift: Drift
    event: str
    path: str = ""
    found: str = ""
    name: str = ""
    was: str = ""
    instead: str = ""

    @property
    def identity(self) -> Identity:
        """What makes it the same finding."""
        return self.drift, self.event, self.path, self.found


def compare(event: str, usual: Usual, watched: Watched, now: datetime) -> tuple[Finding, ...]:
    """What of the event has drifted."""
    month, lately = usual.month(watched), usual.lately(watched)
    found = [*_unknown_event(event, usual, watched, now), *_unknown_words(event, month, lately, watched)]
    if month.events >= LEAST_KNOWN and lately.events >= LEAST_RECENT:
        new = list(_new_fields(event, month, lately, watched))
        vanished = [_replaced(one, new, month, lately) for one in _vanished(event, month, lately, watched)]
        taken = {one.instead for one in vanished}
        found += [*vanished, *(one for one in new if one.path not in taken), *_types(event, month, lately, watched)]
    return tuple(found)


def lasts(finding: Finding, usual: Usual, watched: Watched, since: datetime, now: datetime) -> bool:
    """Whether it is still so, and not yet for so long that it is usual."""
    lately = usual.lately(watched)
    match finding.drift:
        case Drift.EVENT:
            return not watched.knows(finding.event) and now - since < MONTH
        case Drift.STATUS:
            seen = finding.found in total((usual.month(watched), lately), watched).words_at(finding.path)
            return seen and finding.path in watched.worded and finding.found.upper() not in watched.statuses
        case Drift.FIELD:
            still = finding.path not in watched.named and lately.share(finding.path) >= MOSTLY
        case Drift.TYPE:
            read = finding.path in watched.places.get(finding.name, ())
            still = read and lately.share(finding.path, finding.found) >= MOSTLY
        case Drift.VANISHED:
            places = watched.places.get(finding.name, ())
            still = finding.path in places and sum(map(lately.share, places)) < MOSTLY
    return still and now - since < USUAL_AFTER


def shows(finding: Finding, shape: Shape, watched: Watched) -> bool:
    """Whether one event is an example of it."""
    match finding.drift:
        case Drift.STATUS:
            return finding.found in shape.words.get(finding.path, ())
        case Drift.FIELD:
            return shape.has(finding.path)
        case Drift.TYPE:
            return finding.found in shape.types.get(finding.path, ())
        case Drift.VANISHED:
            return not any(map(shape.has, watched.places.get(finding.name, (finding.path,))))
    return True


def _unknown_event(event: str, usual: Usual, watched: Watched, now: datetime) -> Iterator[Finding]:
    new = usual.before >= LEAST_KNOWN and now - usual.first_at < MONTH
    if new and usual.events >= LEAST_SEEN and not watched.knows(event):
        yield Finding(Drift.EVENT, event, found=event)


def _unknown_words(event: str, month: Tally, lately: Tally, watched: Watched) -> Iterator[Finding]:
    """A word that stands at several places is told at one of them: the post's own, where it is there."""
    both, told = total((month, lately), watched), set()
    for name in ("status", "target_status"):
        for path in watched.places.get(name, ()):
            for word, times in sorted(both.words_at(path).items()):
                if times >= LEAST_SEEN and word.upper() not in watched.statuses and word not in told:
                    told.add(word)
                    yield Finding(Drift.STATUS, event, path, word, name)


def _new_fields(event: str, month: Tally, lately: Tally, watched: Watched) -> Iterator[Finding]:
    """Of a new table only the table itself."""
    new = {path for path in lately.paths if month.share(path) < NEVER and lately.share(path) >= MOSTLY}
    for path in sorted(new):
        near = parent(path) in watched.neighbourhood and path not in watched.named
        if near and not new & set(ways(parent(path))):
            yield Finding(Drift.FIELD, event, path, kind_of(lately, path))


def _vanished(event: str, month: Tally, lately: Tally, watched: Watched) -> Iterator[Finding]:
    """Where one of several paths will do, none leads anywhere; what stood within another that is gone is not told."""
    gone: dict[str, tuple[str, str]] = {}
    for name, paths in watched.places.items():
        usual = max(paths, key=month.share, default="")
        if usual and month.share(usual) >= ALWAYS and sum(map(lately.share, paths)) < MOSTLY:
            gone.setdefault(usual, (name, kind_of(month, usual)))
    for path, (name, kind) in sorted(gone.items()):
        if not gone.keys() & set(ways(parent(path))):
            yield Finding(Drift.VANISHED, event, path, name=name, was=kind)


def _replaced(vanished: Finding, new: list[Finding], month: Tally, lately: Tally) -> Finding:
    """With the new field beside it that holds the same type, the one with the nearest name where there are several."""
    beside = [one.path for one in new if parent(one.path) == parent(vanished.path) and one.found == vanished.was]
    if not beside:
        return vanished
    instead = beside[0] if len(beside) == 1 else next(iter(get_close_matches(vanished.path, beside, 1, 0)))
    return Finding(Drift.VANISHED, vanished.event, vanished.path, "", vanished.name, vanished.was, instead)


def _types(event: str, month: Tally, lately: Tally, watched: Watched) -> Iterator[Finding]:
    for name, paths in sorted(watched.places.items()):
        for path in paths:
            was = kind_of(month, path)
            if month.share(path, was) < ALWAYS:
                continue
            for kind in sorted(lately.paths.get(path, {})):
                often = lately.share(path, kind) >= MOSTLY
                if kind not in (STANDS, NULL, was) and month.share(path, kind) < NEVER and often:
                    yield Finding(Drift.TYPE, event, path, kind, name, was)


def kind_of(tally: Tally, path: str) -> str:
    """The type that stands there most often."""
    kinds = {kind: times for kind, times in tally.paths.get(path, {}).items() if kind not in (STANDS, NULL)}
    return max(sorted(kinds), key=lambda kind: kinds[kind], default="")
