"""How a finding is shown: the lines of configuration that would map what has drifted, and an example of a payload.

What the lines take a word for is a guess, and said to be. The example has its shape and its words for states, and
nothing else as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from difflib import get_close_matches
from itertools import islice
from typing import Any

import msgspec

from tracker.domain.drift.findings import MOSTLY, Drift, Finding
from tracker.domain.drift.shape import ELEMENT, MOST_NAMES, Watched, below, name_in, parent, word_of
from tracker.domain.drift.usual import Tally, Usual
from tracker.domain.posts.event import State

BARE = re.compile(r"[A-Za-z0-9_-]+")
NEAR, SHORTEST = 0.6, 4
"""How like a word must be; and so many letters are a word that may stand within another one."""


NEW = "new.place"


def remedy(provider: str, finding: Finding, usual: Usual, watched: Watched) -> str:
    """What to write into the settings of the provider; empty where there is nothing that must be mapped."""
    section = f"providers.{key(provider)}"
    match finding.drift:
        case Drift.STATUS:
            state = guess(finding, usual, watched)
            return f"[{section}.statuses]\n{key(finding.found)} = {_text(state)}  # {_doubt(state)}"
        case Drift.EVENT:
            state = _nearest(finding.found, watched.events) or ""
            return f"[{section}.events]\n{key(finding.found)} = {_text(state)}  # {_doubt(state)}"
        case Drift.FIELD:
            return ""
    place, doubt = _place(finding, usual, watched)
    table = f"[{section}.fields{'.' + key(watched.variant) if watched.variant else ''}]"
    return f"{table}\n{key(finding.name)} = {_text(place)}  # {doubt}" if place else ""


def guess(finding: Finding, usual: Usual, watched: Watched) -> str:
    """The state that an unknown status most likely stands for; empty where nothing tells.

    What the one word meant that stands there no more; else what the event's name means; else the nearest word.
    """
    month, lately = usual.month(watched), usual.lately(watched)
    before, now = month.words_at(finding.path), lately.words_at(finding.path)
    gone = {watched.statuses.get(word.upper()) for word in before.keys() - now.keys()}
    named = watched.events.get(finding.event)
    meant = gone - {None}
    if len(meant) == 1 and (named is None or named in meant):
        return str(meant.pop())
    if finding.name == "status" and named:
        return str(named)
    near = _nearest(finding.found, watched.statuses)
    return near or (str(named) if named else "")


def _nearest(word: str, known: Mapping[str, State | None]) -> str:
    """The meaning of the nearest known word that has one, or the nearest state; a name's beginning tells little."""
    meanings = {_last(name): str(state) for name, state in known.items() if state}
    meanings |= {state.upper(): str(state) for state in State}
    one = _last(word)
    if one in meanings:
        return meanings[one]
    within = sorted((name for name in meanings if len(name) >= SHORTEST and name in one), key=len)
    near = within[-1:] or get_close_matches(one, meanings, 1, NEAR)
    return meanings[near[0]] if near else ""


def _last(name: str) -> str:
    return name.upper().rpartition(".")[2]


def _doubt(state: str) -> str:
    return "a guess" if state else f'"" is no news of the post; or one of: {", ".join(State)}'


def _place(finding: Finding, usual: Usual, watched: Watched) -> tuple[str, str]:
    """Where the value stands now, or else before, from where such places begin; and how sure that is.

    The old place stays beside the new one, so that what was told before is read as it was.
    """
    base = watched.bases.get(finding.name, "")
    before = _within(finding.path, base)
    if finding.instead:
        return f"{_within(finding.instead, base)}|{before}", "a guess: it is new beside it, and of the same type"
    if finding.drift is Drift.VANISHED:
        return f"{NEW}|{before}", f"{NEW}: where it stands now; nothing is to be mapped where it is told no more"
    inner = _inside(finding, usual.lately(watched)) if finding.found == "object" else ""
    return (f"{_within(inner, base)}|{before}", "a guess: it stands in what is there now") if inner else ("", "")


def _inside(finding: Finding, lately: Tally) -> str:
    """What stands in the object that is there now in most events, and is of the type that was there before."""
    fit = [path for path in lately.paths if parent(path) == finding.path]
    fit = sorted(path for path in fit if lately.share(path, finding.was) >= MOSTLY)
    return next(iter(get_close_matches(below(finding.path, finding.path.rpartition(".")[2]), fit, 1, 0)), "")


def _within(path: str, base: str) -> str:
    return path.removeprefix(f"{base}.") if base else path


def key(name: str) -> str:
    """The name as a key of TOML."""
    return name if BARE.fullmatch(name) else _text(name)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


MOST_SHOWN, MOST_LISTED, DEEPEST, LARGEST = (30, 8, 0), 2, 7, 4000
"""Names of an object (fewer of a larger one), elements of an array, levels, and bytes."""

WORDS = frozenset({"event", "target_platform"})
"""Places whose words are the provider's own, beside statuses."""

SHORT = 4


def example_of(payload: Any, watched: Watched) -> Any:
    """The payload without what anybody has written, and without secrets: texts are told by their length.

    Of a large one less is shown, and at last only what is mapped.
    """
    for names in MOST_SHOWN:
        shown = _shown(payload, "", watched, names, 0)
        if len(msgspec.json.encode(shown)) <= LARGEST:
            break
    return shown


def _shown(found: Any, path: str, watched: Watched, names: int, depth: int) -> Any:
    if isinstance(found, dict):
        return {} if depth == DEEPEST else _table(found, path, watched, names, depth)
    if isinstance(found, list):
        inner = [] if depth == DEEPEST else found[:MOST_LISTED]
        more = [f"and {len(found) - len(inner)} more"] if len(found) > len(inner) else []
        return [_shown(one, path + ELEMENT, watched, names, depth + 1) for one in inner] + more
    if found is None or isinstance(found, bool):
        return found
    if _is_word(path, watched) and (word := word_of(found)):
        return word
    if path in watched.places.get("post", ()) and len(str(found)) > 2 * SHORT:
        return f"{str(found)[:SHORT]}…"
    return f"text of {len(found)}" if isinstance(found, str) else "number"


def _table(found: dict[str, Any], path: str, watched: Watched, names: int, depth: int) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for name, inner in islice(found.items(), MOST_NAMES):
        way = name_in(path, name, watched)
        if len(shown) < names or below(path, way) in watched.named:
            shown[way] = _shown(inner, below(path, way), watched, names, depth + 1)
    return shown


def _is_word(path: str, watched: Watched) -> bool:
    return path in watched.worded or any(path in watched.places.get(name, ()) for name in WORDS)
