"""A post's history in the groups in which people read it.

A fact stands with what it changed, a firing with the run that it began, an action with its attempts and with the fact
that it became. What belongs to an entry of another page stands by itself.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from tracker.store.database import Row

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


def grouped(rows: Sequence[Row]) -> list[Group]:
    """The groups in the order of their heads; attempts are left to the actions that show them."""
    heads = _heads(rows)
    groups: list[Group] = []
    for row in rows:
        if head := heads.get(_belongs_to(row)):
            head.told.append((row["type"], row["entry"]))
        elif row["type"] != "attempt":
            name = _name(row)
            groups.append(heads[name] if name else _group(row))
    return groups


def actions_in(groups: Iterable[Group]) -> list[UUID]:
    """The actions whose attempts are to be shown."""
    return [UUID(group.entry["action"]) for group in groups if group.type == "action"]


def facts_in(groups: Iterable[Group]) -> list[int]:
    """The positions of the facts whose bodies may be shown."""
    return [group.entry["position"] for group in groups if group.type == "fact"]


def by_action(attempts: Iterable[Row]) -> dict[str, list[Row]]:
    """The attempts of each action; an action without any has an empty list."""
    found: dict[str, list[Row]] = defaultdict(list)
    for attempt in attempts:
        found[str(attempt["action"])].append(attempt)
    return found


def without_repeats(path: Iterable[Row]) -> list[Row]:
    """The steps of a path without those that lead where the one before it had led: two facts may say the same."""
    steps: list[Row] = []
    for step in path:
        if not steps or (steps[-1]["state"], steps[-1]["attempt"]) != (step["state"], step["attempt"]):
            steps.append(step)
    return steps


def _heads(rows: Sequence[Row]) -> dict[Name | None, Group]:
    heads: dict[Name | None, Group] = {name: _group(row) for row in rows if (name := _name(row))}
    for row in rows:
        if row["type"] == "fact" and (action := heads.get(_belongs_to(row))):
            heads[_name(row)] = action  # what the fact changed is told with the action too
    return heads


def _group(row: Row) -> Group:
    return Group(row["at"], row["type"], row["entry"])


def _name(row: Row) -> Name | None:
    """By what other entries say that they belong to this one."""
    entry = row["entry"]
    match row["type"]:
        case "fact":
            return ("fact", entry["position"])
        case "firing" if entry["outcome"] == "fired":
            return ("firing", entry["run"])
        case "action":
            return ("action", entry["action"])
    return None


def _belongs_to(row: Row) -> Name | None:
    entry = row["entry"]
    match row["type"]:
        case "change":
            return ("fact", entry["position"])
        case "run":
            return ("firing", entry["run"])
        case "fact" if entry["source"] == "action":
            return ("action", entry["delivery"].partition(":")[0])
    return None
