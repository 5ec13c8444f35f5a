"""A post's history in the groups in which people read it.

A fact stands with what it changed, a firing with the run that it began, an action with its attempts and with the fact
that it became. What belongs to an entry of another page stands by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from tracker.queries.history import EntryOut, PathStep

Name = tuple[str, object]


@dataclass(frozen=True, slots=True)
class Group:
    """One entry, and those that are told with it."""

    at: datetime
    type: str
    entry: dict[str, Any]
    told: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def more(self, kind: str) -> list[dict[str, Any]]:
        """The entries of that type that are told with this one."""
        return [entry for type_, entry in self.told if type_ == kind]


def grouped(entries: Sequence[EntryOut]) -> list[Group]:
    """The groups in the order of their heads; attempts are left to the actions that show them."""
    heads = _heads(entries)
    groups: list[Group] = []
    for entry in entries:
        if head := heads.get(_belongs_to(entry)):
            head.told.append((entry.type, entry.data))
        elif entry.type != "attempt":
            name = _name(entry)
            groups.append(heads[name] if name else _group(entry))
    return groups


def actions_in(groups: Iterable[Group]) -> list[UUID]:
    """The actions whose attempts are to be shown."""
    return [UUID(group.entry["action"]) for group in groups if group.type == "action"]


def facts_in(groups: Iterable[Group]) -> list[int]:
    """The positions of the facts whose bodies may be shown."""
    return [group.entry["position"] for group in groups if group.type == "fact"]


def without_repeats(path: Iterable[PathStep]) -> list[PathStep]:
    """The steps of a path without those that lead where the one before it had led: two facts may say the same."""
    steps: list[PathStep] = []
    for step in path:
        if not steps or (steps[-1].state, steps[-1].attempt) != (step.state, step.attempt):
            steps.append(step)
    return steps


def _heads(entries: Sequence[EntryOut]) -> dict[Name | None, Group]:
    heads: dict[Name | None, Group] = {name: _group(entry) for entry in entries if (name := _name(entry))}
    for entry in entries:
        if entry.type == "fact" and (action := heads.get(_belongs_to(entry))):
            heads[_name(entry)] = action  # what the fact changed is told with the action too
    return heads


def _group(entry: EntryOut) -> Group:
    return Group(entry.at, entry.type, entry.data)


def _name(entry: EntryOut) -> Name | None:
    """By what other entries say that they belong to this one."""
    match entry.type:
        case "fact":
            return ("fact", entry.data["position"])
        case "firing" if entry.data["outcome"] == "fired":
            return ("firing", entry.data["run"])
        case "action":
            return ("action", entry.data["action"])
    return None


def _belongs_to(entry: EntryOut) -> Name | None:
    match entry.type:
        case "change":
            return ("fact", entry.data["position"])
        case "run":
            return ("firing", entry.data["run"])
        case "fact" if entry.data["source"] == "action":
            return ("action", entry.data["delivery"].partition(":")[0])
    return None
