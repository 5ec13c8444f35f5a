"""What a rule may say, and what is better known before it does: told as a warning, where it stands."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from tracker.domain.rules.grouping import GroupBy
from tracker.domain.rules.rule import While

if TYPE_CHECKING:
    from tracker.domain.rules.rule import Rule
    from tracker.rulebook.context import Known
    from tracker.rulebook.reading import Table


def remark(rule: Rule, table: Table, known: Known) -> None:
    """Warn of what the rule comes to with these providers."""
    if isinstance(rule.trigger, While) and rule.trigger.since_entered:
        table.warn(
            "since",
            "asks for the old ones too: whatever has been in that state for so long is told of as soon as the rule is"
            " in force",
        )
    if rule.retries and rule.per is GroupBy.TARGET:
        for provider in sorted(filter(lambda name: _is_about(rule, name), known.retrying)):
            table.warn(
                "per",
                f'"{provider}" retries whole posts: one retry serves all targets of a post, and is a try of each'
                ' (per = "post" says so)',
            )


def _is_about(rule: Rule, provider: str) -> bool:
    words = [word for match in rule.match if match.field == "provider" for word in match.words]
    return not words or any(fnmatchcase(provider, word) for word in words)
