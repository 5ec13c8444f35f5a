"""What platforms and targets are called on a page."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

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


def target_names(targets: Mapping[str, Target]) -> dict[str, str]:
    """By the keys of the targets: platform and account, and an item or a number only where several are called so."""
    bare = {key: _bare(target) for key, target in sorted(targets.items())}
    often = Counter(bare.values())
    return {key: f"{name} {_which(targets[key])}" if often[name] > 1 else name for key, name in bare.items()}


def _which(target: Target) -> str:
    return _apart(target.item) if target.item else str(target.ordinal)


def _bare(target: Target) -> str:
    platform = platform_name(target.platform)
    return f"{_apart(platform)} · {_apart(target.account)}" if target.account else platform


def _apart(text: str) -> str:
    """Words of others, so that what is written from right to left in them does not turn what follows."""
    return f"\N{FIRST STRONG ISOLATE}{text}\N{POP DIRECTIONAL ISOLATE}"
