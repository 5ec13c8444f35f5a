"""Other rules are put in force: which of them must look at what is there already, and what each then waits for.

The processor does it, and a plan says beforehand what it would come to.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from datetime import datetime

from msgspec.structs import replace

from tracker.domain.posts.change import PostView
from tracker.domain.rules import periodic
from tracker.domain.rules.decision import Arm, Fire
from tracker.domain.rules.rule import Rule
from tracker.domain.rules.rule_index import RuleIndex
from tracker.domain.rules.timers import due, standing


def switched(rules: Iterable[Rule], by_hand: Mapping[str, bool]) -> RuleIndex:
    """The rules as their files say it, but for those that people have switched on or off."""
    return RuleIndex(replace(rule, enabled=by_hand[rule.id]) if rule.id in by_hand else rule for rule in rules)


def meaning_anew(rules: RuleIndex, armed: Mapping[str, str]) -> dict[str, Rule]:
    """The rules that are new, or mean something else than the revision under which they were `armed`."""
    return {rule.id: rule for rule in rules if armed.get(rule.id) != rule.revision}


def first_waits(rules: RuleIndex, anew: Container[str], now: datetime) -> list[Arm]:
    """The first times of those rules that the clock sets going."""
    return [arm for arm in periodic.first_occasions(rules, now) if arm.rule.id in anew]


def waits_for(rules: RuleIndex, anew: Container[str], view: PostView) -> list[Arm]:
    """What those rules wait for because of how a post stands."""
    return [arm for arm in standing(rules, view) if arm.rule.id in anew]


def fires_at_once(arms: Iterable[Arm], view: PostView | None, now: datetime) -> Iterator[Fire]:
    """What follows as soon as these waits are there (for the post, if it is one), because they are over by now."""
    decisions = (due(arm.rule, arm.timer, view, now) for arm in arms if arm.timer.due_at <= now)
    yield from (decision for decision in decisions if isinstance(decision, Fire))
