"""What a rule may say, and is better known before it does: warnings about one rule by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from tracker.domain.rules.event_pattern import StateEntered
from tracker.domain.rules.grouping import is_of_whole_posts
from tracker.domain.rules.rule import On, Rule, While
from tracker.domain.rules.step import AlertStep, RetryStep, WaitStep
from tracker.rulebook.checks import starting
from tracker.rulebook.expressions import Condition

if TYPE_CHECKING:
    from tracker.rulebook.reading import Table

_MATCHED = {"platform": ("target.platform", "account.platform"), "account": ("target.account", "account.id")}


def _of_match(rule: Rule) -> Iterator[tuple[str, Callable[[str, Iterable[str]], bool], tuple[str, ...]]]:
    """What `match` asks of values that conditions can read; of an event about no account, a value may be empty."""
    for match in rule.match:
        for name in _MATCHED.get(match.field, ()) if not is_of_whole_posts(rule.per) else ():
            yield name, lambda value, words: any(fnmatchcase(value, word) for word in words), match.words


def check_oddities(rule: Rule, table: Table) -> None:
    """What a rule may say, and is better known before it does."""
    alerts = [step for step in rule.all_steps if isinstance(step, AlertStep)]
    own_quiet = rule.quiet and "quiet" not in table.inherited
    if own_quiet and not alerts:
        table.warn("quiet", "holds alerts, and this rule has none")
    elif own_quiet and all(step.severity == "critical" for step in alerts):
        table.warn("quiet", "holds nothing: all alerts of the rule are critical, which are told at any hour")
    waiting = any(getattr(step, "waits", isinstance(step, RetryStep | WaitStep)) for step in rule.all_steps)
    lasts = rule.resolves or waiting
    if rule.mutes and not lasts:
        table.warn("mutes", "mutes nothing: the rule's runs end at once")
    states = {word for match in rule.match if match.field == "state" and match.exact for word in match.words}
    names_only_states = isinstance(rule.trigger, While) or (
        isinstance(rule.trigger, On) and all(isinstance(word, StateEntered) for word in rule.trigger.words)
    )
    if states and names_only_states and not states & (entering := set(map(str, starting(rule)))):
        table.warn("match", f"never holds: the state is then {' or '.join(sorted(entering))}")
    if isinstance(rule.when, Condition) and (why := rule.when.never_holds(_of_match(rule))):
        table.warn("when", f"never holds: {why}")
    if isinstance(rule.trigger, While) and rule.trigger.since_entered:
        table.warn(
            "since",
            "asks for the old ones too: whatever has been in that state for so long is told of as soon as the rule is"
            " in force",
        )
