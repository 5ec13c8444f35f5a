"""A new post in a provider's words: where its platforms, text, accounts and time stand in the call that creates it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tracker.providers.mapping.paths import parse_path, put
from tracker.providers.registry import KINDS
from tracker.providers.times import stamp

if TYPE_CHECKING:
    from tracker.settings import Settings


@dataclass(frozen=True, slots=True)
class NewPost:
    """What is to be published, where, and when: `at` None is now."""

    platforms: tuple[str, ...]
    text: str
    accounts: tuple[str, ...] = ()
    at: datetime | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


def paired(
    platforms: Sequence[str], accounts: Sequence[str], known: Mapping[str, str]
) -> tuple[tuple[str, str | None], ...]:
    """Each platform with each account on it, or with None where it is not known which that is.

    An account is on the platform that is `known` of it; of the others, on the one platform that there is, or, where
    there are as many platforms left as accounts, on that in its place.
    """
    found = [(known[account], account) for account in accounts if known.get(account) in platforms]
    others = [account for account in accounts if known.get(account) not in platforms]
    taken = {platform for platform, _ in found}
    left = [platform for platform in platforms if platform not in taken]
    if len(platforms) == 1:
        found += [(platforms[0], account) for account in others]
    elif len(left) == len(others):
        found += zip(left, others, strict=True)
    named = {platform for platform, _ in found}
    return (*found, *((platform, None) for platform in platforms if platform not in named))


def places_of(settings: Settings, provider: str) -> dict[str, str]:
    """Where the parts of a new post stand in the call that creates it; empty where nobody has said so."""
    section = settings.providers[provider]
    return {name: place.path for name, place in KINDS[section.kind].post.items()} | section.post


def described(settings: Settings, provider: str, post: NewPost) -> dict[str, Any]:
    """The body of the call that creates the post; raises Misconfigured where it is not known how that is written."""
    places = places_of(settings, provider)
    if not places:
        kind = settings.providers[provider].kind
        raise settings.fault(f"providers.{provider}.kind", f'it is not known how "{kind}" takes new posts')
    values = {
        "platforms": list(post.platforms),
        "text": post.text,
        "accounts": list(post.accounts) or None,
        "scheduled_at": stamp(post.at) if post.at else None,
    }
    body: dict[str, Any] = {}
    for name, place in places.items():
        put(body, parse_path(place), values[name])
    return body
