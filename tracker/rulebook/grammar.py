"""The words of the rule language: those of this version, and those that it will know later."""

from __future__ import annotations

from difflib import get_close_matches

RULE_KEYS = (
    "on", "while", "for", "expect", "within", "of", "match", "when", "per", "cancel_on", "do", "exhausted", "enabled",
    "severity",
)  # fmt: skip
LATER_KEYS = frozenset(
    {"every", "over", "empty", "count", "once", "branch", "resolved", "mode", "quiet", "mutes", "canary", "budget"}
)
STEP_KEYS = {
    "alert": ("alert", "title", "body", "severity", "resolves"),
    "send": ("send", "event", "data"),
    "retry": ("retry", "tries", "backoff"),
}
LATER_STEP_KEYS = frozenset({"group", "repeat", "template", "at_most", "else", "for"})
LATER_VERBS = frozenset({"wait", "reconcile", "pause", "resume", "set", "run"})
TEST_KEYS = ("rule", "name", "given", "timeline")
MATCH_KEYS = ("platform", "account", "provider", "state")
TIMES = {f"post.{name}": name for name in ("scheduled_at", "published_at", "failed_at")}
SEVERITIES = ("info", "warning", "critical")
RETRIED = ("publish",)

PLATFORMS = (
    "bluesky", "discord", "dribbble", "facebook", "google_business", "instagram", "kick", "linkedin", "mastodon",
    "medium", "pinterest", "reddit", "slack", "snapchat", "substack", "telegram", "threads", "tiktok", "tumblr",
    "twitch", "twitter", "vimeo", "vk", "whatsapp", "wordpress", "x", "youtube",
)  # fmt: skip
_NEARLY = 0.75


def meant_platform(word: str) -> str | None:
    """The platform that an unknown word nearly is; a word that is near to none is taken for a platform of its own."""
    if word in PLATFORMS:
        return None
    if word.lower() in PLATFORMS:
        return word.lower()
    return next(iter(get_close_matches(word.lower(), PLATFORMS, 1, _NEARLY)), None)
