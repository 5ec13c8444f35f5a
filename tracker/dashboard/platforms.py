"""Platforms as people know them: their names, a mark for each, and what to call the targets of a post."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracker.domain.posts.target import Target

PLATFORMS = {
    "bluesky": "Bluesky", "facebook": "Facebook", "google_business": "Google Business", "instagram": "Instagram",
    "linkedin": "LinkedIn", "mastodon": "Mastodon", "pinterest": "Pinterest", "reddit": "Reddit",
    "snapchat": "Snapchat", "telegram": "Telegram", "threads": "Threads", "tiktok": "TikTok", "x": "X",
    "youtube": "YouTube",
}  # fmt: skip


MARKS = {
    "bluesky": (
        "M8 7.5C6.5 4.5 4.5 3 2.5 3c0 4 1 5.5 3.5 5.5C3.5 9 4 12.5 6 12.5c1 0 1.7-1.5 2-3 .3 1.5 1 3 2 3 2 0"
        " 2.5-3.5 0-4 2.5 0 3.5-1.5 3.5-5.5-2 0-4 1.5-5.5 4.5z"
    ),
    "facebook": "M8 14.5a6.5 6.5 0 1 1 0-13 6.5 6.5 0 0 1 0 13zM8 14V7.5C8 6 9 5.2 10.5 5.5M6 9h4",
    "google_business": "M2 6.5 3.5 2h9L14 6.5a2 2 0 0 1-4 0 2 2 0 0 1-4 0 2 2 0 0 1-4 0zM3 9v5h10V9",
    "instagram": (
        "M4.5 1.5h7a3 3 0 0 1 3 3v7a3 3 0 0 1-3 3h-7a3 3 0 0 1-3-3v-7a3 3 0 0 1 3-3zM8 11a3 3 0 1 1 0-6 3 3 0 0 1"
        " 0 6zM11.8 4.2v.1"
    ),
    "linkedin": "M2 1.5h12v13H2zM5 7v4.5M5 4.6v.1M8 11.5V7m0 2c0-2.7 3.5-2.7 3.5 0v2.5",
    "mastodon": (
        "M2.5 9.5V5c0-2.5 1.5-3.5 5.5-3.5s5.5 1 5.5 3.5v2.5c0 2.5-1.5 3.5-4.5 3.5H6.5c0 1.5 2 2.5 4.5 2M5.5"
        " 8.5V6c0-2 2.5-2 2.5 0 0-2 2.5-2 2.5 0v2.5"
    ),
    "pinterest": (
        "M8 14.5a6.5 6.5 0 1 1 0-13 6.5 6.5 0 0 1 0 13zM6.5 13.5 8 7M6 8.5C5 6.5 6.2 4.8 8.2 4.8c3.3 0 3 4.7.3"
        " 4.7-.8 0-1.2-.5-1.2-.5"
    ),
    "reddit": (
        "M8 13.5c-3.3 0-5.5-1.7-5.5-4s2.2-4 5.5-4 5.5 1.7 5.5 4-2.2 4-5.5 4zM8 5.5l.8-3.3 2.7.8M6 8.8v.1M10"
        " 8.8v.1M6 11c1.2.8 2.8.8 4 0"
    ),
    "snapchat": (
        "M8 2c2 0 3.2 1.5 3.2 3.5V8c.3 1.5 1.3 2.3 2.8 2.8-.5.9-1.5 1.2-2.3 1.3-.3 1-1.7.4-2.2.9-.9.8-2.1.8-3"
        " 0-.5-.5-1.9.1-2.2-.9-.8-.1-1.8-.4-2.3-1.3C3.5 10.3 4.5 9.5 4.8 8V5.5C4.8 3.5 6 2 8 2z"
    ),
    "telegram": "M1.5 8 14.5 2.5 12 13.5 7.5 10.5 6 13.5 5.5 9.3zM5.5 9.3l6-4.3",
    "threads": (
        "M13 5.5C12.3 3 10.5 1.5 8 1.5c-3.5 0-5.5 2.5-5.5 6.5s2 6.5 5.5 6.5c3 0 5-1.5 5-3.7C13 6 5.5 6.5 5.5"
        " 9.5c0 3 5.5 2.8 5.5-1.5 0-2-1-3-2.8-3-1.2 0-2 .4-2.5 1.2"
    ),
    "tiktok": "M9 2v8.5a2.75 2.75 0 1 1-2.75-2.75M9 2c.2 2.3 1.8 3.8 4 4",
    "x": "M2.5 2.5l11 11M13.5 2.5l-11 11",
    "youtube": "M3.5 3.5h9a2 2 0 0 1 2 2v5a2 2 0 0 1-2 2h-9a2 2 0 0 1-2-2v-5a2 2 0 0 1 2-2zM6.8 6v4l3.4-2z",
}
"""For each platform a simple mark of our own, drawn with a line in a box of 16 by 16."""

NO_MARK = "M8 14.5a6.5 6.5 0 1 1 0-13 6.5 6.5 0 0 1 0 13zM1.5 8h13M8 1.5c-4.5 4-4.5 9 0 13 4.5-4 4.5-9 0-13"


def platform_name(platform: str) -> str:
    """The platform's name as it writes itself, or as the provider does where we do not know it."""
    return PLATFORMS.get(platform, platform)


def platform_mark(platform: str) -> str:
    """The path of the platform's mark, or of a globe."""
    return MARKS.get(platform, NO_MARK)


NO_NAMES: Mapping[str, str] = {}


def target_names(targets: Mapping[str, Target], called: Mapping[str, str] = NO_NAMES) -> dict[str, str]:
    """By the keys of the targets: platform and account, and an item or a number only where several are called so.

    `called` are the names of accounts, by their ids.
    """
    bare = {key: _bare(target, called) for key, target in sorted(targets.items())}
    often = Counter(bare.values())
    which = {key: _apart(target.item) if target.item else str(target.ordinal) for key, target in targets.items()}
    return {key: f"{name} {which[key]}" if often[name] > 1 else name for key, name in bare.items()}


def _bare(target: Target, called: Mapping[str, str]) -> str:
    platform, account = platform_name(target.platform), target.account
    if not account:
        return platform
    name = called.get(account)
    return " · ".join(map(_apart, (platform, name, account) if name and name != account else (platform, account)))


def _apart(text: str) -> str:
    """Words of others, so that what is written from right to left in them does not turn what follows."""
    return f"\N{FIRST STRONG ISOLATE}{text}\N{POP DIRECTIONAL ISOLATE}"
