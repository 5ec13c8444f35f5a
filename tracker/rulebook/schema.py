"""The JSON Schema of rule files, for editors: made from the grammar, so that it cannot fall behind it.

It keeps to draft 4, which is what the language servers of TOML understand. An editor that accepts a file may still be
wrong; `tracker rules check` has the last word.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tracker.rulebook.grammar import FILE, MOST_STEPS, RULE, STEPS, TEST, TRIGGERS, WORKFLOW, Form, Key
from tracker.rulebook.rules import NAME

Schema = dict[str, object]

ANY, BACKSLASH = "*", r"\."

SPAN: Schema = {
    "type": "string",
    "minLength": 2,
    "pattern": r"^(\d{1,9}w)?(\d{1,9}d)?(\d{1,9}h)?(\d{1,9}m)?(\d{1,9}s)?(\d{1,9}ms)?$",
}
FLAG: Schema = {"type": "boolean"}
TEXT: Schema = {"type": "string", "minLength": 1}
SCALAR: Schema = {"type": ["string", "number", "boolean"]}
ROW: Schema = {"type": "object", "additionalProperties": {"type": ["string", "integer", "boolean"]}}


def schema() -> Schema:
    """The schema of a whole file, as plain JSON."""
    return {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "title": "Rules of tracker",
        "description": "What to do when something happens to a post, lasts too long, or does not happen.",
        **_table(FILE),
        "definitions": {
            "rule": {**_table(RULE), "anyOf": [{"required": list(keys)} for keys in TRIGGERS.values()]},
            "workflow": _table(WORKFLOW),
            "test": _table(TEST),
            "table": {"type": "object", "minProperties": 1, "additionalProperties": ROW},
            "steps": {"type": "array", "minItems": 1, "maxItems": MOST_STEPS, "items": {"$ref": "#/definitions/step"}},
            "step": {"anyOf": [{"$ref": f"#/definitions/{verb}"} for verb in STEPS]},
            **{verb: _step(verb, keys) for verb, keys in STEPS.items()},
        },
    }


def _step(verb: str, keys: Mapping[str, Key]) -> Schema:
    table = _table(keys)
    return {**table, "title": verb, "required": [verb, *_needed(keys)]}


def _table(keys: Mapping[str, Key]) -> Schema:
    said = {name: {"description": key.says, **_value(name, key)} for name, key in keys.items()}
    table: Schema = {
        "type": "object",
        "properties": {name: one for name, one in said.items() if not name.endswith(ANY)},
        "additionalProperties": False,
    }
    if begun := {f"^{name[:-1].replace('.', BACKSLASH)}": one for name, one in said.items() if name.endswith(ANY)}:
        table["patternProperties"] = begun
    return {**table, "required": _needed(keys)} if _needed(keys) else table


def _needed(keys: Mapping[str, Key]) -> list[str]:
    return [name for name, key in keys.items() if key.needed]


def _value(name: str, key: Key) -> Schema:
    return _FORMS[key.form](name, key)


def _words(key: Key) -> Schema:
    word: Schema = {"enum": list(key.among)} if key.among else _offering(key.offers)
    return {"anyOf": [word, {"type": "array", "minItems": 1, "items": word}]}


def _named(name: str) -> Schema:
    """Tables by free names; a branch is a list of steps."""
    what = "steps" if name == "branch" else name
    inner = {"$ref": f"#/definitions/{what}"}
    return {"type": "object", "patternProperties": {f"^{NAME.pattern}$": inner}, "additionalProperties": False}


def _offering(words: Sequence[str]) -> Schema:
    """Any text, with words that an editor can suggest."""
    return {"anyOf": [{"enum": list(words)}, TEXT]} if words else TEXT


_FORMS: Mapping[Form, Callable[[str, Key], Schema]] = {
    "text": lambda _, key: _offering(key.offers),
    "words": lambda _, key: _words(key),
    "choice": lambda _, key: {"enum": list(key.among)},
    "flag": lambda _, key: FLAG,
    "number": lambda _, key: {"type": "integer", "minimum": key.least, "maximum": key.most},
    "span": lambda _, key: SPAN,
    "flag or span": lambda _, key: {"anyOf": [FLAG, SPAN]},
    "table": lambda _, key: _table(key.keys),
    "values": lambda _, key: {**_table(key.keys), "properties": dict.fromkeys(key.keys, SCALAR)},
    "free": lambda _, key: {"type": "object", "additionalProperties": {"type": "string"}},
    "steps": lambda _, key: {"allOf": [{"$ref": "#/definitions/steps"}]},
    "named": lambda name, _: _named(name),
    "tables": lambda name, _: {"type": "array", "items": {"$ref": f"#/definitions/{name}"}},
}
