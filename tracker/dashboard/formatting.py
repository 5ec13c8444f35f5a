"""What strangers sent, made fit to be looked at: JSON with room, whatever is none as it is, and no unseen sign."""

from __future__ import annotations

import re

import msgspec

DEEPEST = 40
"""What is nested more deeply is shown as it came: nobody reads it, and its indents would be megabytes."""

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")

_MARKS = {chr(code): chr(0x2400 + code) for code in range(0x20)} | {"\x7f": "\N{SYMBOL FOR DELETE}"}


def pretty(value: object) -> str:
    """JSON for people; text that holds JSON, as bodies do, is opened up, and what is no JSON stays as it is."""
    if isinstance(value, str):
        value = value.encode("utf-8", "replace")
    if isinstance(value, bytes):
        return _indented(value) or value.decode("utf-8", "replace")
    return _indented(msgspec.json.encode(_opened(value))) or ""


def visible(text: str) -> str:
    """The text with a mark in place of whatever has no place in a page: control characters, and half a character."""
    return _UNSEEN.sub(lambda found: _MARKS.get(found[0], "\N{REPLACEMENT CHARACTER}"), text)


def _indented(text: bytes) -> str | None:
    """The JSON with each value on a line of its own, its numbers and names as they were written; None: it is none."""
    if text.lstrip()[:1] not in (b"{", b"[") or _depth(text) > DEEPEST:
        return None
    try:
        return msgspec.json.format(text, indent=2).decode()
    except (ValueError, RecursionError):
        return None


def _depth(text: bytes) -> int:
    """How deeply it is nested, as far as anybody could say of what may be no JSON."""
    deepest = depth = 0
    for sign in re.findall(rb"[\[\]{}]", _STRING.sub(b"", text)):
        depth += 1 if sign in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _opened(value: object) -> object:
    """The value, with JSON in place of the texts of it that are JSON."""
    if isinstance(value, dict):
        return {name: _opened(inner) for name, inner in value.items()}
    if isinstance(value, str) and _indented(value.encode("utf-8", "replace")):
        return msgspec.Raw(value.encode())
    return value
