"""One rule from its table, with what its parts must not say together."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from tracker.domain.rule import Rule
from tracker.domain.step import AlertStep, RetryStep, Step
from tracker.domain.subject import Per
from tracker.domain.trigger import On, While
from tracker.domain.words import entered, parse_word
from tracker.rulebook.expressions import Condition
from tracker.rulebook.grammar import LATER_KEYS, RULE_KEYS, SEVERITIES
from tracker.rulebook.revision import revision_of
from tracker.rulebook.steps import Known, read_steps
from tracker.rulebook.triggers import read_match, read_trigger

if TYPE_CHECKING:
    from tracker.rulebook.reading import Table

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.ASCII)
OWN = (Per.POST, Per.TARGET)
"""What a rule must count as one where it acts on, or waits for, that one thing."""


def read_rule(name: str, table: Table, known: Known) -> Rule | None:
    """The rule, or None where it is faulty; the reasons are noted with the table."""
    before = len(table.faults.found)
    table.only(RULE_KEYS, "a rule", LATER_KEYS)
    if not NAME.fullmatch(name):
        table.fault("", "a rule's name is made of a–z, 0–9, - and _, and is at most 64 characters long")
    severity = table.choice("severity", SEVERITIES, "warning")
    trigger = read_trigger(table)
    rule = Rule(
        id=name,
        revision="",
        trigger=trigger or On(()),
        do=read_steps(table, "do", known, severity),
        branches=_branches(table, known, severity),
        match=read_match(table, known.providers),
        when=table.parsed("when", Condition),
        per=Per(table.choice("per", [str(per) for per in Per], Per.POST)),
        cancel_on=table.several("cancel_on", parse_word),
        enabled=table.flag("enabled", default=True),
    )
    if "do" not in table:
        table.fault("", 'has nothing to do: give it steps, as in do = [{ alert = "ops", title = "…" }]')
    if trigger:
        _check(rule, table)
    return replace(rule, revision=revision_of(rule)) if len(table.faults.found) == before else None


def _branches(table: Table, known: Known, severity: str) -> dict[str, tuple[Step, ...]]:
    steps = read_steps(table, "exhausted", known, severity)
    return {"exhausted": steps} if steps else {}


def _check(rule: Rule, table: Table) -> None:
    _check_per(rule, table)
    exhausted = rule.steps("exhausted")
    if any(isinstance(step, RetryStep) for step in exhausted):
        table.fault("exhausted", "cannot retry: it is what happens when retrying is over")
    if exhausted and not rule.retries:
        table.fault("exhausted", 'is never reached: "do" has no retry that could be used up')
    if isinstance(rule.trigger, On):
        if set(rule.cancel_on) & set(rule.trigger.words):
            table.fault("cancel_on", 'would cancel what it starts: the same word stands in "on"')
        if rule.resolves and not entered(rule.trigger.words):
            table.fault("on", 'an alert that resolves needs a state that can be left, as "post.failed"')


def _check_per(rule: Rule, table: Table) -> None:
    if rule.per in OWN:
        return
    if not isinstance(rule.trigger, On):
        what = "while" if isinstance(rule.trigger, While) else "expect"
        table.fault("per", f'"{what}" waits for a post or a target, not for a whole {rule.per}')
    if rule.retries:
        table.fault("per", f"a retry concerns a post or a target, not a whole {rule.per}")
    if any(isinstance(step, AlertStep) and step.resolves for step in rule.all_steps):
        table.fault("per", f"an alert that resolves concerns a post or a target, not a whole {rule.per}")
