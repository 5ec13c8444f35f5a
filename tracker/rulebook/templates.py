"""Texts with holes: `{{ CEL }}` compiled when the rule is loaded, rendered without raising, and never too long."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from tracker.domain.duration import format_duration
from tracker.domain.rules.grouping import EPOCH
from tracker.rulebook.cel_faults import NOUNS
from tracker.rulebook.expressions import Hole
from tracker.rulebook.reading import Doubtful
from tracker.rulebook.scope import NOTHING_MORE, Scope, filled
from tracker.toml.positions import BadText, together

OPENING, CLOSING = "{{", "}}"
_NAME = rf"((?:{'|'.join(NOUNS)})\.\w[^{{}}]*?)"
_OF_HOLES = re.compile(r"[{}%$]")
_FIELD = rf"((?:{'|'.join(NOUNS)})\.\w[\w.]*\w)"
_OTHER_HOLE = re.compile(
    rf"\$?\{{\s*{_NAME}\s*\}}|%\({_NAME}\)s|<%=?\s*{_NAME}\s*%>|\${_FIELD}|{_FIELD}\s*\}}\}}"
    rf"|\{{%.*?%\}}|\{{(?:\d+|{'|'.join(NOUNS)})\}}|%(?:\(\w+\))?[sd]\b",
    re.DOTALL,
)


class Template(Doubtful):
    """A text with holes. What goes into a hole is text and nothing more: it is not looked at for further holes."""

    def __init__(self, text: str, longest: int, *, one_line: bool = False, scope: Scope = NOTHING_MORE) -> None:
        """Raises BadText, with the offset in `text`, for a hole that cannot be evaluated."""
        self._longest, self._one_line = longest, one_line
        self.parts = list(_parts(text, scope))
        self.reads = frozenset().union(*(part.reads for part in self.parts if isinstance(part, Hole)))
        self.supplied = scope.read(self.reads)

    def misread(self) -> Iterator[BadText]:
        """What its holes read in vain."""
        for part in self.parts:
            if isinstance(part, Hole):
                yield from _in_hole(part.text, part.at, part.misread())

    def doubts(self) -> Iterator[BadText]:
        """What its holes read that may not be there."""
        for part in self.parts:
            if isinstance(part, Hole):
                yield from _in_hole(part.text, part.at, part.doubts())

    def __call__(self, values: Mapping[str, object]) -> str:
        """The text with its holes filled, at most `longest` characters; a hole without a value says why."""
        values = filled(values, self.supplied)
        text = "".join(part if isinstance(part, str) else self._fill(part, values) for part in self.parts)
        text = " ".join(text.split()) if self._one_line else text
        return text if len(text) <= self._longest else text[: self._longest - 1] + "…"

    def _fill(self, hole: Hole, values: Mapping[str, object]) -> str:
        try:
            return shown(hole(values))[: self._longest + 1]
        except ValueError as error:
            return f"[{hole.text}: {error}]"


def shown(value: object) -> str:
    """A value as people read it; a time that is not known is nothing."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return "" if value == EPOCH else value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, list):
        return ", ".join(map(shown, value))
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, default=shown)
    return "" if value is None else str(value)


def _parts(text: str, scope: Scope) -> Iterator[str | Hole]:
    """What the text is made of. Raises BadText for everything in it that is wrong."""
    at = 0
    wrong: list[BadText] = []
    while (opening := text.find(OPENING, at)) >= 0:
        start = opening + len(OPENING)
        end = _closing(text, start)
        if end is None:
            wrong.append(BadText('"{{" is never closed by "}}"', opening))
            break
        wrong += _no_holes(text[at:opening], at)
        yield text[at:opening]
        try:
            yield _hole(text, start, end, scope)
        except BadText as error:
            wrong.append(error)
        at = end + len(CLOSING)
    else:
        wrong += _no_holes(text[at:], at)
    if wrong:
        raise together(wrong)
    yield text[at:]


def _no_holes(literal: str, at: int) -> Iterator[BadText]:
    """What looks like a hole in another program's texts, and would go out as it is written."""
    for match in _OTHER_HOLE.finditer(literal) if _OF_HOLES.search(literal) else ():
        name = next((one for one in match.groups() if one), "")
        instead = f'write "{{{{ {name} }}}}"'
        if match[0].startswith("{%"):
            instead = 'such a text stands in a file (template = "…")'
        elif not name:
            instead = f"""write "{{{{ post.id }}}}", or "{{{{ '{match[0]}' }}}}" where it is meant so"""
        yield BadText(f'"{match[0]}" would go out as it stands: {instead}', at + match.start())


def _hole(text: str, start: int, end: int, scope: Scope) -> Hole:
    inner = text[start:end]
    start += len(inner) - len(inner.lstrip())
    try:
        return Hole(inner.strip(), start, scope)
    except BadText as error:
        raise together(_in_hole(inner.strip(), start, error.all)) from error


def _in_hole(inner: str, at: int, wrong: Iterable[BadText]) -> Iterator[BadText]:
    return (BadText(f"{{{{ {inner} }}}}: {one}", at + one.offset) for one in wrong)


def _closing(text: str, at: int) -> int | None:
    """Where the hole ends: the first closing that is neither in a string nor inside a map."""
    depth, quote = 0, ""
    while at < len(text):
        sign = text[at]
        if quote:
            at += sign == "\\"
            quote = "" if sign == quote else quote
        elif sign in "\"'":
            quote = sign
        elif depth == 0 and text.startswith(CLOSING, at):
            return at
        else:
            depth += (sign == "{") - (sign == "}")
        at += 1
    return None
