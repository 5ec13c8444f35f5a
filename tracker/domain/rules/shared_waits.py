"""Waits of what several posts share: an account on which nothing is published, or that is not connected.

A silence is known by its last publication, whichever share of the log that stands in: the latest counts, in whatever
order they are read. An account stands as all that was told of it says.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from datetime import datetime

from msgspec.structs import replace

from tracker.domain.accounts import Account, AccountState
from tracker.domain.posts.change import Change, PostView, TargetView
from tracker.domain.posts.event import State
from tracker.domain.rules.decision import (
    OVER,
    SILENCE,
    Arm,
    Decision,
    Disarm,
    NotMatched,
    Refusal,
    Resolve,
    Timer,
    Trace,
)
from tracker.domain.rules.grouping import (
    DEFAULTS,
    Environment,
    Group,
    GroupBy,
    describe,
    group_of,
    group_of_account,
    is_of_whole_posts,
)
from tracker.domain.rules.match_context import MatchContext, from_plain, to_plain
from tracker.domain.rules.rule import On, Rule, While
from tracker.domain.rules.rule_index import Label, RuleIndex


def shared_waits(
    rules: RuleIndex,
    scene: MatchContext,
    marks: frozenset[Label],
    armed: Container[str],
    running: Container[str],
    trace: Trace | None,
) -> Iterator[Decision]:
    """What such waits make of a change: first what ends, then what begins."""
    yield from _of_account(rules, scene.change, armed, running)
    for rule in rules.silent.rules(scene.change, marks):
        for one in scene.occurrences(rule, rule.starting_words):
            if one.move and one.move.again:
                continue
            if unmatched := rule.unmatched(one.subject):
                if trace:
                    trace.occurred(rule, one, NotMatched(unmatched))
                continue
            occurred_at = (one.move or scene.change).occurred_at
            if rule.id in running:
                yield Resolve(rule, one.subject, occurred_at)
            yield Arm(rule, _silence(rule, one.subject, occurred_at, scene.values(one)))


def silences(rules: RuleIndex, view: PostView, now: datetime) -> Iterator[Arm]:
    """The silences that are not over by now of which a post, as it stands, may be the last to have been published."""
    for rule in rules if rules.silent.words else ():
        for target in _stands(rule, view) if rule.is_silence else ():
            subject = group_of(rule.per, view.provider, view.id, view, target.key if target else None)
            state, entered_at = (target or view).state, (target or view).entered_at
            if state is State.PUBLISHED and entered_at and now < entered_at + rule.span and not rule.unmatched(subject):
                values = describe(view.provider, view.id, view, subject.target)
                values["event.occurred_at"] = entered_at
                yield Arm(rule, _silence(rule, subject, entered_at, values))


def _stands(rule: Rule, view: PostView) -> tuple[TargetView | None, ...]:
    return view.targets if view.targets and not is_of_whole_posts(rule.per) else (None,)


def _silence(rule: Rule, subject: Group, last: datetime, values: Environment) -> Timer:
    cause, data = f"{SILENCE}:{last.isoformat()}", {"context": to_plain(values)}
    return Timer(
        rule.id,
        subject.key,
        SILENCE,
        last + rule.span,
        rule.revision,
        cause,
        subject.provider,
        subject.post,
        None,
        data,
    )


def _of_account(rules: RuleIndex, change: Change, armed: Container[str], running: Container[str]) -> Iterator[Decision]:
    account = change.account
    since = account.since if account else None
    if account is None or since is None:
        return
    for rule in rules.of_accounts:
        subject, is_well = _subject(rule, account), account.state is AccountState.CONNECTED
        wait = OVER if isinstance(rule.trigger, On) else wait_of_account(rule, account, rules.there_since.get(rule.id))
        if isinstance(wait, Timer):
            yield Arm(rule, wait)
            continue
        if rule.id in armed and not isinstance(rule.trigger, On):
            yield Disarm(rule, subject, "while")
        if rule.id in running and (is_well or not isinstance(rule.trigger, On)):
            yield Resolve(rule, subject, since, well=is_well)


def wait_of_account(rule: Rule, account: Account, there_since: datetime | None = None) -> Timer | Refusal:
    """The timer that an account calls for as it stands; what began before the rule was there counts from then on."""
    trigger, subject = rule.trigger, _subject(rule, account)
    if unmatched := rule.unmatched(subject):
        return NotMatched(unmatched)
    since = account.since_in(trigger.accounts) if isinstance(trigger, While) else None
    if since is None:
        return OVER
    values = Environment(DEFAULTS)
    values["post.provider"], values["account.id"] = account.provider, account.id
    values["account.platform"], values["account.name"] = account.platform or "", account.name or ""
    cause, data = f"account:{since.isoformat()}", {"context": to_plain(values)}
    timer = Timer(
        rule.id, subject.key, "while", since + rule.span, rule.revision, cause, account.provider, None, None, data
    )
    late = None if there_since is None or getattr(trigger, "since_entered", False) else there_since + rule.span
    return replace(timer, due_at=late) if late and late > timer.due_at else timer


def _subject(rule: Rule, account: Account) -> Group:
    told = {"id": account.id, **({"platform": account.platform} if account.platform else {})}
    return group_of_account(rule.per, account.provider, told)


def known_of(timer: Timer) -> Environment:
    """What was known when the wait began, for conditions and texts."""
    kept = timer.data.get("context")
    return from_plain(kept) if isinstance(kept, dict) else Environment(DEFAULTS)


def subject_of(rule: Rule, timer: Timer) -> Group:
    """What the timer is about, as far as it remembers."""
    known = known_of(timer)
    platform, account, told = known["account.platform"], known["account.id"], known["post.attributes"]
    platforms = (str(platform),) if platform and rule.per in (GroupBy.ACCOUNT, GroupBy.PLATFORM) else ()
    accounts = (str(account),) if account and rule.per is GroupBy.ACCOUNT else ()
    attributes = tuple(told.items()) if isinstance(told, dict) else ()
    return Group(timer.key, timer.provider, timer.post, None, platforms, accounts, None, attributes)
