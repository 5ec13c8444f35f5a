"""Runs the `[[test]]`s of rules, each on a clock of its own, and writes how they went as JUnit XML."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from msgspec import Struct

from tracker.domain.accounts import AccountFact, AccountState
from tracker.domain.duration import format_duration, parse_duration
from tracker.domain.posts.event import Fact, Problem, TargetFact
from tracker.domain.posts.post import Post
from tracker.domain.posts.target import ENDED
from tracker.domain.rules.event_pattern import (
    ACKNOWLEDGED,
    ACTION_DEAD,
    ACTION_DONE,
    StateEntered,
    parse_event_pattern,
)
from tracker.domain.rules.rule import Rule
from tracker.domain.rules.rule_index import RuleIndex
from tracker.errors import printable
from tracker.rulebook.rule_simulation import Message, RuleSimulation, TooLong, calm
from tracker.rulebook.rule_test import POST, PROVIDER, RuleTest
from tracker.rulebook.said import all_in_words, as_data, fields_of, in_words
from tracker.rulebook.telling_runs import carried, told_to_runs, under
from tracker.rulebook.timeline import DATA, NAMED, SPANS, Line


def junit(outcomes: Iterable[Outcome]) -> str:
    """A suite for each file, a case for each test, in the order of the outcomes."""
    by_file: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        by_file[outcome.test.file].append(outcome)
    every = [outcome for some in by_file.values() for outcome in some]
    root = Element("testsuites", {"name": "tracker rules test", **_counts(every)})
    for file, some in by_file.items():
        suite = SubElement(root, "testsuite", {"name": _clean(file), **_counts(some)})
        for outcome in some:
            _case(suite, outcome)
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, "unicode") + "\n"


def _case(suite: Element, outcome: Outcome) -> None:
    test = outcome.test
    case = SubElement(
        suite, "testcase", classname=_clean(test.rule), name=_clean(test.name), file=_clean(test.file),
        line=str(test.line), time="0",
    )  # fmt: skip
    if not outcome.passed:
        said = f"{outcome.line.text.strip()}: {outcome.wrong}" if outcome.line else outcome.wrong
        failure = SubElement(case, "failure", type="demand", message=_clean(said))
        done = "".join(f"\n{in_words(one, outcome.at(one), several=test.plays_several)}" for one in outcome.done)
        failure.text = f"{_clean(outcome.place)}: {_clean(said)}{_clean(done)}"


def _counts(some: Iterable[Outcome]) -> dict[str, str]:
    passed = [outcome.passed for outcome in some]
    return {"tests": str(len(passed)), "failures": str(passed.count(False)), "errors": "0", "skipped": "0"}


def _clean(text: str) -> str:
    """The text without what XML cannot say."""
    return printable(text, keep="\n\t")


SOURCES = {ACTION_DEAD: "action", ACTION_DONE: "action", ACKNOWLEDGED: "manual"}
TO_RUNS = frozenset(SOURCES)
"""What is told to runs, each by itself."""

CONTAINING = frozenset({"body", "text"})
TOLD_BY_NAME = (AccountState.DISCONNECTED, AccountState.CONNECTED, AccountState.EXPIRED)
"""The states of an account in which the name of an event may end; one of them is the end of another."""


class Outcome(Struct, frozen=True):
    """How a test went; `wrong` says what the line `line` of its timeline demanded in vain, `done` all that was done."""

    test: RuleTest
    wrong: str = ""
    line: Line | None = None
    done: tuple[Message, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.wrong

    @property
    def what_was_done(self) -> list[dict[str, Any]]:
        """Up to the line that is not met, for machines."""
        return [as_data(one, self.at(one)) for one in self.done]

    @property
    def place(self) -> str:
        """The file and the line of the demand that was not met, or else of the test."""
        return f"{self.test.file}:{self.test.first + self.line.number - 1 if self.line else self.test.line}"

    def at(self, message: Message) -> str:
        """When it was done, as its timeline counts."""
        return _at(message, self.test)


def run_tests(tests: Iterable[RuleTest], rules: Iterable[Rule]) -> list[Outcome]:
    """Every test against its rules: also one that is switched off, if it is named."""
    by_id = {rule.id: rule for rule in rules}
    stages: dict[tuple[str, ...], RuleIndex] = {}
    outcomes = []
    for test in tests:
        if test.rules not in stages and test.plays_all:
            stages[test.rules] = RuleIndex(calm(rule, enabled=rule.enabled) for rule in by_id.values())
        elif test.rules not in stages and by_id.keys() >= set(test.rules):
            stages[test.rules] = RuleIndex(calm(by_id[name]) for name in test.rules)
        if test.rules in stages:
            outcomes.append(run_test(test, stages[test.rules]))
    return outcomes


def run_test(test: RuleTest, rules: RuleIndex) -> Outcome:
    """Play the timeline up to the first line that is not met."""
    world = RuleSimulation(rules, test.starts)
    left: list[Message] = []
    for line in test.timeline:
        seen = len(world.taken)
        try:
            world.wait_until(test.starts + line.at)
            if line.mark == ">":
                happen(world, line, test.given, test.starts)
        except (TooLong, OverflowError) as error:
            return Outcome(test, str(error), line, tuple(world.taken))
        left += world.taken[seen:]
        wrong = _demand(line, left, world.taken, test)
        if wrong or world.unfit:
            wrong = wrong or f"the condition of {world.unfit[0]}"
            return Outcome(test, wrong, line, tuple(world.taken))
    return Outcome(test)


def happen(world: RuleSimulation, line: Line, given: Mapping[str, str], starts: datetime) -> None:
    """Let happen now what a line tells, of a test in which each fact has what is `given`."""
    if line.word == "@restart":
        world.restart()
    elif line.word == "@reload":
        world.reload()
    else:
        fact = fact_of(line, given, world.now, starts)
        labels, attributes = (under(kind, given) for kind in NAMED)
        start = Post(fact.provider, fact.post or "", labels=labels, attributes=attributes)
        for told in told_to_runs(fact, line, world) if line.word in TO_RUNS else [fact]:
            world.hear(told, start)


def fact_of(line: Line, given: Mapping[str, str], now: datetime, starts: datetime) -> Fact:
    """The fact that a line tells; without `at` it is told the moment it happens."""
    about_account = line.word.startswith("account.") and "post" not in line.fields
    told = {**given, **line.fields}
    if about_account:
        told.pop("post", None)
    word = parse_event_pattern(line.word) if line.word != ACTION_DONE else None
    state = word.state if isinstance(word, StateEntered) else None
    occurred_at = starts + parse_duration(told["at"]) if "at" in told else now
    problem = _problem(told)
    platforms = [name.strip() for name in told.get("platform", "").split(",") if name.strip()]
    targets = tuple(
        TargetFact(name, told.get("account"), platforms[: place + 1].count(name), state, None, told.get("url"), problem)
        for place, name in enumerate(platforms)
    )
    account = _account(line.word, told) if about_account and "account" in told else None
    return Fact(
        id=f"{line.number:04}",
        provider=told.get("provider", PROVIDER),
        post=None if account else told.get("post", POST),
        event=line.word,
        source=SOURCES.get(line.word) or told.get("provider", PROVIDER),
        occurred_at=occurred_at,
        received_at=now,
        position=line.number,
        state=state,
        targets=targets if state else (),
        problem=problem,
        scheduled_at=starts + parse_duration(told["scheduled_at"]) if "scheduled_at" in told else None,
        attempt=int(told["attempt"]) if "attempt" in told else None,
        ends_by_name=state in ENDED,
        detail=_detail(line),
        account=account,
        excerpt=told.get("text"),
        labels=under("labels", line.fields),
        attributes=under("attributes", line.fields),
    )


def _account(word: str, told: Mapping[str, str]) -> AccountFact:
    """The account that an event is about; how it stands may be told by the event's name, as in `account.expired`."""
    named = (state for state in TOLD_BY_NAME if word.endswith(state))
    state = told.get("account.state") or next(named, None)
    return AccountFact(
        told["account"], told.get("platform"), told.get("account.name"), AccountState(state) if state else None
    )


def _detail(line: Line) -> dict[str, object]:
    if line.word == ACTION_DEAD:
        return {"rule": "another", **under("action", line.fields)}
    return carried(line.fields, DATA)


def _problem(told: Mapping[str, str]) -> Problem | None:
    if not any(name.startswith("error.") for name in told):
        return None
    retryable = {"true": True, "false": False}.get(told.get("error.retryable", ""))
    return Problem(told.get("error.code", ""), told.get("error.message", ""), retryable)


def _demand(line: Line, left: list[Message], done: Sequence[Message], test: RuleTest) -> str:
    """Why the line is not met; empty where it is. What a line has demanded is not left for another."""
    if line.mark == ">":
        return ""
    moment = test.starts + line.at
    fitting = sorted((one for one in left if _fits(line, one, test)), key=lambda one: one.at)
    if line.mark == "!":
        fitting = [one for one in fitting if one.at <= moment]
        return f"it must not, but it did at {_at(fitting[0], test)}{_said(fitting[0], test)}" if fitting else ""
    now = next((one for one in fitting if one.at == moment), None)
    if now:
        left.remove(now)
        return ""
    if fitting:
        return f"it did not then, but at {_at(fitting[0], test)}"
    if others := all_in_words(((one, _at(one, test)) for one in left), several=test.plays_several):
        return f"it did not; what was done: {others}"
    if not done:
        return "it did not; nothing was done"
    above = all_in_words(((one, _at(one, test)) for one in done), several=test.plays_several)
    return f"it did not; all that was done is demanded above: {above}"


def _said(one: Message, test: RuleTest) -> str:
    told = in_words(one, _at(one, test), several=test.plays_several)
    plain = f"{one.asked.action.verb} {one.asked.action.target} at {_at(one, test)}"
    return "" if told == plain else f": {told}"


def _fits(line: Line, one: Message, test: RuleTest) -> bool:
    known = fields_of(one)
    if moved_to := known.get("scheduled_at"):
        known["scheduled_at"] = format_duration(datetime.fromisoformat(moved_to) - test.starts)
    return (
        one.asked.action.verb == line.word
        and not one.hidden
        and all(_says(name, known, text) for name, text in line.fields.items())
    )


def _says(name: str, known: Mapping[str, Any], wanted: str) -> bool:
    """Whether a field is as wanted; a title, of any alert in a message, or a body need only contain it."""
    if name == "title":
        return any(wanted in title for title in (known.get("title") or "", *known.get("others", ())))
    text = "" if known.get(name) is None else str(known[name])
    wanted = format_duration(parse_duration(wanted)) if name in SPANS else wanted
    return wanted in text if name in CONTAINING else text.lower() == wanted.lower()


def _at(one: Message, test: RuleTest) -> str:
    return format_duration(one.at - test.starts)
