"""Which places of a provider's webhooks the mapping reads, and which words it knows: what drift is looked for in."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from tracker.domain.drift.shape import ANY_NAME, ELEMENT, Watched, below
from tracker.providers.mapping.paths import ROOT, Fork, Path
from tracker.providers.registry import KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracker.domain.posts.event import State
    from tracker.providers.adapter import Adapter
    from tracker.providers.mapping.mapping import PayloadMapping
    from tracker.settings import Settings

Watching = Callable[[str], Watched]
"""What is looked at in events of that name."""

OF_THE_BODY = frozenset({"event", "delivery", "occurred_at", "posts"})
"""Places that begin at the body, also where it is about several posts."""

LISTS = ("targets", "succeeded", "failed")
TARGET = "target_"


def watchings(settings: Settings, adapters: Mapping[str, Adapter]) -> dict[str, Watching]:
    """For each of the configured providers that send webhooks."""
    return {name: watching(settings, name, adapter) for name, adapter in adapters.items()}


def watching(settings: Settings, name: str, adapter: Adapter) -> Watching:
    """For one of the configured providers."""
    provider = settings.providers[name]
    kind = KINDS[provider.kind]
    statuses = {word.upper(): state for word, state in (kind.statuses | provider.statuses).items()}
    known: dict[str, State | None] = dict.fromkeys(kind.webhook_events)
    events = known | kind.events | {event.lower(): state for event, state in provider.events.items()}

    @cache
    def looked_at(variant: int) -> Watched:
        if variant < 0:
            return _watched(adapter.words, "", statuses, events)
        prefixes, words = adapter.variants[variant]
        named = next((one for one, kept in kind.variants.items() if kept.events == prefixes), "")
        return _watched(words, named, statuses, events)

    def watched(event: str) -> Watched:
        fitting = (n for n, (prefixes, _) in enumerate(adapter.variants) if event.startswith(prefixes))
        return looked_at(next(fitting, -1))

    return watched


def _watched(
    words: PayloadMapping, variant: str, statuses: Mapping[str, State | None], events: Mapping[str, State | None]
) -> Watched:
    paths = words.paths
    whole = _written(paths["posts"])[0] + ELEMENT if paths["posts"] else ""
    form = words.targets.form
    lists = [way for name in LISTS for way in _written(paths[name], whole) if paths[name]]
    after = {"list": ELEMENT, "map": f".{ANY_NAME}", "one": ""}[form]
    entries = [(f"{way}{after}" if way else after.removeprefix(".")) for way in lists]
    places: dict[str, tuple[str, ...]] = {}
    bases: dict[str, str] = {}
    for name, path in paths.items():
        if not path or path == ROOT:
            continue
        starts = [""] if name in OF_THE_BODY else entries or [whole] if name.startswith(TARGET) else [whole]
        found = tuple(dict.fromkeys(way for start in starts for way in _written(path, start)))
        if name in LISTS and form == "one":
            continue
        places[name], bases[name] = found, starts[0]
    if form == "map" and paths["targets"]:
        scalars = [f"{way}{after}" for way in _written(paths["targets"], whole)]
        places["target_status"] = (*places.get("target_status", ()), *scalars)
    return Watched(places, statuses, events, bases, frozenset(lists) if form == "map" else frozenset(), variant)


def _written(path: Path, start: str = "") -> list[str]:
    """The path as drift writes it: one, or each of several that will do."""
    if path == ROOT or not path:
        return [start]
    if isinstance(path[0], Fork):
        return [way for one in path[0].paths for way in _written(one, start)]
    for step in path:
        start = below(start, step)
    return [start]
