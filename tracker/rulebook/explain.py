"""Why a rule fired for a post, or the first of its clauses that was false.

The engine plays once more what happened, and tells what it makes of it; that is joined with what is on record.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from msgspec import Struct, field
from msgspec.structs import replace

from tracker.domain.posts.change import Change, PostView
from tracker.domain.rules import periodic
from tracker.domain.rules.decision import (
    OVER,
    Arm,
    CameTo,
    ConditionFalse,
    Disarm,
    Failed,
    Fire,
    NotMatched,
    Refusal,
    Timer,
)
from tracker.domain.rules.descriptions import either, trigger_in_words
from tracker.domain.rules.grouping import Group, group_of
from tracker.domain.rules.listing import judged
from tracker.domain.rules.match_context import Occurrence, from_plain
from tracker.domain.rules.rule import Every, Rule, Standing, While
from tracker.domain.rules.rule_index import RuleIndex
from tracker.domain.runs.engine_state import Firing, Identity
from tracker.domain.runs.simulation import Simulation
from tracker.domain.sentences import sentence
from tracker.rulebook import explanations
from tracker.rulebook.explanations import CLOCK, GATHERED, OFF, UNSEEN, Clause, Explanation


class Story(Struct, frozen=True):
    """A post's changes, the first one first, how it stands, and what is on record about it.

    `since` says when each rule's present meaning was put in force, and `there_since` from when on it is there at all,
    as far as that is known.
    """

    changes: Sequence[Change]
    view: PostView | None
    firings: Mapping[Identity, Firing]
    now: datetime
    since: Mapping[str, datetime] = field(default_factory=dict)
    there_since: Mapping[str, datetime] = field(default_factory=dict)


def explain(rules: Sequence[Rule], story: Story) -> dict[str, list[Explanation]]:
    """What each rule made of everything that it could have acted on, the most telling first; never nothing."""
    account = _Account(story, rules)
    without_steps = (replace(rule, do=(), branches={}) for rule in rules)  # when a rule fires does not depend on them
    index = RuleIndex(without_steps)
    index.there_since = story.there_since
    account.play(index)
    return {rule.id: sorted(account.of(rule), key=lambda one: one.rank) for rule in rules}


class _Account:
    """Hears what the engine makes of a story; keeps one explanation for each cause by which a rule might fire."""

    _change: Change

    def __init__(self, story: Story, rules: Iterable[Rule]) -> None:
        self.story = story
        self._found: dict[str, dict[tuple[str, str, datetime | None], Explanation]] = {rule.id: {} for rule in rules}
        self._idle: dict[str, tuple[Group, Refusal]] = {}
        """Why a rule did not wait: told of the subject that came closest."""

    def play(self, rules: RuleIndex) -> None:
        """Let the engine see all that is known; the post may have been there before the first of it."""
        story, world = self.story, Simulation(rules, self.story.now, trace=self)
        seen: PostView | None = None
        for change in story.changes:
            world.pass_time(change.received_at)
            self._change = change
            world.see(change)
            for rule in rules.periodic:
                if isinstance(rule.trigger, Every):
                    periodic.gathered(rule, rule.trigger, [change], self)
            if change.context and not seen:
                world.stand(change.context)
            seen = change.context or seen
        world.pass_time(story.now)
        if story.view and story.view != seen:
            world.stand(story.view)
            world.pass_time(story.now)
        for timer, run in world.timers.values():
            if not run and timer.kind != periodic.KIND:
                told = explanations.goes_on(rules.by_id[timer.rule], timer)
                self._found[timer.rule][timer.key, timer.cause, told.at] = told

    def of(self, rule: Rule) -> Iterator[Explanation]:
        """All that is to be told about the rule."""
        found = self._found[rule.id]
        if isinstance(rule.trigger, Every) and rule.trigger.standing and rule.enabled and self.story.view:
            yield from self._as_it_stands(rule, rule.trigger.standing, self.story.view)
        else:
            yield from found.values() or [self._never(rule)]
        for (name, *cause), firing in self.story.firings.items():
            if name == rule.id and (*cause, None) not in found:
                yield explanations.on_record(firing, "")

    def occurred(self, rule: Rule, occurrence: Occurrence, came_to: CameTo | None) -> None:
        change, subject = self._change, occurrence.subject
        event, cause = explanations.event_of(change, occurrence), (subject.key, occurrence.cause)
        self._keep(rule, subject, cause, event, change.received_at, came_to)

    def stands(self, rule: Rule, subject: Group, refusal: Refusal) -> None:
        _, before = self._idle.get(rule.id, (subject, refusal))
        if isinstance(before, NotMatched) or not isinstance(refusal, NotMatched):
            self._idle[rule.id] = (subject, refusal)

    def ended(self, timer: Timer, by: Arm | Disarm) -> None:
        rule, change = by.rule, self._change
        if isinstance(by, Arm) and (by.timer.cause == timer.cause or not isinstance(rule.trigger, While)):
            return
        subject = group_of(rule.per, timer.provider, timer.post, change.context, timer.target)
        told = explanations.left(rule, timer, subject, change)
        self._found[rule.id][timer.key, timer.cause, told.at] = told

    def rang(self, rule: Rule, timer: Timer, subject: Group, came_to: CameTo) -> None:
        self._keep(rule, subject, (timer.key, timer.cause), "its time came", timer.due_at, came_to)

    def _keep(
        self, rule: Rule, subject: Group, cause: tuple[str, str], event: str, at: datetime, came_to: CameTo | None
    ) -> None:
        """What is on record of it, or else what the engine says now; of one moment, what it says last."""
        found, (key, _) = self._found[rule.id], cause
        if isinstance(came_to, Arm):
            return
        if firing := self.story.firings.get((rule.id, *cause)):
            found.setdefault((*cause, None), explanations.on_record(firing, event))
            return
        if isinstance(came_to, Failed):
            came_to = ConditionFalse(from_plain(came_to.context))
        if isinstance(came_to, Refusal):
            found[*cause, at] = explanations.false(explanations.refused(rule, subject, came_to), key, at, event)
        elif rule.is_silence and isinstance(came_to, Fire):
            clause = Clause("expect", trigger_in_words(rule.trigger), sentence("came_elsewhere", per=rule.per))
            found[*cause, at] = explanations.false(clause, key, at, event)
        elif came_to is None:
            text = "is one of what the rule gathers until its next time"
            found[*cause, at] = Explanation(GATHERED, text, at, event, key)
        else:
            since = self.story.since.get(rule.id)
            late = (
                f"the rule as it is now is in force since {explanations.moment(since)}" if since and at < since else ""
            )
            text = f"every clause holds, but {late or 'nobody has decided on it yet'}"
            found[*cause, at] = Explanation(UNSEEN, text, at, event, key)

    def _as_it_stands(self, rule: Rule, standing: Standing, view: PostView) -> Iterator[Explanation]:
        """Whether the rule would list the post, or which of its targets, if its time came now."""
        for one in judged(rule, standing, view, self.story.now):
            if one.refusal:
                clause = explanations.refused(rule, one.subject, one.refusal)
                if clause.key == "over" and one.at:
                    code, at = "due_at" if standing.due else "since", explanations.moment(one.at)
                    clause = replace(clause, was=sentence(code, state=one.subject.state, at=at))
                yield explanations.false(clause, one.subject.key, self.story.now)
            else:
                text = "is one of what the rule lists, if it still stands so at its next time"
                yield Explanation(GATHERED, text, self.story.now, "", one.subject.key)

    def _never(self, rule: Rule) -> Explanation:
        """Nothing happened that the rule could have acted on."""
        if not rule.enabled:
            return Explanation(OFF, "the rule is switched off")
        trigger, changes = rule.trigger, self.story.changes
        words = trigger.over if isinstance(trigger, Every) else rule.starting_words
        if isinstance(trigger, Every) and not words:
            return Explanation(CLOCK, "goes by the clock, whatever happens to posts")
        at = changes[-1].received_at if changes else None
        instead = sentence("happened", words=explanations.happened(changes))
        if words:
            return explanations.false(
                Clause("over" if isinstance(trigger, Every) else "on", either(words), instead), "", at
            )
        subject, refusal = self._idle.get(rule.id, (group_of(rule.per, "", None, None, None), OVER))
        whole = group_of(rule.per, subject.provider, subject.post, self.story.view, None)
        if not (isinstance(refusal, NotMatched) and refusal.clause.admits(whole)):
            subject = whole
        clause = explanations.refused(rule, subject, refusal)
        if clause.key == "while":
            clause = replace(clause, was=instead)
        return explanations.false(clause, subject.key, at)
