"""Templates into pages, or, when the script asks, into the one part of a page that is kept up to date."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any
from urllib.parse import quote, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import Request, Response
from litestar.response import Redirect
from markupsafe import Markup

from tracker.dashboard import assets
from tracker.dashboard.asked import DONE, Asked, address, own, post_address, rule_address, with_done
from tracker.dashboard.language import LANGUAGES, TEXTS, Texts, preferred
from tracker.dashboard.naming import platform_name, target_names
from tracker.dashboard.raw_text import pretty, visible
from tracker.domain.duration import format_duration
from tracker.errors import NotAllowed
from tracker.store.keys import Key

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
        form = Asked(await self.request.form())
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
    "asset": assets.address,
    "address": address,
    "post_address": post_address,
    "rule_address": rule_address,
    "escaped": partial(quote, safe=""),
}
TEMPLATES = frozenset(PAGES.list_templates())
