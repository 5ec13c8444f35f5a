"""docs/reference/rule-keys.md: every key of a rule file, as the grammar declares it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.unit.provider_page import rows
from tracker.rulebook.grammar import FILE, GATHERED, MATCH, RULE, STEPS, TEST, WATCHED, WORKFLOW, Key

if TYPE_CHECKING:
    from collections.abc import Mapping

TITLE = "Keys of rule files"
FORMS = {
    "text": "text", "words": "text or list of them", "words or span": "text, list of them, or duration",
    "flag": "true or false", "number": "number", "span": "duration",
    "flag or span": "true, false or duration", "table": "table", "tables": "tables", "named": "tables by name",
    "steps": "list of steps", "free": "texts by name", "value": "text, number or flag",
    "values": "values by name",
}  # fmt: skip
HEAD = ("key", "what stands there", "what it says")


def made() -> str:
    """The whole page."""
    intro = (
        "[Rules](../rules.md) tells what they are for, with an example of each. Keys in bold must be there; for a"
        " trigger, those of one of its shapes must."
    )
    parts = {
        "A file": FILE, "`[rule.<id>]`": RULE, "`match`": MATCH, "`while`": WATCHED, "`over`": GATHERED,
        "`[workflow.<name>]`": WORKFLOW, "`[[test]]`": TEST,
    }  # fmt: skip
    steps = {f"The step `{verb}`": keys for verb, keys in STEPS.items()}
    return "\n\n".join([intro, *(f"## {name}\n\n{_table(keys)}" for name, keys in (parts | steps).items())])


def _table(keys: Mapping[str, Key]) -> str:
    return rows(HEAD, [(_name(name, key), _form(key), key.says) for name, key in keys.items()])


def _name(name: str, key: Key) -> str:
    return f"**`{name}`**" if key.needed else f"`{name}`"


def _form(key: Key) -> str:
    if key.form == "number":
        return f"{key.least} to {key.most}"
    if key.among:
        words = ", ".join(f"`{word}`" for word in key.among)
        return f"{words}, or a list of them" if key.form == "words" else words
    return FORMS[key.form]
