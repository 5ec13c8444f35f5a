"""A new post, written as its provider wants to be told of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tracker.providers.mapping.paths import parse_path, put, stamp
from tracker.providers.registry import KINDS

if TYPE_CHECKING:
    from tracker.settings import Settings


@dataclass(frozen=True, slots=True)
class NewPost:
    """What is to be published, where, and when: `at` None is now."""

    platforms: tuple[str, ...]
    text: str
    accounts: tuple[str, ...] = ()
    at: datetime | None = None


def described(settings: Settings, provider: str, post: NewPost) -> dict[str, Any]:
    """The body of the call that creates the post; raises Misconfigured where it is not known how that is written."""
    section = settings.providers[provider]
    places = KINDS[section.kind].post
    if not places:
        raise settings.fault(f"providers.{provider}.kind", f'it is not known how "{section.kind}" takes new posts')
    values = {
        "platforms": list(post.platforms),
        "text": post.text,
        "accounts": list(post.accounts) or None,
        "scheduled_at": stamp(post.at) if post.at else None,
    }
    body: dict[str, Any] = {}
    for name, place in places.items():
        put(body, parse_path(section.post.get(name, place.path)), values[name])
    return body
