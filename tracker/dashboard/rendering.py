"""Templates into pages, or, when the script asks, into the one part of a page that is kept up to date."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote, urlsplit

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import Request, Response, get
from litestar.params import PathParameter
from litestar.response import Redirect
from markupsafe import Markup

from tracker.dashboard.language import LANGUAGES, TEXTS, Texts, preferred
from tracker.dashboard.query import DONE, Query, address, own, post_address, rule_address, with_done
from tracker.domain.duration import format_duration
from tracker.errors import NotAllowed, NotFound
from tracker.store.keys import Key

if TYPE_CHECKING:
    from tracker.domain.posts.target import Target

PLATFORMS = {
    "bluesky": "Bluesky", "facebook": "Facebook", "google_business": "Google Business", "instagram": "Instagram",
    "linkedin": "LinkedIn", "mastodon": "Mastodon", "pinterest": "Pinterest", "reddit": "Reddit",
    "snapchat": "Snapchat", "telegram": "Telegram", "threads": "Threads", "tiktok": "TikTok", "x": "X",
    "youtube": "YouTube",
}  # fmt: skip


def platform_name(platform: str) -> str:
    """The platform's name as it writes itself, or as the provider does where we do not know it."""
    return PLATFORMS.get(platform, platform)


NO_NAMES: Mapping[str, str] = {}


def target_names(targets: Mapping[str, Target], called: Mapping[str, str] = NO_NAMES) -> dict[str, str]:
    """By the keys of the targets: platform and account, and an item or a number only where several are called so.

    `called` are the names of accounts, by their ids.
    """
    bare = {key: _bare(target, called) for key, target in sorted(targets.items())}
    often = Counter(bare.values())
    return {key: f"{name} {_which(targets[key])}" if often[name] > 1 else name for key, name in bare.items()}


def _which(target: Target) -> str:
    return _apart(target.item) if target.item else str(target.ordinal)


def _bare(target: Target, called: Mapping[str, str]) -> str:
    platform, account = platform_name(target.platform), target.account
    if not account:
        return platform
    name = called.get(account)
    return " · ".join(map(_apart, (platform, name, account) if name and name != account else (platform, account)))


def _apart(text: str) -> str:
    """Words of others, so that what is written from right to left in them does not turn what follows."""
    return f"\N{FIRST STRONG ISOLATE}{text}\N{POP DIRECTIONAL ISOLATE}"


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


LANGUAGE_COOKIE = "tracker_language"
LIVE = "x-live"

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",  # with none at all, browsers would not say where a form comes from
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}

HTML = "text/html"


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of a visitor; `key` is None before they have signed in."""

    request: Request[Any, Any, Any]
    texts: Texts
    key: Key | None = None

    @property
    def here(self) -> str:
        """The address of the page, without the host; after something was done, that of the overview."""
        query = self.request.url.query
        path = raw_path(self.request) + (f"?{query}" if query else "")
        return path if self.request.method == "GET" else "/"

    @property
    def may_operate(self) -> bool:
        """Whether buttons are shown that do something."""
        return self.key is not None and self.key.reaches("operate")

    @property
    def may_see_bodies(self) -> bool:
        """Whether bodies are shown as they came; the API asks for the same scope."""
        return self.key is not None and self.key.reaches("admin")

    @property
    def done(self) -> str | None:
        """What the visitor has just done, to be confirmed on the page."""
        found = self.request.query_params.get(DONE)
        return found if f"done.{found}" in self.texts.texts else None

    def must_operate(self) -> Key:
        """The key that the visitor came in with; raises NotAllowed when it may do nothing."""
        if self.key is None or not self.may_operate:
            raise NotAllowed('this needs a key with the scope "operate"')
        return self.key

    async def back(self, done: str) -> Response[Any]:
        """To the page from which the form was sent, which says what was done."""
        form = Query(await self.request.form())
        return Redirect(with_done(own(form.text("then")), done), status_code=303)

    def page(self, name: str, status: int = 200, **context: object) -> Response[Any]:
        """The page of that name; its `_name.html`, where there is one, is the part that is kept up to date."""
        context |= {"t": self.texts, "visit": self, "name": name, "languages": LANGUAGES}
        live = _render(f"_{name}.html", context) if f"_{name}.html" in TEMPLATES else None
        tag = f'"{sha256(live.encode()).hexdigest()[:24]}"' if live is not None else ""
        if live is not None and LIVE in self.request.headers:
            return self._part(live, tag, status)
        context |= {"live": Markup(live) if live is not None else None, "tag": tag}  # noqa: S704  # rendered, escaped
        return Response(_render(f"{name}.html", context), status_code=status, media_type=HTML, headers=HEADERS)

    def _part(self, live: str, tag: str, status: int) -> Response[Any]:
        headers = HEADERS | {"ETag": tag}
        if self.request.headers.get("if-none-match") == tag:
            return Response(None, status_code=304, headers=headers)
        return Response(live, status_code=status, media_type=HTML, headers=headers)


def visit_of(request: Request[Any, Any, Any], key: Key | None = None) -> Visit:
    """The visit, in the language that was chosen by hand, or else in the one the browser likes."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    code = chosen if chosen in LANGUAGES else preferred(request.headers.get("accept-language", ""))
    return Visit(request, TEXTS[code], key)


def raw_path(request: Request[Any, Any, Any]) -> str:
    """The path as it was asked for, still quoted: a slash inside an id is not one of the path."""
    raw: bytes = request.scope["raw_path"]
    return raw.decode("ascii", "replace").partition("?")[0]


def _render(template: str, context: dict[str, Any]) -> str:
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
PAGES.filters |= {"moment": _moment, "pretty": pretty, "platform": platform_name, "target_names": target_names}
PAGES.filters |= {"kind": _kind, "duration": format_duration, "span": _span}
PAGES.tests["web"] = _is_web
PAGES.globals |= {
    "asset": asset_address,
    "address": address,
    "post_address": post_address,
    "rule_address": rule_address,
    "escaped": partial(quote, safe=""),
}
TEMPLATES = frozenset(PAGES.list_templates())
