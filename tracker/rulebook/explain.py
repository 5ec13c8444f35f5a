"""Why a rule fired for a post, or the first of its clauses that was false: pure, from what is on record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tracker.domain.posts.change import Change, PostView
from tracker.domain.rules.event_pattern import Word
from tracker.domain.rules.match_context import Occurrence, Scene
from tracker.domain.rules.rule import Rule
from tracker.domain.rules.trigger import Every, Expect, On, While
from tracker.domain.runs.firing import Firing
from tracker.rulebook import answers
from tracker.rulebook.answers import CLOCK, GATHERED, OFF, UNSEEN, Clause, Explanation
from tracker.rulebook.waits import Waits, never_waited

Cause = tuple[str, str]


@dataclass(frozen=True)
class Story:
    """A post's changes, the first one first, how it stands, and what one rule has on record about it by (key, cause).

    `since` is when the rule's present meaning was put in force, None where that is not known.
    """

    changes: Sequence[Change]
    view: PostView | None
    firings: Mapping[Cause, Firing]
    now: datetime
    since: datetime | None = None


@dataclass
class _Asked:
    rule: Rule
    story: Story
    _told: set[Cause] = field(default_factory=set)

    def explanations(self) -> list[Explanation]:
        found = [*self._of_trigger()] if self.rule.enabled else [Explanation(OFF, "the rule is switched off")]
        rest = [one for cause, one in self.story.firings.items() if cause not in self._told]
        return sorted([*found, *(answers.on_record(one, "") for one in rest)], key=lambda one: one.rank)

    def decided(self, key: str, cause: str, event: str, at: datetime) -> Explanation:
        """It had to fire: what is on record about that, or why nothing is."""
        firing = self.story.firings.get((key, cause))
        if firing:
            self._told.add((key, cause))
            return answers.on_record(firing, event)
        since = self.story.since
        why = (
            f"the rule as it is now is in force since {answers.moment(since)}"
            if since and at < since
            else "nobody has decided on it yet"
        )
        return Explanation(UNSEEN, f"every clause holds, but {why}", at, event, key)

    def _of_trigger(self) -> Iterator[Explanation]:
        trigger = self.rule.trigger
        match trigger:
            case On(words):
                yield from self._happened(words)
            case Every(over=()):
                yield Explanation(CLOCK, "goes by the clock, whatever happens to posts")
            case Every(over=words):
                yield from self._happened(words)
            case While() | Expect():
                yield from self._waited(trigger)

    def _waited(self, trigger: While | Expect) -> Iterator[Explanation]:
        rule, story = self.rule, self.story
        found = [*Waits(rule, self.decided).explained(story.changes, story.view, story.now)]
        if not found and isinstance(trigger, Expect) and trigger.on:
            found = [self._never(trigger.on)]
        yield from found or [never_waited(rule, story.changes, story.view)]

    def _happened(self, words: Sequence[Word]) -> Iterator[Explanation]:
        found = [
            self._judged(scene, one)
            for scene in map(Scene, self.story.changes)
            for one in scene.occurrences(self.rule, words)
        ]
        yield from found or [self._never(words)]

    def _judged(self, scene: Scene, one: Occurrence) -> Explanation:
        rule, at = self.rule, scene.change.received_at
        event, key = answers.event_of(scene.change, one), one.subject.key
        unmet = answers.unmet_match(rule, one.subject)
        if unmet is None and (key, one.cause) not in self.story.firings and not one.superseded:
            values = scene.values(one)
            unmet = answers.unmet_when(rule, values) if rule.judge(values).kind != "true" else None
        if unmet:
            return answers.false(unmet, key, at, event)
        if isinstance(rule.trigger, Every):
            return Explanation(GATHERED, "is one of what the rule gathers until its next time", at, event, key)
        return self.decided(key, one.cause, event, at)

    def _never(self, words: Sequence[Word]) -> Explanation:
        wanted, happened = " or ".join(map(str, words)), answers.happened(self.story.changes)
        last = self.story.changes[-1].received_at if self.story.changes else None
        key = "over" if isinstance(self.rule.trigger, Every) else "on"
        return answers.false(Clause(key, wanted, f"what happened is {happened}"), "", last)


def explain(rule: Rule, story: Story) -> list[Explanation]:
    """What the rule made of everything that it could have acted on, the most telling first; never empty."""
    return _Asked(rule, story).explanations()
