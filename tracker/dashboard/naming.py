"""What platforms and targets are called on a page."""

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


def platform_name(platform: str) -> str:
    """As the platform writes itself, or as the provider does where we do not know it."""
    return PLATFORMS.get(platform, platform)


NO_NAMES: Mapping[str, str] = {}


def target_names(targets: Mapping[str, Target], called: Mapping[str, str] = NO_NAMES) -> dict[str, str]:
    """By the keys of the targets: platform and account, and a number only where several would be called the same.

    `called` are the names of accounts, by their ids.
    """
    bare = {key: _bare(target, called) for key, target in sorted(targets.items())}
    often = Counter(bare.values())
    return {key: f"{name} {targets[key].ordinal}" if often[name] > 1 else name for key, name in bare.items()}


def _bare(target: Target, called: Mapping[str, str]) -> str:
    platform, account = platform_name(target.platform), target.account
    if not account:
        return platform
    name = called.get(account)
    return " · ".join(map(_apart, (platform, name, account) if name and name != account else (platform, account)))


def _apart(text: str) -> str:
    """Words of others, so that what is written from right to left in them does not turn what follows."""
    return f"\N{FIRST STRONG ISOLATE}{text}\N{POP DIRECTIONAL ISOLATE}"
