"""A post's history in the groups in which people read it.

A fact stands with what it changed, a firing with the run that it began, an action with its attempts. What belongs to
an entry of another page stands by itself.
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
    """One entry, and in `more` those that are told with it, by type."""

    at: datetime
    type: str
    entry: dict[str, Any]
    more: dict[str, dict[str, Any]] = field(default_factory=dict)


def grouped(rows: Sequence[Row]) -> list[Group]:
    """The groups in the order of their heads; attempts are left to the actions that show them."""
    heads = {name: _group(row) for row in rows if (name := _name(row))}
    groups: list[Group] = []
    for row in rows:
        if (belongs_to := _belongs_to(row)) in heads:
            heads[belongs_to].more[row["type"]] = row["entry"]
        elif row["type"] != "attempt":
            name = _name(row)
            groups.append(heads[name] if name else _group(row))
    return groups


def actions_in(groups: Iterable[Group]) -> list[UUID]:
    """The actions whose attempts are to be shown."""
    return [UUID(group.entry["action"]) for group in groups if group.type == "action"]


def by_action(attempts: Iterable[Row]) -> dict[str, list[Row]]:
    """The attempts of each action; an action without any has an empty list."""
    found: dict[str, list[Row]] = defaultdict(list)
    for attempt in attempts:
        found[str(attempt["action"])].append(attempt)
    return found


def _group(row: Row) -> Group:
    return Group(row["at"], row["type"], row["entry"])


def _name(row: Row) -> Name | None:
    """By what other entries say that they belong to this one."""
    entry = row["entry"]
    if row["type"] == "fact":
        return ("fact", entry["position"])
    if row["type"] == "firing" and entry["outcome"] == "fired":
        return ("firing", entry["run"])
    return None


def _belongs_to(row: Row) -> Name | None:
    match row["type"]:
        case "change":
            return ("fact", row["entry"]["position"])
        case "run":
            return ("firing", row["entry"]["run"])
    return None
