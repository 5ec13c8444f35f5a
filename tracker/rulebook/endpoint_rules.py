"""The rule of an endpoint made at run time: it is written and read as any other, so that one engine decides."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tracker.errors import BadParameter
from tracker.rulebook.context import Known
from tracker.rulebook.loading import Rulebook, load_text

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

FILE = "<endpoint>"
PARAMETERS = {"on": "events", "match": "filter"}
"""What the keys of the rule are called by those who make an endpoint."""


def rule_text(endpoint: str, events: Sequence[str], filter_: Mapping[str, object]) -> str:
    """The rule that sends what `events` name, of posts that fit `filter_`, to the endpoint of its own name."""
    match = ", ".join(f"{_written(key)} = {_written(value)}" for key, value in filter_.items())
    return (
        f"[rule.{endpoint}]\non = {_written(list(events))}\n"
        + (f"match = {{ {match} }}\n" if match else "")
        + f'mode = "parallel"\ndo = [{{ send = "{endpoint}" }}]\n'
    )


def rule_of_endpoint(
    endpoint: str, events: Sequence[str], filter_: Mapping[str, object], providers: Collection[str] | None = None
) -> Rulebook:
    """That rule, read; `providers` are those that a filter may name, None where that is not checked."""
    return load_text(rule_text(endpoint, events, filter_), FILE, Known((), {endpoint}, providers))


def check_endpoint(
    endpoint: str, events: Sequence[str], filter_: Mapping[str, object], providers: Collection[str]
) -> None:
    """Raise BadParameter for the first thing in `events` or `filter_` that a rule cannot say."""
    for fault in rule_of_endpoint(endpoint, events, filter_, providers).faults:
        key, _, rest = fault.key.removeprefix(f"rule.{endpoint}").lstrip(".").partition(".")
        name = PARAMETERS.get(key, "events")
        raise BadParameter(f"{name}.{rest}" if rest else name, fault.message)


def _written(value: object) -> str:
    """As TOML: its texts and lists of texts are written as those of JSON, but for one character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
