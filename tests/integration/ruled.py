"""Rules in force as the service has them: read from files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracker.process.active_rules import ActiveRules
from tracker.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = "[channels.ops]\nkind = 'log'\n[rules]\ndir = 'rules'\n"


def in_force(folder: Path, text: str, more: str = "") -> ActiveRules:
    """The rules of this text, under rules/all.toml, with a channel `ops` and `more` in the configuration."""
    (folder / "rules").mkdir()
    (folder / "rules" / "all.toml").write_text(text)
    (folder / "config.toml").write_text(CONFIG + more)
    return ActiveRules(load_settings(folder / "config.toml", {}))
