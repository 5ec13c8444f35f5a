"""What a line of a timeline tells runs, each by itself: that an alert was acknowledged, or what became of a send."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from tracker.domain.posts.event import Fact
from tracker.domain.rules.event_pattern import ACKNOWLEDGED, ACTION_DEAD, ACTION_DONE
from tracker.domain.runs.engine_state import ActionRequest
from tracker.rulebook.rule_simulation import RuleSimulation
from tracker.rulebook.timeline import ANSWERS, Line


def told_to_runs(fact: Fact, line: Line, world: RuleSimulation) -> list[Fact]:
    """The fact for each run that it is about: those that wait for it, of the post that the line names if it does.

    An action that came to nothing is another rule's, where no run waits for it.
    """
    if line.word == ACKNOWLEDGED:
        return list(_acknowledged(fact, line, world))
    if line.word == ACTION_DONE:
        return list(_ended(fact, line, world))
    return (list(_ended(fact, line, world)) if line.word == ACTION_DEAD else []) or [fact]


def _acknowledged(fact: Fact, line: Line, world: RuleSimulation) -> Iterator[Fact]:
    for run in list(world.world.memory.runs.values()):
        if run.is_unacknowledged and line.fields.get("post", run.post) == run.post:
            own = {"provider": run.provider, "post": run.post, "detail": {"run": str(run.id)}}
            yield replace(fact, id=f"{fact.id}:{run.id}", **own)


def _ended(fact: Fact, line: Line, world: RuleSimulation) -> Iterator[Fact]:
    """As the worker tells it of each action that the line names."""
    for asked in world.world.awaited_sends():
        action, told = asked.action, line.fields
        if _known_as(asked).items() >= {name: told[name] for name in _known_as(asked) if name in told}.items():
            outcome = line.word.partition(".")[2]
            detail: dict[str, object] = {
                "action": str(action.id), "run": str(asked.run), "rule": asked.rule, "verb": action.verb,
                "target": action.target, "outcome": outcome, "reason": told.get("action.reason", "ok"),
            }  # fmt: skip
            if answer := carried(told, ANSWERS):
                detail["answer"] = answer
            yield Fact(
                f"{fact.id}:{action.id}", asked.provider, asked.post, line.word, "action", fact.received_at,
                fact.received_at, fact.position, detail=detail,
            )  # fmt: skip


def _known_as(asked: ActionRequest) -> dict[str, str]:
    action = asked.action
    named = {"action.verb": action.verb, "action.target": action.target, "action.rule": asked.rule}
    return {**named, "post": asked.post or ""}


def carried(told: Mapping[str, str], kind: str) -> dict[str, object]:
    """What a line tells under names of its own: numbers and flags are what they look like, all else is text."""
    return {name: _scalar(text) for name, text in under(kind, told).items()}


def _scalar(text: str) -> object:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, int | float) else text


def under(kind: str, told: Mapping[str, str]) -> dict[str, str]:
    """The fields `kind.<name>` of a line, by their names."""
    return {name.partition(".")[2]: text for name, text in told.items() if name.startswith(f"{kind}.")}
