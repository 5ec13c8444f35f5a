"""The reference page: the description of the API as one page for people, with nothing to fetch and no script."""

from base64 import b64encode
from hashlib import sha256
from itertools import groupby
from operator import itemgetter
from typing import Any

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import Request
from litestar.openapi.plugins import OpenAPIRenderPlugin
from markupsafe import Markup

from tracker.api.description import Document, describe

TAGS = (
    "posts", "calendar", "figures", "accounts", "events", "stats",
    "rules", "runs", "actions", "plans", "silences", "signals",
    "endpoints", "quarantine", "reconciliations", "drifts", "health",
)  # fmt: skip
"""In which order the page tells them; what is not named comes last."""


class JsonDescription(OpenAPIRenderPlugin):
    """The description for programs."""

    def __init__(self) -> None:
        super().__init__(path="/openapi.json", media_type="application/json")  # type: ignore[arg-type]  # a text will do

    def render(self, request: Request[Any, Any, Any], openapi_schema: Document) -> bytes:
        """As JSON."""
        return msgspec.json.encode(describe(request.app))


class ReferencePage(OpenAPIRenderPlugin):
    """The description for people."""

    def __init__(self) -> None:
        super().__init__(path="/")

    def render(self, request: Request[Any, Any, Any], openapi_schema: Document) -> bytes:
        """As HTML."""
        return page(describe(request.app)).encode()


def page(document: Document) -> str:
    """The whole page."""
    operations = [
        {"method": method.upper(), "path": path, "tag": operation["tags"][0], **operation}
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    places = {tag: place for place, tag in enumerate(TAGS)}
    operations.sort(key=lambda one: (places.get(one["tag"], len(TAGS)), one["tag"], one["path"], one["method"]))
    groups = [(tag, list(several)) for tag, several in groupby(operations, key=itemgetter("tag"))]
    schemas = document["components"]["schemas"]
    return _PAGE.render(info=document["info"], groups=groups, schemas=schemas, style=Markup(STYLE))  # noqa: S704  # ours


def kind_of(schema: Document) -> list[tuple[str, str | None]]:
    """What a value is, in words, each with the name of the schema that it leads to, if it does."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return [(name, name)]
    for several in ("oneOf", "anyOf", "allOf"):
        if several in schema:
            return [part for kind in schema[several] for part in ((" or ", None), *kind_of(kind))][1:]
    if "enum" in schema:
        return [(" | ".join(msgspec.json.encode(word).decode() for word in schema["enum"]), None)]
    if schema.get("type") == "array":
        return [("list of ", None), *kind_of(schema.get("items", {}))]
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
        return [("object of ", None), *kind_of(schema["additionalProperties"])]
    return [(str(schema.get("format") or schema.get("type") or "anything"), None)]


def bounds_of(schema: Document) -> str:
    """What a value may be at most, and what it is when it is left out."""
    names = {
        "minimum": "from", "maximum": "to", "minLength": "at least", "maxLength": "at most",
        "minItems": "at least", "maxItems": "at most",
    }  # fmt: skip
    units = {"minLength": " characters", "maxLength": " characters", "minItems": " items", "maxItems": " items"}
    told = [f"{word} {schema[name]:g}{units.get(name, '')}" for name, word in names.items() if name in schema]
    if schema.get("default") is not None:
        told.append(f"without it: {msgspec.json.encode(schema['default']).decode()}")
    return ", ".join(told)


_ENVIRONMENT = Environment(
    loader=PackageLoader("tracker.api"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters |= {
    "kind": kind_of,
    "bounds": bounds_of,
    "pretty": lambda value: msgspec.json.format(msgspec.json.encode(value), indent=2).decode(),
    "paragraphs": lambda text: [" ".join(part.split()) for part in text.split("\n\n") if part.strip()],
    "code": lambda text: text.split("`"),  # what stands at odd places is code
}
_PAGE = _ENVIRONMENT.get_template("reference.html")
STYLE = (_ENVIRONMENT.loader.get_source(_ENVIRONMENT, "reference.css")[0]) if _ENVIRONMENT.loader else ""

HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}';"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
}
