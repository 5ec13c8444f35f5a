"""What rules ask providers to do: that they have a call for it, and that it does not set the rule going for ever."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from tracker.domain.actions import CHANGES_A_POST
from tracker.domain.posts.event import State
from tracker.domain.rules.descriptions import verb_of
from tracker.domain.rules.event_pattern import EventName
from tracker.domain.rules.grouping import GroupBy
from tracker.domain.rules.rule import Mode, On, Rule
from tracker.domain.rules.step import CreateStep
from tracker.rulebook.checks import fault_at_step, starting
from tracker.rulebook.context import RECREATE
from tracker.rulebook.expressions import Condition

if TYPE_CHECKING:
    from tracker.rulebook.context import Known
    from tracker.rulebook.reading import Table

LEADS_TO = (State.RETRYING, State.PUBLISHING, State.PUBLISHED)
"""Where a retry takes a post of its own accord."""
ATTEMPTS = frozenset({"post.attempt", "target.attempt"})


def check_at_provider(rule: Rule, table: Table, known: Known) -> None:
    """Note with the table what cannot be asked of the providers that the rule is about, and warn of what is odd."""
    verbs = {verb_of(step) for step in rule.all_steps}
    for verb in CHANGES_A_POST if rule.hears_of_actions else ():
        if verb in verbs:
            why = 'does not go with on = "action.dead": what fails once more would set it going again'
            fault_at_step(table, verb, why)
    _check_retries(rule, table)
    _check_changes(rule, table, known)
    for provider in _providers(rule, known.retrying) if rule.retries and rule.per is GroupBy.TARGET else ():
        table.warn(
            "per",
            f'"{provider}" retries whole posts: one retry serves all targets of a post, and is a try of each'
            ' (per = "post" says so)',
        )


def _check_retries(rule: Rule, table: Table) -> None:
    if not rule.retries:
        return
    if rule.mode is Mode.PARALLEL:
        table.fault("mode", "runs side by side would retry the same post twice")
    again = [state for state in LEADS_TO if state in starting(rule)]
    if again and not (isinstance(rule.when, Condition) and rule.when.reads & ATTEMPTS):
        bound = 'or let "when" bound post.attempt'
        fault_at_step(table, "retry", f'starts itself again without end: it leads to "post.{again[0]}" ({bound})')


def _check_changes(rule: Rule, table: Table, known: Known) -> None:
    """What is to be changed at the provider can be, and does not set the rule going once more."""
    wanted = {verb_of(step): step for step in rule.all_steps if verb_of(step) in CHANGES_A_POST[1:]}
    words = rule.trigger.words if isinstance(rule.trigger, On) else ()
    for verb, step in wanted.items():
        for provider in _providers(rule, known.verbs or {}):
            has = (known.verbs or {})[provider]
            if verb not in has:
                there_are = ", ".join(one for one in has if one != RECREATE) or "none"
                fault_at_step(
                    table, verb, f'"{provider}" has no call to {verb} a post (it has {there_are}): let "match" name'
                    f" providers that have one, or declare [providers.{provider}.calls] {verb}",
                )  # fmt: skip
            elif isinstance(step, CreateStep) and not step.text and RECREATE not in has:
                fault_at_step(
                    table, verb, f'nobody says what a post of "{provider}" is made of: set'
                    f' [providers.{provider}.recreate], or give the step a "text"',
                )  # fmt: skip
    updates = any(isinstance(word, EventName) and word.names("post.updated") for word in words)
    if "reschedule" in wanted and updates and not rule.once:
        why = 'starts itself again without end: it leads to "post.updated" (or say "once")'
        fault_at_step(table, "reschedule", why)


def _providers(rule: Rule, known: Iterable[str]) -> list[str]:
    """The known providers of whose posts the rule can be about one."""
    named = [word for match in rule.match if match.field == "provider" for word in match.words]
    return [one for one in sorted(known) if not named or any(fnmatchcase(one, word) for word in named)]
