"""Templates into pages, or, when the script asks, into the one part of a page that is kept up to date."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from importlib.resources import files
from typing import Annotated, Any
from urllib.parse import quote, urlsplit

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import Response, get
from litestar.params import PathParameter

from tracker.dashboard.platforms import platform_mark, platform_name, target_names
from tracker.dashboard.query import account_address, address, post_address, rule_address
from tracker.domain.duration import format_duration
from tracker.errors import NotFound
from tracker.rulebook.explanations import shown

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


TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
FOR_EVER = "public, max-age=31536000, immutable"

CONTENT = {
    item.name: item.read_bytes()
    for item in files("tracker.dashboard").joinpath("static").iterdir()
    if item.name.rpartition(".")[2] in TYPES
}
VERSIONS = {name: sha256(content).hexdigest()[:12] for name, content in CONTENT.items()}


def asset_address(name: str) -> str:
    """Where the file is served."""
    return f"/static/{VERSIONS[name]}/{name}"


@get("/static/{version:str}/{name:str}")
async def asset(version: Annotated[str, PathParameter()], name: Annotated[str, PathParameter()]) -> Response[bytes]:
    """One file; an old address of it is gone."""
    if VERSIONS.get(name) != version:
        raise NotFound(f"there is no file {name} in that version")
    headers = {"Cache-Control": FOR_EVER, "X-Content-Type-Options": "nosniff"}
    return Response(CONTENT[name], media_type=TYPES[name.rpartition(".")[2]], headers=headers)


def rendered(template: str, context: dict[str, Any]) -> str:
    """The template with what it is given, without signs that have no place in a page."""
    return visible(PAGES.get_template(template).render(context))


def _moment(value: datetime | str) -> datetime:
    """A time of a row, or of the JSON in one, in UTC."""
    return (datetime.fromisoformat(value) if isinstance(value, str) else value).astimezone(UTC)


def _span(value: timedelta | float) -> str:
    """A span of time or its seconds, to the second."""
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    return format_duration(timedelta(seconds=round(seconds)))


def _kind(value: object) -> str:
    """The name of what a trigger or a step is, as in `While` or `AlertStep`."""
    return type(value).__name__


def _is_web(url: str | None) -> bool:
    """Whether it is fit to be a link."""
    try:
        return urlsplit(url or "").scheme in {"http", "https"}
    except ValueError:
        return False


PAGES = Environment(
    loader=PackageLoader("tracker.dashboard"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
PAGES.filters |= {"platform": platform_name, "mark": platform_mark, "target_names": target_names}
PAGES.filters |= {"moment": _moment, "pretty": pretty, "kind": _kind, "duration": format_duration, "span": _span}
PAGES.filters |= {"values": lambda one: shown(one).partition(" = ")[2]}
PAGES.tests["web"] = _is_web
PAGES.tests["dated"] = lambda value: isinstance(value, datetime)
PAGES.globals |= {
    "asset": asset_address,
    "address": address,
    "post_address": post_address,
    "account_address": account_address,
    "rule_address": rule_address,
    "escaped": partial(quote, safe=""),
}
TEMPLATES = frozenset(PAGES.list_templates())
