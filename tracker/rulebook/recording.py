"""A test from what really happened: a post's facts become a timeline, and what a rule does about them its demands.

The demands are what the rule does on a test's clock, where pauses have no jitter and every action goes well at once;
where the record says otherwise, remarks in the timeline tell what was done in earnest.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby

from msgspec import Struct

from tracker.domain.actions import CHANGES_A_POST
from tracker.domain.duration import format_duration
from tracker.domain.posts.arrival import arrive
from tracker.domain.posts.event import OWN_SOURCES, Fact, Problem, State, TargetFact
from tracker.domain.posts.target import ENDED
from tracker.domain.rules.choice import addressees
from tracker.domain.rules.descriptions import verb_of
from tracker.domain.rules.event_pattern import ACKNOWLEDGED, ACTION_DEAD, ACTION_DONE
from tracker.domain.rules.rule import Every, Rule
from tracker.domain.rules.rule_index import RuleIndex
from tracker.domain.rules.step import SendStep
from tracker.errors import printable
from tracker.rulebook.grammar import PERFORMED
from tracker.rulebook.rule_simulation import Message, RuleSimulation, calm
from tracker.rulebook.rule_test import BEGINNING, PROVIDER, RuleTest
from tracker.rulebook.test_runner import happen, run_test
from tracker.rulebook.timeline import ANSWERS, DATA, Line, parse_timeline
from tracker.toml.positions import BadText

LONGEST_WAIT = timedelta(days=7)
MOST_DEMANDS = 200
MILLISECOND = timedelta(milliseconds=1)


class Done(Struct, frozen=True):
    """What was done in earnest: when, the verb, to whom, and what it came to."""

    at: datetime
    verb: str
    target: str
    state: str


class _Written(Struct, frozen=True):
    """One line of a timeline; facts come before the demands of the same moment."""

    at: timedelta
    rank: int
    text: str


def record_test(rule: Rule, facts: Sequence[Fact], done: Iterable[Done], now: datetime) -> str:
    """A `[[test]]` table that passes with the rule. Raises ValueError where nothing is known that could be told."""
    told = [fact for fact in facts if fact.source == "signal" or fact.source not in OWN_SOURCES or _of_ours(rule, fact)]
    if not told:
        raise ValueError("nothing is on record that a test could tell")
    told = list(_telling(sorted(told, key=lambda fact: (fact.received_at, fact.position))))
    origin = _origin(rule, told)
    given = {"provider": told[0].provider} if told[0].provider != PROVIDER else {}
    given["post"] = told[0].post or ""
    happened = [line for fact in told for line in _happened(fact, origin)]
    until = min(now, told[-1].received_at + LONGEST_WAIT) - origin
    starts = origin if _goes_by_the_clock(rule) else BEGINNING
    taken = _rehearsed(rule, happened, given, starts, until)
    remarks = _remarks(done, taken, origin)
    demands = [*_demands(taken, starts), *_must_not(rule, taken, until)]
    return _proved(rule, given, starts, [*happened, *demands, *remarks])


def _of_ours(rule: Rule, fact: Fact) -> bool:
    """Whether the rule hears from the fact what another rule asked for in vain, or what became of its own doing."""
    by = fact.detail.get("rule")
    another = rule.hears_of_actions and fact.event == ACTION_DEAD and by not in (None, rule.id)
    sends = [step for step in rule.all_steps if isinstance(step, SendStep) and step.waits]
    awaited = {to for step in sends for to in addressees(step.endpoint)}
    answers = fact.event in (ACTION_DEAD, ACTION_DONE) and fact.detail.get("target") in awaited
    return another or (by == rule.id and (fact.event == ACKNOWLEDGED or answers))


def _telling(facts: Iterable[Fact]) -> Iterator[Fact]:
    """The facts without those that only confirm an end under another name, which a timeline would say again."""
    post, earlier, told_by = None, list[Fact](), ""
    for fact in facts:
        post, change = arrive(post, fact, earlier)
        earlier.append(fact)
        confirms = not change.moves and fact.event != told_by
        if confirms and any(state in ENDED for state in (fact.state, *(target.state for target in fact.targets))):
            continue
        told_by = fact.event if change.moves else told_by
        yield fact


def _origin(rule: Rule, facts: Iterable[Fact]) -> datetime:
    """The moment that becomes the beginning of the timeline: one that `starts` can say, if the clock matters."""
    first = min(min(fact.received_at, fact.occurred_at) for fact in facts)
    return first.astimezone(UTC).replace(second=0, microsecond=0) if _goes_by_the_clock(rule) else first


def _goes_by_the_clock(rule: Rule) -> bool:
    return bool(rule.quiet) or isinstance(rule.trigger, Every)


def _happened(fact: Fact, origin: datetime) -> Iterator[_Written]:
    """The lines that tell the fact: one for each way in which its targets stand."""
    at = _rounded(fact.received_at - origin)
    action = {f"action.{name}": fact.detail.get(name) for name in ("verb", "target", "reason", "rule")}
    fields = {name: str(text) for name, text in action.items() if text and fact.event in (ACTION_DEAD, ACTION_DONE)}
    fields |= {f"{ANSWERS}.{name}": text for name, text in _scalars(fact.detail.get("answer"))}
    if abs(fact.occurred_at - fact.received_at) >= MILLISECOND:
        fields["at"] = format_duration(_rounded(fact.occurred_at - origin))
    if fact.scheduled_at and fact.scheduled_at >= origin:
        fields["scheduled_at"] = format_duration(_rounded(fact.scheduled_at - origin))
    if fact.attempt is not None:
        fields["attempt"] = str(fact.attempt)
    fields |= {f"attributes.{name}": value for name, value in fact.attributes.items()}
    fields |= {f"{DATA}.{name}": text for name, text in _carried(fact)}
    if fact.excerpt:
        fields["text"] = fact.excerpt
    targets = [target for target in fact.targets if target.state]
    if not targets:
        word = f"post.{fact.state}" if fact.state else fact.event
        yield _line(at, word, fields | _problem(fact.problem))
        return
    for _, some in groupby(sorted(targets, key=_alike), key=_alike):
        alike = list(some)
        one = alike[0]
        own = {"platform": ",".join(target.platform for target in alike)}
        own |= {name: value for name, value in (("account", one.account), ("url", one.url)) if value}
        problem = one.problem or (fact.problem if one.state is State.FAILED else None)
        yield _line(at, f"post.{one.state}", own | fields | _problem(problem))


def _carried(fact: Fact) -> Iterator[tuple[str, str]]:
    """What a signal brought that a line can tell."""
    return _scalars(fact.detail.get("data") if fact.source == "signal" else None)


def _scalars(data: object) -> Iterator[tuple[str, str]]:
    """Of what somebody said the texts, numbers and flags."""
    for name, value in data.items() if isinstance(data, Mapping) else ():
        if isinstance(value, str | int | float):
            yield name, value if isinstance(value, str) else json.dumps(value)


def _alike(target: TargetFact) -> tuple[str, ...]:
    problem = target.problem
    told = (problem.code, problem.message, str(problem.retryable)) if problem else ("", "", "")
    return (str(target.state), target.account or "", target.url or "", *told)


def _problem(problem: Problem | None) -> dict[str, str]:
    if problem is None:
        return {}
    told = {"error.code": problem.code, "error.message": problem.message}
    if problem.retryable is not None:
        told["error.retryable"] = str(problem.retryable).lower()
    return {name: value for name, value in told.items() if value}


def _line(at: timedelta, word: str, fields: Mapping[str, str]) -> _Written:
    text = "  ".join([f">  {word}", " ".join(f"{name}={_quoted(value)}" for name, value in fields.items())])
    line = _Written(at, 0, text.rstrip())
    try:
        parse_timeline(f"0s {line.text}\n0s ! alert")
    except BadText as error:
        return _Written(at, 2, f"#  {word} happened, which a test cannot tell: {printable(str(error))}")
    return line


def _rehearsed(
    rule: Rule, lines: Iterable[_Written], given: Mapping[str, str], starts: datetime, until: timedelta
) -> list[Message]:
    """What the rule does on a test's clock."""
    world = RuleSimulation(RuleIndex([calm(rule)]), starts)
    for line in _parsed([*lines, _Written(until, 1, "!  alert")]):
        world.wait_until(starts + line.at)
        if line.mark == ">":
            happen(world, line, given, starts)
    world.wait_until(starts + until)
    return world.taken[:MOST_DEMANDS]


def _demands(taken: Iterable[Message], starts: datetime) -> Iterator[_Written]:
    for one in taken:
        action = one.asked.action
        to = "" if action.verb in (*CHANGES_A_POST, "reconcile", "set") else f" {_quoted(action.target)}"
        resolved = "  resolved=true" if getattr(action.payload, "resolved", False) else ""
        yield _Written(one.at - starts, 1, f"<  {action.verb}{to}{resolved}")


def _must_not(rule: Rule, taken: Iterable[Message], until: timedelta) -> Iterator[_Written]:
    """At the end, what the rule can do and has not done; a test must demand something, be it only that."""
    did = {one.asked.action.verb for one in taken}
    can = dict.fromkeys(verb_of(step) for step in rule.all_steps)
    never = [verb for verb in can if verb in PERFORMED and verb not in did]
    for verb in never or [verb for verb in PERFORMED if verb not in did][:1]:
        yield _Written(until, 1, f"!  {verb}")


def _remarks(done: Iterable[Done], taken: Iterable[Message], origin: datetime) -> Iterator[_Written]:
    """Where the record and the rehearsal part."""
    rehearsed = Counter((one.asked.action.verb, one.asked.action.target) for one in taken)
    for one in sorted(done, key=lambda one: one.at):
        if rehearsed[one.verb, one.target] > 0:
            rehearsed[one.verb, one.target] -= 1
            continue
        at = _rounded(max(one.at - origin, timedelta(0)))
        yield _Written(at, 2, f"#  on record: {one.verb} {one.target} at {format_duration(at)}: {one.state}")
    for verb, target in (+rehearsed).elements():
        yield _Written(timedelta(0), 2, f"#  not on record: {verb} {target}")


def _proved(rule: Rule, given: Mapping[str, str], starts: datetime, lines: Sequence[_Written]) -> str:
    """The table, without the demands that a test cannot make to the millisecond."""
    kept = sorted(lines, key=lambda line: (line.at, line.rank))
    for _ in range(len(kept)):
        test = RuleTest((rule.id,), rule.id, given, _parsed(kept), "", 1, 1, starts)
        outcome = run_test(test, RuleIndex([calm(rule)]))
        if outcome.passed:
            return _table(rule, given, starts, kept)
        if outcome.line is None or outcome.line.mark == ">":
            break
        at = outcome.line.number - 1
        kept[at] = _Written(kept[at].at, 2, f"#  {kept[at].text}: {printable(outcome.wrong)}")
    raise ValueError("what is on record cannot be told as a test that passes")


def _parsed(lines: Sequence[_Written]) -> tuple[Line, ...]:
    return parse_timeline("\n".join(map(_shown, lines)))


def _table(rule: Rule, given: Mapping[str, str], starts: datetime, lines: Sequence[_Written]) -> str:
    known = ", ".join(f"{name} = {_toml(value)}" for name, value in given.items())
    timeline = "".join(f"{_shown(line)}\n" for line in lines)
    values = {
        "rule": _toml(rule.id),
        "name": _toml(f"what happened to {given['post']}"),
        **({"starts": _toml(f"{starts:%Y-%m-%d %H:%M} UTC")} if starts != BEGINNING else {}),
        "given": f"{{ {known} }}",
        "timeline": f"'''\n{timeline}'''" if "'''" not in timeline else _toml(timeline),
    }
    return "[[test]]\n" + "".join(f"{key:<8} = {value}\n" for key, value in values.items())


def _shown(line: _Written) -> str:
    if line.text.startswith("#"):
        return line.text
    return f"{format_duration(line.at):<8} {line.text}"


def _rounded(span: timedelta) -> timedelta:
    return round(span / MILLISECOND) * MILLISECOND


def _quoted(value: str) -> str:
    text = printable(value, " ")
    if text and all(letter.isalnum() or letter in "_.,:/@-" for letter in text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _toml(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
