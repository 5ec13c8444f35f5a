"""An example of a payload that can be shown: its shape and its words for states, and nothing else as it is."""

from __future__ import annotations

from itertools import islice
from typing import Any

import msgspec

from tracker.domain.drift.shape import MOST_NAMES, name_in, word_of
from tracker.domain.drift.watched import ELEMENT, Watched, below

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
