"""The JSON Schema of rule files, for editors: made from the grammar, so that it cannot fall behind it.

It keeps to draft 4, which is what the language servers of TOML understand. An editor that accepts a file may still be
wrong; `tracker rules check` has the last word.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from re import escape

from tracker.domain.calendar import NAMES as WEEK
from tracker.domain.cron import NTH, ORDINALS
from tracker.domain.posts.description import NAME as ATTRIBUTE
from tracker.domain.posts.event import State
from tracker.domain.rules.grouping import OWN, GroupBy
from tracker.domain.rules.rule import NOT_BEGUN, Mode
from tracker.rulebook.checks import NEVER_DEBOUNCED, NEVER_THROTTLED, NOT_BY_THE_CLOCK
from tracker.rulebook.grammar import (
    FILE,
    GOES_WITH,
    MOST_STEPS,
    OVER_GOES_WITH,
    RULE,
    STEPS,
    TEST,
    TRIGGERS,
    WORKFLOW,
    Form,
    Key,
)
from tracker.rulebook.rules import NAME, RESERVED
from tracker.rulebook.tables import WORD
from tracker.rulebook.triggers import PUBLISHED
from tracker.rulebook.verbs import LABEL, MOST_LABELS

Schema = dict[str, object]
Names = Mapping[str, Collection[str]]
"""What an installation has names for, by the word that `Key.of` says."""

NOT_HERE: Schema = {"not": {}}
FLAG: Schema = {"type": "boolean"}
TEXT: Schema = {"type": "string", "minLength": 1}
ANY_TEXT: Schema = {"type": "string"}
SCALAR: Schema = {"type": ["string", "number", "boolean"]}
LITERAL: Schema = {"type": ["string", "integer", "boolean"]}
SOLE_HOLE: Schema = {"type": "string", "pattern": r"^\s*\{\{\s*[a-z]\w*\.\w+\s*\}\}\s*$"}
EACH = "*"
"""At the end of a key: whatever name follows."""

SPAN: Schema = {
    "type": "string",
    "minLength": 2,
    "pattern": r"^\s*(\d{1,9}w)?(\d{1,9}d)?(\d{1,9}h)?(\d{1,9}m)?(\d{1,9}s)?(\d{1,9}ms)?\s*$",
}

_LABELS: Schema = {
    "type": "object",
    "patternProperties": {f"^{LABEL.pattern}$": ANY_TEXT},
    "additionalProperties": False,
    "minProperties": 1,
    "maxProperties": MOST_LABELS,
}
_SPAN = r"(\d{1,9}(ms|[wdhms]))+"
_TIME, _ZONE = r"([01]?\d|2[0-3]):[0-5]\d", r"[A-Za-z][A-Za-z0-9_+/-]*"
_DAY = "|".join("".join(f"[{letter.upper()}{letter}]" for letter in name) for name in WEEK)
_DAYS, _NTH, _DATE = rf"({_DAY})(,({_DAY}))*", f"({'|'.join(NTH)})", f"({'|'.join(ORDINALS)})"
_DATES = rf"(last day|{_NTH}(,{_NTH})*\s+{_DAYS}|{_DATE}(,{_DATE})*)"
_CRON = r"(@[A-Za-z]+|[^\s@]\S*(\s+\S+){4})"
_STATE = rf"(\*|(post\.)?({'|'.join(State)}))"
_NAME = r"[^\s.>]+\.\S+"
_SHARE = rf">=? ?(100|[1-9]\d?)% of ({_NAME}|{_STATE}\s*->\s*{_STATE}) in {_SPAN}, ?at least \d{{1,4}}"
PATTERNS = {
    "every": rf"({_SPAN}|({_CRON}|({_DAYS}|{_DATES})\s+{_TIME})\s+{_ZONE})",
    "quiet": rf"({_DAYS}\s+)?{_TIME}-({_TIME}|24:00)\s+{_ZONE}",
    "count": rf"(>=? ?\d{{1,4}} in {_SPAN}|\d{{1,4}} in a row|{_SHARE})",
    "per": rf"{'|'.join(GroupBy)}|attributes\.{ATTRIBUTE.pattern}",
    **dict.fromkeys(("budget", "throttle"), rf"\d{{1,9}} (in|per) ({_SPAN}|second|minute|hour|day|week)"),
    "debounce": rf"{_SPAN}(\s+max\s+{_SPAN})?",
    "backoff": rf"{_SPAN}(\s+x\s*\d+(\.\d+)?)?(\s+max\s+{_SPAN})?(\s+jitter\s+\d+\s*%)?",
    "reschedule": rf"[+-]{_SPAN}",
    "as": WORD.pattern,
    "repeat": rf"{_SPAN}(\s+max\s+[1-9]\d{{0,2}})?",
    "starts": rf"[0-9W-]{{7,10}}\s+{_TIME}\s+{_ZONE}",
    "expect": r"[^\s.*?\[>]+\.[^\s*?\[>]+",
    **dict.fromkeys(("on", "cancel_on", "events", "wait"), rf"({_NAME}|{_STATE}\s*->\s*{_STATE})"),
}
"""What the texts under a key look like, blanks around them left out."""


def schema(names: Names | None = None) -> Schema:
    """The schema of a whole file, as plain JSON; with the names of an installation where they are given."""
    return _Schema(names or {}).whole()


class _Schema:
    def __init__(self, names: Names) -> None:
        self._names = names
        self._forms: Mapping[Form, Callable[[str, Key], Schema]] = {
            "text": self._offering,
            "words": lambda name, key: _one_or_more(self._offering(name, key)),
            "words or span": lambda name, key: {"anyOf": [SPAN, _one_or_more(self._offering(name, key))]},
            "choice": lambda _, key: {"enum": list(key.among)},
            "flag": lambda _, key: FLAG,
            "number": lambda _, key: {"type": "integer", "minimum": key.least, "maximum": key.most},
            "span": lambda _, key: SPAN,
            "flag or span": lambda _, key: {"anyOf": [FLAG, SPAN]},
            "table": lambda _, key: self._table(key.keys),
            "value": lambda name, key: self._offering(name, key) if key.of else SCALAR,
            "values": lambda _, key: {
                "type": "object",
                "properties": dict.fromkeys(self._names.get(key.of, ()), SCALAR),
                "additionalProperties": SCALAR,
            },
            "free": lambda name, _: _LABELS if name == "set" else {"type": "object", "additionalProperties": ANY_TEXT},
            "steps": lambda _, key: {"allOf": [{"$ref": "#/definitions/steps"}]},
            "named": lambda name, _: _by_name("steps" if name == "branch" else name),
            "tables": lambda name, _: {"type": "array", "items": {"$ref": f"#/definitions/{name}"}},
        }

    def whole(self) -> Schema:
        step = {"$ref": "#/definitions/step"}
        return {
            "$schema": "http://json-schema.org/draft-04/schema#",
            "title": "Rules of tracker",
            "description": "What to do when something happens to a post, lasts too long, or does not happen.",
            **self._table(FILE),
            "definitions": {
                "rule": {
                    **self._table(RULE),
                    "anyOf": [{"required": list(keys)} for keys in TRIGGERS.values()],
                    "dependencies": _combinations(),
                },
                "workflow": self._table(WORKFLOW),
                "table": {
                    "type": "object",
                    "minProperties": 1,
                    "additionalProperties": {"type": "object", "additionalProperties": LITERAL},
                },
                "test": {**self._table(TEST), "oneOf": [{"required": ["rule"]}, {"required": ["rules"]}]},
                "steps": {"type": "array", "minItems": 1, "maxItems": MOST_STEPS, "items": step},
                "step": self._step(),
                **{verb: self._of_verb(verb, keys) for verb, keys in STEPS.items()},
            },
        }

    def _step(self) -> Schema:
        """A step is looked at as one of its verb, so that what is wrong with it is named, and not only that it is."""
        every = {name: key for keys in [*STEPS.values()][::-1] for name, key in keys.items()}
        plain = {name: {"description": key.says} for name, key in every.items()}
        return {
            "type": "object",
            "properties": plain,
            "additionalProperties": False,
            "oneOf": [{"required": [verb]} for verb in STEPS],
            "dependencies": {verb: {"$ref": f"#/definitions/{verb}"} for verb in STEPS},
        }

    def _of_verb(self, verb: str, keys: Mapping[str, Key]) -> Schema:
        further: Schema = {"body": {"properties": {"template": NOT_HERE}}} if "template" in keys else {}
        ways = [key for key in ("at_most", "ack", "as", "when") if key in keys]
        further["else"] = {"anyOf": [{"required": [key]} for key in ways]} if ways[1:] else ways
        if verb == "alert":
            further["ack"] = {"properties": {"group": {"enum": [False]}}}
        if verb == "send":
            further["at_most"] = {"anyOf": [{"required": [key]} for key in ("as", "else")]}
        if verb == "wait":
            further["at_most"] = {"properties": {"wait": {"not": SPAN}}}
        table = {**self._table(keys), "title": verb, "required": [verb, *_needed(keys)]}
        return {**table, "dependencies": further}

    def _table(self, keys: Mapping[str, Key]) -> Schema:
        said = {name: {"description": key.says, **self._forms[key.form](name, key)} for name, key in keys.items()}
        table: Schema = {
            "type": "object",
            "properties": {name: one for name, one in said.items() if not name.endswith(EACH)},
            "additionalProperties": False,
        }
        if begun := {f"^{escape(name[:-1])}": one for name, one in said.items() if name.endswith(EACH)}:
            table["patternProperties"] = begun
        return {**table, "required": _needed(keys)} if _needed(keys) else table

    def _offering(self, name: str, key: Key) -> Schema:
        """Any text of the right form, with words that an editor can suggest; or just the words that there are."""
        known = sorted(self._names.get(key.of, ()))
        if key.among or (key.strict and key.of in self._names):
            words: Schema = {"enum": [*key.among, *known]}
            return {"anyOf": [words, SOLE_HOLE]} if key.strict else words
        text: Schema = {"type": "string", "pattern": rf"^\s*({PATTERNS[name]})\s*$"} if name in PATTERNS else TEXT
        offers = [*key.offers, *known]
        return {"anyOf": [{"enum": offers}, text]} if offers else text


TOGETHER = ({"on", "expect"}, {"before", "while"})
"""Two triggers that are one."""


def _combinations() -> Schema:
    """Which keys of a rule go together, by the key that minds."""
    shapes: dict[str, Schema] = {
        name: {
            "required": list(TRIGGERS[name]),
            "properties": _none_of(other for other in TRIGGERS if other != name and {name, other} not in TOGETHER),
        }
        for name in TRIGGERS
    }
    whole_posts = {"per": {"enum": [str(per) for per in GroupBy if per in OWN]}}
    without_count: Schema = {"properties": _none_of(["count"])}
    of_account: Schema = {
        "properties": {
            "per": {"enum": [GroupBy.ACCOUNT.value]},
            "while": {"required": ["account"], "properties": _none_of(["state"])},
        },
        "required": ["per"],
    }
    of_state: Schema = {
        "properties": {**whole_posts, "while": {"required": ["state"], "properties": _none_of(["account"])}}
    }
    shapes["while"]["allOf"] = [{"oneOf": [of_state, of_account]}, without_count]
    del shapes["while"]["required"]
    shapes["while"]["oneOf"] = [{"required": ["for"]}, {"required": ["before"]}]
    shapes["before"]["allOf"] = [
        {"properties": whole_posts},
        without_count,
        {"properties": _none_of(["since"])},
        {"properties": {"of": {"enum": ["post.scheduled_at"]}}},
    ]
    shapes["of"] = {"anyOf": [{"required": ["expect"]}, {"required": ["before"]}]}
    shapes["expect"]["allOf"] = [without_count]
    silence: Schema = {
        "required": ["per"],
        "properties": {
            "per": {"not": whole_posts["per"]},
            "expect": _one_or_more({"enum": [PUBLISHED]}),
            **_none_of(["of", "on"]),
        },
    }
    shapes["expect"]["oneOf"] = [*({"required": [key], "properties": whole_posts} for key in ("of", "on")), silence]
    shapes["over"] = {"required": ["every"], "properties": {"over": _gathering()}}
    without_over = {"properties": _none_of(["match", "when", "per"])}
    no_state: Schema = {"properties": {"match": {"properties": {"state": NOT_HERE}}}}
    shapes["every"]["allOf"] = [{"properties": _none_of(NOT_BY_THE_CLOCK)}, no_state]
    shapes["every"]["anyOf"] = [{"required": ["over"]}, without_over]
    shapes["debounce"] = {"required": ["on"], "properties": _none_of([*NEVER_DEBOUNCED, "expect"])}
    shapes["throttle"] = {"properties": {"mode": {"enum": [mode for mode in Mode if mode is not NEVER_THROTTLED]}}}
    return {**{key: [other] for key, other in GOES_WITH.items()}, **shapes}


def _gathering() -> Schema:
    """An `over` gathers events, or lists posts by how they stand."""
    due = {"properties": {"state": _one_or_more({"enum": sorted(NOT_BEGUN)})}}
    return {
        "anyOf": [{"required": [key]} for key in ("events", "state", "due")],
        "dependencies": {
            **{key: [other] for key, other in OVER_GOES_WITH.items()},
            "events": {"properties": _none_of(["state", "due"])},
            "due": due,
        },
    }


def _none_of(keys: Iterable[str]) -> Schema:
    return dict.fromkeys(keys, NOT_HERE)


def _needed(keys: Mapping[str, Key]) -> list[str]:
    return [name for name, key in keys.items() if key.needed]


def _one_or_more(word: Schema) -> Schema:
    return {"anyOf": [word, {"type": "array", "minItems": 1, "items": word}]}


def _by_name(what: str) -> Schema:
    """Tables by free names; a branch is a list of steps."""
    inner = {"$ref": f"#/definitions/{what}"}
    table = {"type": "object", "patternProperties": {f"^{NAME.pattern}$": inner}, "additionalProperties": False}
    if what != "steps":
        return table
    taken: Schema = {"description": "No name for a branch: it stands by itself.", **NOT_HERE}
    return {**table, "properties": dict.fromkeys(RESERVED, taken)}
