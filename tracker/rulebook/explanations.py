"""What can be answered to "why?" and "why not?": one explanation for each thing, down to the clause of a condition."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate, pairwise

from msgspec import Struct, field

from tracker.domain.duration import format_duration
from tracker.domain.posts.change import Change
from tracker.domain.posts.event import State
from tracker.domain.posts.target import WITHDRAWN
from tracker.domain.rules.decision import ConditionFalse, NotMatched, NoWait, Refusal, Timer
from tracker.domain.rules.descriptions import either, standing_in_words
from tracker.domain.rules.grouping import Group
from tracker.domain.rules.match_context import Occurrence
from tracker.domain.rules.rule import Every, Expect, Predicate, Rule, Verdict, While
from tracker.domain.runs.engine_state import ACTED, Firing, Outcome
from tracker.domain.sentences import sentence
from tracker.rulebook.expressions import Condition
from tracker.rulebook.scope import filled
from tracker.toml.positions import BadText

_QUOTED = re.compile(
    r"""
    ( [rR][bB]?(?:\"{3}.*?\"{3} | '{3}.*?'{3} | "[^"\n]*" | '[^'\n]*')
    | \"{3}(?:\\.|.)*?\"{3} | '{3}(?:\\.|.)*?'{3} | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'
    ) | //[^\n]*
    """,
    re.VERBOSE | re.DOTALL,
)
"""A literal text, or a comment: in both, a parenthesis is a character like any other."""


class Unmet(Struct, frozen=True):
    """The first clause that does not hold, as written, with what it said and the variables that it reads."""

    text: str
    verdict: Verdict
    values: Mapping[str, object]


def clauses(condition: Condition) -> tuple[str, ...]:
    """The operands of the outermost `&&` as written, without comments and the parentheses around them."""
    bounds = [-2, *condition.conjunctions, len(condition.text)]
    return tuple(_by_itself(condition.text[before + 2 : after]) for before, after in pairwise(bounds))


def first_unmet(when: Predicate, values: Mapping[str, object]) -> Unmet:
    """Why the condition does not hold: its first clause that is false, or else the first that has no value."""
    judged = [(clause, clause(values)) for clause in _compiled(when)]
    unmet = [(clause, verdict) for clause, verdict in judged if verdict.kind != "true"]
    clause, verdict = next(
        (one for one in unmet if one[1].kind == "false"), unmet[0] if unmet else (when, when(values))
    )
    return _told(clause, verdict, values)


def _compiled(when: Predicate) -> Sequence[Predicate]:
    """Each clause by itself; the whole condition where one of them cannot stand alone."""
    try:
        return [Condition(text, when.scope) for text in clauses(when)] if isinstance(when, Condition) else [when]
    except BadText:
        return [when]


def _told(clause: Predicate, verdict: Verdict, values: Mapping[str, object]) -> Unmet:
    if not isinstance(clause, Condition):
        return Unmet("when", verdict, {})
    read, values = sorted(clause.reads), filled(values, clause.supplied)
    return Unmet(clause.text, verdict, {name: values[name] for name in read if name in values})


def _by_itself(operand: str) -> str:
    """Its text without comments, and without parentheses that enclose it or have their other half elsewhere."""
    text = _QUOTED.sub(lambda match: match[1] or "", operand).strip()
    while text:
        opened, closed = _without_other_half(text)
        if opened:
            text = text[1:].strip()
        elif closed:
            text = text[:-1].strip()
        elif text[0] == "(" and text[-1] == ")" and _without_other_half(text[1:-1]) == (0, 0):
            text = text[1:-1].strip()
        else:
            break
    return text


def _without_other_half(text: str) -> tuple[int, int]:
    """How many opening and closing parentheses have none that belongs to them."""
    depths = [0, *accumulate((sign == "(") - (sign == ")") for sign in _QUOTED.sub("", text))]
    return depths[-1] - min(depths), -min(depths)


FALSE, WAITING, UNSEEN, OFF, CLOCK, GATHERED = "false", "waiting", "unseen", "off", "clock", "gathered"
"""What became of it where no firing is on record: a clause did not hold, a timer is under way, nobody has decided on
it, the rule is switched off, it goes by the clock alone, or it will be in the next digest."""

_FIRST_TO_LAST = ("when", "for", "expect", "match", "of", "while", "on", "over")
"""Clauses by how far a rule has come that fails at one of them."""

_SAID = {
    Outcome.FIRED: "fired",
    Outcome.JOINED: "joined the run that was under way",
    Outcome.QUEUED: "fired, and waits its turn behind earlier runs",
    Outcome.COUNTED: "counted, but not yet often enough: ",
    Outcome.SUPPRESSED: "held back: ",
    Outcome.ERROR: "its condition could not be evaluated: ",
}


class Clause(Struct, frozen=True):
    """The clause that decided: its key in the rule (as in "match.platform"), what it wants, and what it met."""

    key: str
    wanted: str
    was: str
    values: Mapping[str, object] = field(default_factory=dict)


class Explanation(Struct, frozen=True):
    """What a rule made of one thing that happened, in words and as data.

    `outcome` is that of the firing on record, or one of the words above. `event` names what happened, `at` when we
    knew it; `due_at` is when a wait is over. `subject` is the key of what it is about.
    """

    outcome: str
    text: str
    at: datetime | None = None
    event: str = ""
    subject: str = ""
    clause: Clause | None = None
    firing: Firing | None = None
    due_at: datetime | None = None

    @property
    def rank(self) -> tuple[int, float]:
        """The most telling ones first: what fired, then what came closest; among equals the newest."""
        if self.firing or self.outcome in (UNSEEN, Outcome.ERROR):
            place = 0 if self.firing and self.firing.outcome in ACTED else 1
        else:
            place = 3 + _FIRST_TO_LAST.index(self.clause.key.partition(".")[0]) if self.clause else 2
        return place, -self.at.timestamp() if self.at else 0.0


def on_record(firing: Firing, event: str) -> Explanation:
    """A firing that was recorded."""
    said, detail = _SAID[firing.outcome], firing.detail or ""
    text = f"fired, and waits its turn: {detail}" if firing.outcome is Outcome.QUEUED and detail else f"{said}{detail}"
    return Explanation(str(firing.outcome), text, firing.at, event, firing.key, None, firing)


def false(clause: Clause, subject: str, at: datetime | None = None, event: str = "") -> Explanation:
    """A clause did not hold."""
    given = f", with {shown(clause.values)}" if clause.values else ""
    text = f"{clause.key}: wants {clause.wanted}, but {clause.was}{given}"
    return Explanation(FALSE, text, at, event, subject, clause)


def refused(rule: Rule, subject: Group, refusal: Refusal) -> Clause:
    """The clause for which nothing follows."""
    match refusal:
        case NotMatched(clause):
            was = " and ".join(f'"{value}"' for value in clause.values(subject) if value) or "nothing"
            return Clause(
                f"match.{clause.field}", " or ".join(f'"{word}"' for word in clause.words), sentence("it_is", value=was)
            )
        case ConditionFalse(values):
            return _unmet_when(rule, values)
        case NoWait(of) if of:
            return Clause("of", f"post.{of}", sentence("no_such_time"))
    return _nothing_left(rule, subject)


def left(rule: Rule, timer: Timer, subject: Group, change: Change) -> Explanation:
    """A wait was over before its time."""
    after = max(change.occurred_at - timer.due_at + rule.span, timedelta(0))
    if not isinstance(rule.trigger, While):
        return false(_nothing_left(rule, subject, after), timer.key, change.received_at, happened([change]))
    state, span = _state(timer), format_duration(rule.span)
    said = sentence("left_for", state=state, after=subject.state, span=format_duration(after))
    clause = Clause("for", span, said, {"post.state": str(subject.state)})
    return false(clause, timer.key, change.received_at, f"{state} -> {subject.state}")


def goes_on(rule: Rule, timer: Timer) -> Explanation:
    """A timer is under way."""
    what = f"{_state(timer)} lasts" if isinstance(rule.trigger, While) else "nothing of it has come"
    what = f"no other of the same {rule.per} has come" if rule.is_silence else what
    text = f"fires at {moment(timer.due_at)} if {what} until then"
    if ahead := _ahead(rule):
        text = f"fires at {moment(timer.due_at)} if it is still {either(sorted(ahead))} then"
    return Explanation(WAITING, text, timer.due_at - rule.span, "", timer.key, None, None, timer.due_at)


def _ahead(rule: Rule) -> frozenset[State]:
    """The states in which a post may not be any more so long before its time."""
    return rule.trigger.states if isinstance(rule.trigger, Expect) else frozenset()


def _state(timer: Timer) -> str:
    return timer.cause.partition(":")[0]


def _nothing_left(rule: Rule, subject: Group, after: timedelta | None = None) -> Clause:
    """What is watched for is over, or has come (so long `after` the wait began)."""
    trigger = rule.trigger
    if isinstance(trigger, While):
        wanted = either(sorted(trigger.states)) or f"account {either(sorted(trigger.accounts))}"
        return Clause("while", wanted, sentence("it_is", value=subject.state))
    if isinstance(trigger, Every) and trigger.standing:
        return Clause("over", standing_in_words(trigger.standing), sentence("it_is_now", state=subject.state))
    if ahead := _ahead(rule):
        return Clause("while", " or ".join(sorted(ahead)), sentence("it_is", value=subject.state))
    wanted = sentence("absent", words=either(getattr(trigger, "words", ())), span=format_duration(rule.span))
    if subject.state in WITHDRAWN:
        return Clause("expect", wanted, sentence("nothing_to_expect", state=subject.state))
    code, span = ("came_after", format_duration(after)) if after else ("came", "")
    return Clause("expect", wanted, sentence(code, span=span, state=subject.state))


def _unmet_when(rule: Rule, values: Mapping[str, object]) -> Clause:
    """The first clause of a condition that does not hold."""
    if rule.when is None:
        raise TypeError(f"{rule.id} has no condition")
    unmet = first_unmet(rule.when, values)
    false = unmet.verdict.kind == "false"
    was = sentence("it_is_false") if false else sentence("it_has_no_value", error=unmet.verdict.detail)
    return Clause("when", unmet.text, was, unmet.values)


def event_of(change: Change, one: Occurrence) -> str:
    """What happened: a transition, or an event by its name."""
    return f"{one.move.before or 'nothing'} -> {one.move.after}" if one.move else change.event


def happened(changes: Iterable[Change]) -> str:
    """The states that a post has come into, and whatever else was told of it, the first one first."""
    words = (
        [f"post.{move.after}" for move in change.moves if not move.superseded] or [change.event] for change in changes
    )
    return ", ".join(dict.fromkeys(word for some in words for word in some)) or "nothing"


def moment(at: datetime) -> str:
    """A time as it is told."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def shown(values: Mapping[str, object]) -> str:
    """Values by name, as they would be written in a condition."""
    return ", ".join(f"{name} = {_written(value)}" for name, value in values.items())


def _written(value: object) -> str:
    if isinstance(value, datetime):
        return moment(value)
    return format_duration(value) if isinstance(value, timedelta) else json.dumps(value, ensure_ascii=False)
