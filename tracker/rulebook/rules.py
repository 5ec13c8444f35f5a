"""One rule from its table."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from tracker.domain.calendar import parse_quiet
from tracker.domain.rate import Count, Rate
from tracker.domain.rules.event_pattern import EventName, StateEntered
from tracker.domain.rules.grouping import GroupBy
from tracker.domain.rules.rule import Mode, Rule
from tracker.domain.rules.trigger import Every, On, Trigger
from tracker.rulebook.branch_checks import check_branches
from tracker.rulebook.checks import check
from tracker.rulebook.context import Context
from tracker.rulebook.expressions import Condition
from tracker.rulebook.grammar import RULE, SEVERITIES, WORKFLOW
from tracker.rulebook.matching import read_match
from tracker.rulebook.revision import revision_of
from tracker.rulebook.steps import read_branches, read_steps
from tracker.rulebook.triggers import read_trigger, read_word

if TYPE_CHECKING:
    from tracker.domain.rules.step import Step
    from tracker.rulebook.reading import Table

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.ASCII)


def read_rule(name: str, table: Table, context: Context) -> Rule | None:
    """The rule, or None where it is faulty; the reasons are noted with the table."""
    before = len(table.faults.found)
    table.only(RULE, "a rule")
    _check_name("rule", name, table)
    trigger = read_trigger(table)
    severity = table.choice("severity", SEVERITIES, "warning")
    context = replace(context, rule=name, severity=severity, event=_event(name, trigger), found={})
    do, branches = read_steps(table, "do", context), _branches(table, context)
    rule = Rule(
        id=name,
        revision="",
        trigger=trigger or On(()),
        do=do,
        branches={**context.found, **branches},
        match=read_match(table, context.known.providers),
        when=table.parsed("when", Condition),
        per=GroupBy(table.choice("per", tuple(GroupBy), GroupBy.POST)),
        count=table.parsed("count", Count.parse),
        once=table.span("once"),
        cancel_on=table.several("cancel_on", read_word),
        mode=Mode(table.choice("mode", tuple(Mode), Mode.SINGLE)),
        quiet=table.parsed("quiet", parse_quiet),
        mutes=_muted(name, table),
        canary=table.span("canary"),
        budget=table.parsed("budget", Rate.parse),
        enabled=table.flag("enabled", default=True),
    )
    if "do" not in table:
        table.fault("", 'has nothing to do: give it steps, as in do = [{ alert = "ops", title = "…" }]')
    if trigger and len(table.faults.found) == before:
        check(rule, table)
    if len(table.faults.found) != before:
        return None
    return replace(rule, revision=revision_of(rule), budget=rule.budget or context.known.budget)


def read_workflow(name: str, table: Table, context: Context) -> None:
    """Note what is wrong with a workflow, whoever runs it."""
    table.only(WORKFLOW, "a workflow")
    _check_name("workflow", name, table)
    if "do" not in table:
        table.fault("", 'has nothing to do: give it steps, as in do = [{ alert = "ops", title = "…" }]')
    before = len(table.faults.found)
    context = replace(context, trail=(name,), found={})
    steps, branches = read_steps(table, "do", context), read_branches(table, context)
    if len(table.faults.found) == before:
        check_branches(Rule(name, "", On(()), steps, {**context.found, **branches}), table)


def _check_name(what: str, name: str, table: Table) -> None:
    if not NAME.fullmatch(name):
        table.fault("", f"a {what}'s name is made of a–z, 0–9, - and _, and is at most 64 characters long")


def _branches(table: Table, context: Context) -> dict[str, tuple[Step, ...]]:
    named = read_branches(table, context)
    own = {key: read_steps(table, key, context) for key in ("exhausted", "resolved") if key in table}
    return {**named, **own}


def _muted(name: str, table: Table) -> tuple[str, ...]:
    muted = table.several("mutes", str)
    if name in muted:
        table.fault("mutes", "a rule cannot mute itself")
    value = table.values.get("mutes")
    for place, rule in enumerate(muted):
        table.faults.mention((*table.path, "mutes", place) if isinstance(value, list) else (*table.path, "mutes"), rule)
    return muted


def _event(name: str, trigger: Trigger | None) -> str:
    """What a message of the rule is called that has no name of its own."""
    if isinstance(trigger, Every):
        return "digest"
    if not isinstance(trigger, On):
        return f"rule.{name}"
    word = trigger.words[0]
    plain = isinstance(word, StateEntered) or (isinstance(word, EventName) and not word.is_glob)
    return str(word) if plain and len(trigger.words) == 1 else "{{ event.name }}"
