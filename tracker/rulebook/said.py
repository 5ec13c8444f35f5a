"""What rules did in a test, as its failure tells it: to whom, when, and what was said."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import msgspec

from tracker.domain.payloads import ChangePayload, CreatePayload, OtherPayload
from tracker.errors import cut, printable
from tracker.rulebook.rule_simulation import Message

WORDS = (
    "rule", "title", "body", "severity", "resolved", "event", "data", "others", "hidden", "scheduled_at", "platforms",
    "text",
)  # fmt: skip
LONGEST_SAID, MOST_SAID = 200, 10
"""Letters of each thing that was said, and how many actions a failure tells."""


def fields_of(one: Message) -> dict[str, Any]:
    """What an action says, under the names by which a test demands it."""
    payload = one.payload
    known = {"post": one.asked.post, "to": one.asked.action.target, "rule": one.asked.rule, "hidden": one.hidden}
    if isinstance(payload, OtherPayload):
        return known | {"data": dict(payload.said)}
    said = msgspec.to_builtins(payload)
    others = [other["title"] for other in said.pop("others", ())]
    if isinstance(payload, CreatePayload):
        return {**said, **known, "platforms": ",".join(payload.platforms)}
    if isinstance(payload, ChangePayload):
        return {"scheduled_at": payload.at.isoformat() if payload.at else "", **known}
    return {"body": said.pop("text", None), **said, **known, "others": others}


def as_data(one: Message, at: str) -> dict[str, Any]:
    """The action for machines."""
    fields = fields_of(one)
    said = {name: fields[name] for name in WORDS if fields.get(name) not in (None, "", False, {}, [])}
    return {"at": at, "verb": one.asked.action.verb, "to": one.asked.action.target, **said}


def in_words(one: Message, at: str, *, several: bool = False) -> str:
    """The action on one line, written as a demand would be; of `several` rules, with the one that did it."""
    data = as_data(one, at)
    if data.get("severity") == "warning":
        del data["severity"]
    if not several:
        data.pop("rule", None)
    said = "".join(f" {name}={_quoted(data[name])}" for name in WORDS if name in data)
    return f"{data['verb']} {data['to']} at {at}{said}"


def all_in_words(some: Iterable[tuple[Message, str]], *, several: bool = False) -> str:
    """Actions on one line."""
    told = [in_words(one, at, several=several) for one, at in some]
    more = f", and {len(told) - MOST_SAID} more" if len(told) > MOST_SAID else ""
    return ", ".join(told[:MOST_SAID]) + more


def _quoted(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = printable(cut(text, LONGEST_SAID).replace("\n", "\\n"))
    return text if text.replace("_", "").replace(".", "").isalnum() else f'"{text}"'
