"""A rule: its trigger, whom it is about, under which conditions, and what it does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cached_property

from msgspec import Struct, field

from tracker.domain.accounts import AccountState
from tracker.domain.calendar import Quiet
from tracker.domain.cron import Schedule
from tracker.domain.posts.event import State
from tracker.domain.posts.target import WITHDRAWN
from tracker.domain.rate import Count, Debounce, Rate
from tracker.domain.rules.event_pattern import ACKNOWLEDGED, ACTION_DEAD, EventName, EventPattern, entered, is_glob
from tracker.domain.rules.grouping import ATTRIBUTES, OWN, Group, GroupBy, Per
from tracker.domain.rules.step import AlertStep, RetryStep, Step, WaitStep

_STARTED = frozenset({State.PUBLISHING, State.RETRYING, State.PARTIAL, State.FAILED, State.PUBLISHED})
_BEYOND: Mapping[State, frozenset[State]] = {
    State.DRAFT: frozenset({State.AWAITING_APPROVAL, State.SCHEDULED}) | _STARTED,
    State.AWAITING_APPROVAL: frozenset({State.SCHEDULED}) | _STARTED,
    State.SCHEDULED: _STARTED,
    State.PUBLISHING: _STARTED,
    State.PARTIAL: frozenset({State.PUBLISHED}),
}
NOT_BEGUN = frozenset({State.DRAFT, State.AWAITING_APPROVAL, State.SCHEDULED, State.UNKNOWN})
_TROUBLE = frozenset({State.FAILED, State.PARTIAL, State.RETRYING})
_WELL = frozenset({State.PUBLISHED}) | WITHDRAWN
_IMPLIED = {
    "scheduled_at": frozenset({State.SCHEDULED}),
    "published_at": frozenset({State.PUBLISHED}),
    "failed_at": frozenset({State.FAILED, State.PARTIAL}),
}


class On(Struct, frozen=True):
    """Trigger: one of `words` happened."""

    words: tuple[EventPattern, ...]


class While(Struct, frozen=True):
    """Trigger: one of `states` has held for `lasting`, as far as the rule was there; or of an account's `accounts`.

    `since_entered`: also before.
    """

    states: frozenset[State]
    lasting: timedelta
    since_entered: bool = False
    accounts: frozenset[AccountState] = frozenset()


class Expect(Struct, frozen=True, dict=True):
    """Trigger: none of `words` has happened `within` a span of the post's time `of`, or else of what `on` names.

    Without both: no other has within the span of the last one, of all that the posts share that the rule counts as one.
    With `states`: none but them has been entered, so long before that time (`within` is then less than nothing).
    """

    words: tuple[EventPattern, ...]
    within: timedelta
    of: str | None = None
    on: tuple[EventPattern, ...] = ()
    states: frozenset[State] = frozenset()

    @cached_property
    def met(self) -> frozenset[State]:
        """The states in which what is expected has happened; the state that started the wait is none of them."""
        if self.states:
            return frozenset(State) - self.states
        states = entered(self.words)
        beyond = frozenset[State]().union(*(_BEYOND.get(state, frozenset()) for state in states))
        return states | (beyond - (_IMPLIED[self.of] if self.of else entered(self.on)))

    @cached_property
    def over(self) -> frozenset[State]:
        """The states in which there is nothing left to wait for."""
        return self.met | WITHDRAWN


class Standing(Struct, frozen=True):
    """Which posts are listed: those in one of `states` for at least `older`, and with `due` those due within that."""

    states: frozenset[State]
    older: timedelta = timedelta(0)
    due: timedelta | None = None


class Every(Struct, frozen=True):
    """Trigger: a time of the clock has come. What `over` names was gathered since the last time, `standing` is listed.

    `skip_empty`: nothing happens where there was nothing; nor where `enough`, judged of `run.*`, does not hold.
    """

    schedule: Schedule
    over: tuple[EventPattern, ...] = ()
    skip_empty: bool = False
    standing: Standing | None = None
    enough: Predicate | None = None

    @property
    def gathers(self) -> bool:
        """Whether there is anything that it counts."""
        return bool(self.over or self.standing)


Trigger = On | While | Expect | Every


class Verdict(Struct, frozen=True):
    """What a condition said: `true`, `false`, or `error` with the reason in `detail`."""

    kind: str
    detail: str = ""


TRUE, FALSE = Verdict("true"), Verdict("false")

Predicate = Callable[[Mapping[str, object]], Verdict]


class Mode(StrEnum):
    """What a firing does while a run of its key is active: join it, start anew, wait its turn, or run beside it."""

    SINGLE = "single"
    RESTART = "restart"
    QUEUED = "queued"
    PARALLEL = "parallel"


class Match(Struct, frozen=True, dict=True):
    """One value of the subject equals, or fits the glob of, one of `words`."""

    field: str
    words: tuple[str, ...]

    @cached_property
    def exact(self) -> bool:
        """Whether no word is a glob, so that rules can be looked up by it."""
        return not any(map(is_glob, self.words))

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.words)

    def admits(self, subject: Group) -> bool:
        values = self.values(subject)
        if not self._known.isdisjoint(values):
            return True
        return not self.exact and any(fnmatchcase(value, word) for value in values for word in self.words)

    def values(self, subject: Group) -> tuple[str, ...]:
        """What the subject has in that field: one value, or (platforms, accounts of a post) several."""
        if self.field == "platform":
            return subject.platforms
        if self.field == "account":
            return subject.accounts
        if self.field.startswith(ATTRIBUTES):
            return tuple(value for name, value in subject.attributes if self.field == f"{ATTRIBUTES}{name}")
        return (subject.provider,) if self.field == "provider" else (subject.state or "",)


class Rule(Struct, frozen=True, dict=True):
    """One reaction. `revision` names its meaning: equal for texts that differ only in looks.

    `branches` are the named sequences of steps beside `do`: those of the rule, `exhausted` and `resolved` among them.
    """

    id: str
    revision: str
    trigger: Trigger
    do: tuple[Step, ...]
    branches: Mapping[str, tuple[Step, ...]] = field(default_factory=dict)
    match: tuple[Match, ...] = ()
    when: Predicate | None = None
    per: Per = GroupBy.POST
    count: Count | None = None
    once: timedelta | None = None
    cancel_on: tuple[EventPattern, ...] = ()
    mode: Mode = Mode.SINGLE
    quiet: tuple[Quiet, ...] = ()
    mutes: tuple[str, ...] = ()
    canary: timedelta | None = None
    budget: Rate | None = None
    throttle: Rate | None = None
    debounce: Debounce | None = None
    enabled: bool = True
    description: str = ""
    owner: str = ""
    runbook: str = ""

    def steps(self, branch: str) -> tuple[Step, ...]:
        """The steps of `do` or of a branch; a branch that is not there has none."""
        return self.do if branch == "do" else self.branches.get(branch, ())

    @cached_property
    def all_steps(self) -> tuple[Step, ...]:
        """The steps of `do`, then those of every branch."""
        return (*self.do, *(step for steps in self.branches.values() for step in steps))

    def steps_by_path(self) -> Iterator[tuple[str, Step]]:
        """Every step with its path: "0" for the first of `do`, "exhausted.0" for the first of a branch."""
        yield from ((str(number), step) for number, step in enumerate(self.do))
        for branch, steps in self.branches.items():
            yield from ((f"{branch}.{number}", step) for number, step in enumerate(steps))

    @cached_property
    def retries(self) -> bool:
        return any(isinstance(step, RetryStep) for step in self.all_steps)

    @cached_property
    def resolves(self) -> bool:
        """Whether its runs have something to do when what they are about is over."""
        lasting = any(isinstance(step, AlertStep) and (step.resolves or step.repeat) for step in self.all_steps)
        return lasting or "resolved" in self.branches or self.is_about_absence

    @cached_property
    def hears_of_actions(self) -> bool:
        """Whether it reacts to what other rules asked for in vain."""
        return EventName(ACTION_DEAD) in self.starting_words

    @property
    def is_about_absence(self) -> bool:
        """Whether later knowledge can prove that it should not have fired."""
        return isinstance(self.trigger, While | Expect)

    @property
    def span(self) -> timedelta:
        """How long the rule waits before it fires; 0 where it does not wait."""
        trigger = self.trigger
        if isinstance(trigger, While):
            return trigger.lasting
        return max(trigger.within, timedelta(0)) if isinstance(trigger, Expect) else timedelta(0)

    @cached_property
    def waits_for(self) -> tuple[EventPattern, ...]:
        """The words of all its `wait` steps, but for what each run hears of by itself."""
        own = EventName(ACKNOWLEDGED)
        return tuple(dict.fromkeys(word for step in self._waits() for word in step.words if word != own))

    @cached_property
    def starting_words(self) -> tuple[EventPattern, ...]:
        """The words that set the rule going: that fire it, or that begin its waiting for what is expected."""
        return getattr(self.trigger, "words" if isinstance(self.trigger, On) or self.is_silence else "on", ())

    @cached_property
    def is_silence(self) -> bool:
        """Whether it waits, each time that something has come, for the next."""
        trigger = self.trigger
        return isinstance(trigger, Expect) and not (trigger.of or trigger.on or trigger.states)

    @cached_property
    def reacts_to(self) -> str:
        """A text that two rules share if the same events set them going for the same kind of subject."""
        return f"{self.per}|{'|'.join(map(str, self.starting_words))}"

    @cached_property
    def watched(self) -> frozenset[State]:
        """The states that the rule reacts to, so that leaving them means something to it."""
        if isinstance(self.trigger, While):
            return self.trigger.states
        return entered(self.trigger.words) if isinstance(self.trigger, On) and self.resolves else frozenset()

    @cached_property
    def well(self) -> frozenset[State]:
        """The states in which what the rule watches is over: never those of another try, or of another failure.

        What only waits (for a time, for somebody's approval) is over when it goes on.
        """
        if self.per not in OWN:  # of the posts that share it, one being cancelled ends nothing
            return frozenset({State.PUBLISHED})
        onward = frozenset(State) - _TROUBLE if self.watched and self.watched <= NOT_BEGUN else _WELL
        return onward - self.watched

    @cached_property
    def watches_failures(self) -> bool:
        """Whether it is about posts that have failed, in whole or in part."""
        return bool(self.watched & {State.FAILED, State.PARTIAL})

    def unmatched(self, subject: Group, *, whatever_state: bool = False) -> Match | None:
        """The first clause of `match` that does not admit the subject (whatever its state, where that is asked)."""
        for clause in self.match:
            if not clause.admits(subject) and not (whatever_state and clause.field == "state"):
                return clause
        return None

    def judge(self, values: Mapping[str, object]) -> Verdict:
        """What `when` says; a rule without one agrees."""
        return self.when(values) if self.when else TRUE

    def _waits(self) -> Iterator[WaitStep]:
        return (step for step in self.all_steps if isinstance(step, WaitStep))
