"""Runs the `[[test]]`s of rules, each on a clock of its own, and writes how they went as JUnit XML."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from msgspec import Struct

from tracker.domain.duration import format_duration, parse_duration
from tracker.domain.posts.event import Fact, Problem, TargetFact
from tracker.domain.posts.target import ENDED
from tracker.domain.rules.event_pattern import StateEntered, parse_event_pattern
from tracker.domain.rules.rule import Rule
from tracker.domain.rules.rule_index import RuleIndex
from tracker.errors import printable
from tracker.rulebook.rule_simulation import RuleSimulation, Taken, calm
from tracker.rulebook.said import all_in_words, as_data, fields_of, in_words
from tracker.rulebook.timeline import DATA, Line, RuleTest


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
        done = "".join(f"\n{in_words(one, _at(one))}" for one in outcome.done)
        failure.text = f"{_clean(outcome.place)}: {_clean(said)}{_clean(done)}"


def _counts(some: Iterable[Outcome]) -> dict[str, str]:
    passed = [outcome.passed for outcome in some]
    return {"tests": str(len(passed)), "failures": str(passed.count(False)), "errors": "0", "skipped": "0"}


def _clean(text: str) -> str:
    """The text without what XML cannot say."""
    return printable(text, keep="\n\t")


BEGINNING = datetime(2026, 1, 5, 9, tzinfo=UTC)
CONTAINING = frozenset({"title", "body"})
ACCOUNT = {"id": "account", "platform": "platform", "name": "account.name"}
"""By which fields an event about an account, and no post, tells of it."""
POST, PROVIDER = "p1", "sosyalkopru"


class Outcome(Struct, frozen=True):
    """How a test went; `wrong` says what the line `line` of its timeline demanded in vain, `done` all that was done."""

    test: RuleTest
    wrong: str = ""
    line: Line | None = None
    done: tuple[Taken, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.wrong

    @property
    def what_was_done(self) -> list[dict[str, Any]]:
        """Up to the line that is not met, for machines."""
        return [as_data(one, _at(one)) for one in self.done]

    @property
    def place(self) -> str:
        """The file and the line of the demand that was not met, or else of the test."""
        return f"{self.test.file}:{self.test.first + self.line.number - 1 if self.line else self.test.line}"


def run_tests(tests: Iterable[RuleTest], rules: Iterable[Rule]) -> list[Outcome]:
    """Every test against its rule, also one that is switched off."""
    by_id = {rule.id: rule for rule in rules}
    return [run_test(test, by_id[test.rule]) for test in tests if test.rule in by_id]


def run_test(test: RuleTest, rule: Rule) -> Outcome:
    """Play the timeline up to the first line that is not met."""
    world = RuleSimulation(RuleIndex([calm(rule)]), BEGINNING)
    left: list[Taken] = []
    for line in test.timeline:
        seen = len(world.taken)
        world.wait_until(BEGINNING + line.at)
        if line.mark == ">":
            _happen(world, line, test.given, rule)
        left += world.taken[seen:]
        wrong = _demand(line, left, world.taken)
        if wrong or world.unfit:
            wrong = wrong or f"the condition of {world.unfit[0]}"
            return Outcome(test, wrong, line, tuple(world.taken))
    return Outcome(test)


def _happen(world: RuleSimulation, line: Line, given: Mapping[str, str], rule: Rule) -> None:
    if line.word == "@restart":
        world.restart()
    elif line.word == "@reload":
        world.reload([rule])
    else:
        world.hear(fact_of(line, given, world.now))


def fact_of(line: Line, given: Mapping[str, str], now: datetime) -> Fact:
    """The fact that a line tells; without `at` it is told the moment it happens."""
    told = {**given, **line.fields}
    word = parse_event_pattern(line.word)
    state = word.state if isinstance(word, StateEntered) else None
    occurred_at = BEGINNING + parse_duration(told["at"]) if "at" in told else now
    problem = _problem(told)
    platforms = [name.strip() for name in told.get("platform", "").split(",") if name.strip()]
    targets = tuple(
        TargetFact(name, told.get("account"), platforms[: place + 1].count(name), state, None, told.get("url"), problem)
        for place, name in enumerate(platforms)
    )
    about_account = line.word.startswith("account.") and "post" not in told
    account = {name: told[key] for name, key in ACCOUNT.items() if told.get(key)}
    return Fact(
        id=f"{line.number:04}",
        provider=told.get("provider", PROVIDER),
        post=None if about_account and "account" in told else told.get("post", POST),
        event=line.word,
        source=told.get("provider", PROVIDER),
        occurred_at=occurred_at,
        received_at=now,
        position=line.number,
        state=state,
        targets=targets if state else (),
        problem=problem,
        scheduled_at=BEGINNING + parse_duration(told["scheduled_at"]) if "scheduled_at" in told else None,
        attempt=int(told["attempt"]) if "attempt" in told else None,
        ends_by_name=state in ENDED,
        detail={"account": account} if about_account and "account" in told else _data(told),
        excerpt=told.get("text"),
    )


def _data(told: Mapping[str, str]) -> dict[str, object]:
    """What the event brings along: texts by their names."""
    return {name.partition(".")[2]: text for name, text in told.items() if DATA.fullmatch(name)}


def _problem(told: Mapping[str, str]) -> Problem | None:
    if not any(name.startswith("error.") for name in told):
        return None
    retryable = {"true": True, "false": False}.get(told.get("error.retryable", ""))
    return Problem(told.get("error.code", ""), told.get("error.message", ""), retryable)


def _demand(line: Line, left: list[Taken], done: Sequence[Taken]) -> str:
    """Why the line is not met; empty where it is. What a line has demanded is not left for another."""
    if line.mark == ">":
        return ""
    fitting = [one for one in left if _fits(line, one)]
    if line.mark == "!":
        fitting = [one for one in fitting if one.at <= BEGINNING + line.at]
        return f"it must not, but it did at {_at(fitting[0])}{_said(fitting[0])}" if fitting else ""
    now = next((one for one in fitting if one.at == BEGINNING + line.at), None)
    if now:
        left.remove(now)
        return ""
    if fitting:
        return f"it did not then, but at {_at(fitting[0])}"
    if others := all_in_words((one, _at(one)) for one in left):
        return f"it did not; what was done: {others}"
    if not done:
        return "it did not; nothing was done"
    return f"it did not; all that was done is demanded above: {all_in_words((one, _at(one)) for one in done)}"


def _said(one: Taken) -> str:
    told = in_words(one, _at(one))
    plain = f"{one.asked.action.verb} {one.asked.action.target} at {_at(one)}"
    return "" if told == plain else f": {told}"


def _fits(line: Line, one: Taken) -> bool:
    known = fields_of(one)
    return one.asked.action.verb == line.word and all(
        _says(name, known.get(name), text) for name, text in line.fields.items()
    )


def _says(name: str, value: object, wanted: str) -> bool:
    """Whether a field is as wanted; a title or a body need only contain it."""
    text = "" if value is None else str(value)
    return wanted in text if name in CONTAINING else text.lower() == wanted.lower()


def _at(one: Taken) -> str:
    return format_duration(one.at - BEGINNING)
