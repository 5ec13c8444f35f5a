"""The platforms that we know by name; a word that is near to none of them is taken for a platform of its own."""

from __future__ import annotations

from difflib import get_close_matches

PLATFORMS = (
    "bluesky", "discord", "dribbble", "facebook", "google_business", "instagram", "kick", "linkedin", "mastodon",
    "medium", "pinterest", "reddit", "slack", "snapchat", "substack", "telegram", "threads", "tiktok", "tumblr",
    "twitch", "twitter", "vimeo", "vk", "whatsapp", "wordpress", "x", "youtube",
)  # fmt: skip
_NEARLY = 0.75


def meant_platform(word: str) -> str | None:
    """The platform that an unknown word nearly is."""
    if word in PLATFORMS:
        return None
    if word.lower() in PLATFORMS:
        return word.lower()
    return next(iter(get_close_matches(word.lower(), PLATFORMS, 1, _NEARLY)), None)
