"""What each kind tells of the truth about a post, as a table made from the code and from its shapes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from tests.unit.conforming import adapter_of, answers_of
from tests.unit.shapes import SHAPES, Case
from tracker.providers.mapping.fields import FieldPath
from tracker.providers.mapping.mapping import PayloadMapping
from tracker.providers.spec import ProviderSpec
from tracker.providers.times import time_of, unit_of

HEAD = ("kind", "told in", "lists", "account", "item", "time", "error", "gone")
UNITS = {timedelta(0): "µs", timedelta(milliseconds=1): "ms", timedelta(seconds=1): "s"}


def lines(kinds: Iterable[ProviderSpec]) -> Iterator[tuple[str, ...]]:
    """One for its webhooks and one for its answers."""
    for kind in kinds:
        if kind.scheme:
            places = dict(kind.places)
            for variant in kind.variants.values():
                places |= {name: place for name, place in variant.places.items() if place.path and name not in places}
            yield _line(kind, "webhooks", places, kind.lists, _time(kind.name, "occurred_at"))
        gone = _told(kind.gone) if "get" in kind.calls else ""
        yield (*_line(kind, "answers", kind.answers, kind.answer_lists, _time(kind.name, "updated_at"))[:-1], gone)


def _line(
    kind: ProviderSpec, where: str, places: Mapping[str, FieldPath], lists: FieldPath, time: str
) -> tuple[str, ...]:
    places = {name: place for name, place in places.items() if place.path}
    account, item = (_told(places[name]) if name in places else "" for name in ("target_account", "target_item"))
    return (f"`{kind.name}`", where, _told(lists), account, item, time, _errors(places), "")


def _errors(places: Mapping[str, FieldPath]) -> str:
    """Of the post, and of a target."""
    both = (
        [f"`{places[name].path}`" for name in (f"{whose}error_code", f"{whose}error_message") if name in places]
        for whose in ("", "target_")
    )
    post, target = (", ".join(found) for found in both)
    return "; ".join(part for part in (post, f"at a target {target}" if target else "") if part)


def _told(place: FieldPath) -> str:
    text = place.path if place.path in ("whole", "part") else f"`{place.path}`"
    return f"{text}{'' if place.documented else ' (assumed)'}" if place.path else ""


def _time(kind: str, name: str) -> str:
    """The unit in which most of its shapes tell the time at the place."""
    units = [unit_of(found) for words, case in _read(kind, name) for found in _found(words, case, name)
             if time_of(found, words.zone)]  # fmt: skip
    return UNITS[Counter(units).most_common(1)[0][0]] if units else ""


def _read(kind: str, name: str) -> Iterator[tuple[PayloadMapping, Case]]:
    for title, case in SHAPES[kind].items():
        if isinstance(case, Case):
            in_answers = title.startswith(("answer", "list"))
            if in_answers and name == "updated_at":
                yield answers_of(kind).words, case
            elif not in_answers and name == "occurred_at" and not case.code:
                yield adapter_of(kind).words, case


def _found(words: PayloadMapping, case: Case, name: str) -> Iterator[Any]:
    if name == "occurred_at":
        yield words.occurred_at(case.body)
        return
    body = case.body
    entries = body if isinstance(body, list) else [body]
    while entries:
        entry = entries.pop()
        if isinstance(entry, dict):
            yield words.updated_at(entry)
            entries = [*entries, *entry.values()]
        elif isinstance(entry, list):
            entries = [*entries, *entry]
