"""What is wrong with an expression, in our words: each of the evaluator's complaints, and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from tracker.domain.rules.grouping import DEFAULTS
from tracker.errors import did_you_mean
from tracker.rulebook.local_times import EXAMPLE
from tracker.toml.positions import BadText, together

FUNCTIONS = (
    "all", "at", "bool", "bucket", "contains", "double", "duration", "dyn", "endsWith", "exists", "exists_one",
    "filter", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getFullYear", "getHours", "getMilliseconds",
    "getMinutes", "getMonth", "getSeconds", "has", "int", "map", "matches", "size", "startsWith", "string",
    "timestamp", "type",
)  # fmt: skip
_ERROR = re.compile(r"<input>:(-?\d+):(-?\d+): (.*)")
_UNDECLARED = re.compile(r"undeclared reference to '(.*?)'")
_OVERLOAD = re.compile(r"found no matching overload for '_?(.*?)_?' applied to '\((.*)\)'")
_STATUS = re.compile(r"^[A-Z_]+: | \[[A-Z_]+\]$")
_STRING = re.compile(r"""\"(?:[^"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'""", re.DOTALL)
_VALUE = r"(?:[A-Za-z_][\w.]*(?:\([^()]*\))?)"
_NO_FILTERS = '"| {0}" is a filter of Jinja, and CEL has none: put such a text in a file (template = "…")'
_CURLY = "a curly quote is no quote: write \" or '"
_SLIPS = tuple(
    (re.compile(pattern), told)
    for pattern, told in (
        (r"\bnot\s+in\b", '"not in" is not CEL (write "!(… in …)")'),
        (rf"\bnot\b\s*({_VALUE})?", '"not" is not CEL (write "!{}")'),
        (r"\band\b", '"and" is not CEL (write "&&")'),
        (r"\bor\b", '"or" is not CEL (write "||")'),
        (r"<>", '"<>" is not CEL (write "!=")'),
        (r"=([<>])", '"={0}" is not CEL (write "{0}=")'),
        (r"===|!==", '"===" is not CEL (write "==" or "!=")'),
        (r"(?<![=!<>&|])=(?![=~])", '"=" is not CEL (write "==")'),
        (r"(?<!&)&(?!&)", '"&" is not CEL (write "&&")'),
        (r"(?<!\|)\|\s*([a-z_]+)\s*(?=$|\||\()", _NO_FILTERS),
        (r"(?<!\|)\|(?!\|)", '"|" is not CEL (write "||")'),
        (rf"({_VALUE})\s+(contains|startsWith|endsWith|matches)\b", '"{1}" does not stand so (write {0}.{1}("…"))'),
        (rf"({_VALUE})\s+(?:starts|begins)\s+with\b", '"starts with" is not CEL (write {0}.startsWith("…"))'),
        (rf"({_VALUE})\s+ends\s+with\b", '"ends with" is not CEL (write {0}.endsWith("…"))'),
        (r"\bis\b", '"is" is not CEL (write "==" or "!=")'),
        (rf"({_VALUE})\s*(like\b|=~)", '"{1}" is not CEL (write {0}.matches("…"))'),
        (r"\bif\b", '"if" is not CEL (write "… ? … : …")'),
        ("[\N{LEFT DOUBLE QUOTATION MARK}-\N{DOUBLE LOW-9 QUOTATION MARK}]", _CURLY),
        ("[\N{LEFT SINGLE QUOTATION MARK}-\N{SINGLE LOW-9 QUOTATION MARK}]", _CURLY),
    )
)
_OPERATORS: Mapping[str, str] = {"and": " &&", "or": "||", "not": "!  "}
_WORDED = re.compile(rf"{_STRING.pattern}|\b(?:and|or|not)\b", re.DOTALL)
_MEANT: Mapping[str, str] = {
    "True": "true", "False": "false", "None": '""', "nil": '""', "run.attempts": "run.tries",
    "run.attempt": "run.tries", "post.excerpt": "post.text", "post.attempts": "post.attempt",
    "post.platform": "post.platforms", "error.text": "error.message", "error.type": "error.code",
    "event.time": "event.occurred_at", "event.type": "event.name", "items": "run.items", "platform": "target.platform",
    "labels": "post.labels",
    "signal.data": "event.data", "event.detail": "event.data", "post.url": "post.urls", "post.caption": "post.text",
    "change.changed": "change.fields", "change.after": "post.state", "post.target": "post.targets",
}  # fmt: skip
"""Names that other programs have for what ours are called."""

_THERE_ARE = f" (there are {', '.join(one for one in FUNCTIONS if not one.startswith('get'))}, getHours and its like)"
_NO_FUNCTION: Mapping[str, str] = {
    "now": "what waits is said by while … for or expect … within; event.occurred_at is when it happened",
    "format": f"write {EXAMPLE}",
    "strftime": f"write {EXAMPLE}",
    "lower": "matches takes (?i), as in error.message.matches('(?i)limit')",
    "upper": "matches takes (?i), as in error.message.matches('(?i)limit')",
    "toLowerCase": "matches takes (?i), as in error.message.matches('(?i)limit')",
    "len": "write post.platforms.size()",
    "length": "write post.platforms.size()",
    "any": 'write post.platforms.exists(p, p == "x")',
}


def explained(message: str, text: str, known: Collection[str] = DEFAULTS) -> BadText:
    """The evaluator's complaints in our words: all of them, but of a slip in the grammar only what it is.

    `known` are the names of the values that there are.
    """
    found = [_one(match, text, known) for match in _ERROR.finditer(message)]
    if not found:
        return BadText(reason(message.partition("\n")[0]))
    if "Syntax error" in message:
        slips = list(_slips(text))
        return together(slips) if slips else found[0]
    return together(found)


def mended(text: str) -> str:
    """The text with the words of other languages for `&&`, `||` and `!` put right, all else at its place."""
    return _WORDED.sub(lambda match: _OPERATORS.get(match[0], match[0]), text)


def _slips(text: str) -> Iterator[BadText]:
    """What people write who know other languages, outside of quotes; one slip at a place."""
    bare = _STRING.sub(lambda match: '"' + " " * (len(match[0]) - 2) + '"', text)
    taken: set[int] = set()
    for pattern, told in _SLIPS:
        for match in pattern.finditer(bare):
            places = set(range(*match.span()))
            if not places & taken:
                taken |= places
                yield BadText(told.format(*(one or "…" for one in match.groups())), match.start())


_FORM = "a condition reads as error.retryable && post.attempt < 4"
NOUNS = tuple(dict.fromkeys(name.partition(".")[0] for name in DEFAULTS))
_TO_FIT: Mapping[tuple[str, str], str] = {
    ("duration", "int"): 'write duration("30m")',
    ("duration", "text"): 'write duration("30m")',
    ("timestamp", "text"): 'write timestamp("2026-01-31T09:00:00Z")',
    ("timestamp", "int"): 'write timestamp("2026-01-31T09:00:00Z")',
    ("timestamp", "duration"): "a time minus a time is a duration",
    ("int", "text"): "write the number without quotes",
    ("text", "int"): 'write the text in quotes, as in "3"',
    ("bool", "text"): "write true or false without quotes",
    ("bool", "int"): "write true or false",
    ("text", "bool"): 'write the text in quotes, as in "true"',
    ("list(text)", "text"): 'write "x" in post.platforms',
    ("text", "text"): 'write == for one text, in ["x", "y"] for several, as in error.code in ["x"]',
}


def _to_fit(kinds: list[str]) -> str:
    """What to write so that the two sides are of one kind."""
    pair = tuple(kinds)
    said = _TO_FIT.get(pair) or _TO_FIT.get(pair[::-1]) if len(pair) == 2 else ""  # noqa: PLR2004  (two sides)
    return f" ({said})" if said else ""


def _one(match: re.Match[str], text: str, known: Collection[str]) -> BadText:
    offset, message = _offset(text, int(match[1]), int(match[2])), reason(match[3])
    if name := _UNDECLARED.search(message):
        return _undeclared(name[1], text, offset, known)
    if overload := _OVERLOAD.search(message):
        kinds = [plain_type(kind) for kind in overload[2].split(", ")]
        operator = overload[1].removeprefix("@")
        hint = f" (write {EXAMPLE})" if operator == "at" else _to_fit(kinds)
        return BadText(f'"{operator}" cannot be used with ({", ".join(kinds)}){hint}', offset)
    if "token recognition error" in message and "at: '" in message and message.partition("at: '")[2][:1] in ("'", '"'):
        return BadText("a quote is never closed", offset)
    if "'<EOF>'" in message.partition(" expecting ")[0]:
        return BadText("something is missing at the end", offset)
    return BadText(f"{message.partition(' expecting ')[0].replace('Syntax error: ', '')}: {_FORM}", offset)


def _undeclared(name: str, text: str, offset: int, known: Collection[str]) -> BadText:
    is_call = text.startswith("(", offset)
    start = offset - len(name if is_call else name.rpartition(".")[0])
    offset = start if text.startswith(name, max(start, 0)) else offset
    if name in DEFAULTS:
        return BadText(f"{name} is known only in texts, not where a condition is judged", offset)
    if is_call:
        instead = f" ({_NO_FUNCTION[name]})" if name in _NO_FUNCTION else did_you_mean(name, FUNCTIONS)
        return BadText(f"{name}: no function of that name{instead or _THERE_ARE}", offset)
    meant = f' (write "{_MEANT[name]}")' if name in _MEANT else nearest(name, known)
    return BadText(f"{name}: not a value that rules can read{meant}", offset)


def nearest(name: str, known: Collection[str] = DEFAULTS) -> str:
    """The right name that is meant, or else what its noun has."""
    noun, _, field = name.partition(".")
    fields = [one.partition(".")[2] for one in known if one.startswith(f"{noun}.")]
    if not fields:
        nouns = dict.fromkeys(one.partition(".")[0] for one in known)
        return did_you_mean(name, known) or did_you_mean(noun, nouns) or f" (there are {', '.join(nouns)})"
    near = did_you_mean(field, fields)
    return near.replace('"', f'"{noun}.', 1) if near else f" ({noun} has {', '.join(fields)})"


def _offset(text: str, line: int, column: int) -> int:
    if line < 1 or column < 1:
        return 0
    above = text.split("\n")[: line - 1]
    return min(sum(len(one) + 1 for one in above) + column - 1, len(text))


def reason(message: str) -> str:
    """The evaluator's words without their status."""
    return _STATUS.sub("", message).strip()[:300] or "unknown"


def plain_type(name: str) -> str:
    """What people call a type."""
    return name.replace("google.protobuf.", "").replace("STRING", "text").replace("string", "text").lower()
