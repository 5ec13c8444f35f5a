"""The description of the API: what the framework knows of it, completed from the one place that knows the rest."""

import inspect
import re
import sys
from collections.abc import Iterator
from http import HTTPStatus
from types import ModuleType
from typing import Any

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct
from msgspec.json import schema_components

from tracker import parameters as grammar
from tracker.api.auth import LONGEST, requires
from tracker.api.examples import OF_BODIES, OF_PARAMETERS, OF_PROBLEMS, OF_SCHEMAS
from tracker.api.handlers import Tagged, items_of
from tracker.api.problems import MEDIA_TYPE
from tracker.domain.posts.event import State
from tracker.queries.tabular import CSV, NDJSON

Document = dict[str, Any]

OPEN = ("/healthz", "/readyz", "/metrics")
"""What answers without a key."""

STATES = {*State}
TIMES = {"since", "until", "as_of", "scheduled_from", "scheduled_to", "from", "to"}

IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "The `ETag` of the answer that you have: while it is still right, the answer is a 304.",
    "schema": {"type": "string", "maxLength": LONGEST},
}
ETAG = {"ETag": {"description": "Names this very answer.", "schema": {"type": "string"}}}
OF_STATUS = {
    "401": {"WWW-Authenticate": {"description": "How to send a key.", "schema": {"type": "string"}}},
    "429": {"Retry-After": {"description": "In seconds.", "schema": {"type": "integer"}}},
    "503": {"Retry-After": {"description": "In seconds.", "schema": {"type": "integer"}}},
}
PAGE_OF = re.compile(r"Page_[\w.]*?(\w+?)(?:Out)?_")
SCHEMAS = "#/components/schemas/"


def describe(app: Litestar) -> Document:
    """The whole of it, as plain values; made once for each application."""
    known: Document | None = app.state.get("description")
    if known is None:
        known = app.state.description = _complete(app)
    return known


def operation_id(handler: HTTPRouteHandler, _method: str, _path: object) -> str:
    """The name of the function, which is unique."""
    return handler.handler_name


def _complete(app: Litestar) -> Document:
    document: Document = app.openapi_schema.to_schema()
    handlers = {known.handler_name: known for route in app.routes for known in getattr(route, "route_handlers", ())}
    about: dict[str, ModuleType] = {}
    for path, methods in document["paths"].items():
        for operation in methods.values():
            _complete_operation(operation, path, handlers[operation["operationId"]])
            about.setdefault(operation["tags"][0], sys.modules[handlers[operation["operationId"]].fn.__module__])
    document["tags"] = [{"name": tag, "description": inspect.getdoc(room)} for tag, room in sorted(about.items())]
    schemas = document["components"]["schemas"]
    kinds = {kind.__name__: kind for kind in _structs(Struct) if kind.__name__ in schemas}
    _, exact = schema_components(kinds.values(), ref_template=SCHEMAS + "{name}")
    for name, schema in schemas.items():
        if name in kinds and kinds[name].__module__.startswith("tracker.api."):  # bodies too: told to the last bound
            schema.clear()
            schema.update(exact[name])
        schema["description"] = exact.get(name, {}).get("description", "One page of a list.")
    document = _renamed(document)
    for name, example in OF_SCHEMAS.items():
        document["components"]["schemas"][name]["examples"] = [example]
    return document


def _complete_operation(operation: Document, path: str, handler: HTTPRouteHandler) -> None:
    operation["tags"] = ["health" if path in OPEN else re.split(r"[/.]", path.removeprefix("/api/v1/"))[0]]
    operation["description"] = operation.get("description", "") + _scope(path, handler)
    if path in OPEN:
        operation["security"] = []
    parameters = operation.setdefault("parameters", [])
    for parameter in parameters:
        _complete_parameter(parameter, operation["operationId"])
    if handler.resolve_response_class() is Tagged:
        parameters.append(IF_NONE_MATCH)
        operation["responses"]["200"]["headers"] = ETAG
        operation["responses"]["304"] = {"description": "You have it already.", "headers": ETAG}
    content = operation["responses"].get("200", {}).get("content", {})
    if items_of(handler):
        content |= {form: {"schema": {"type": "string"}} for form in (CSV, NDJSON)}
    for status, answer in operation["responses"].items():
        _complete_answer(answer, status, path)
    for content in operation.get("requestBody", {}).get("content", {}).values():
        if example := OF_BODIES.get(operation["operationId"]):
            content["example"] = example


def _complete_parameter(parameter: Document, operation: str) -> None:
    schema, name = parameter["schema"], parameter["name"]
    for kind in schema.pop("oneOf", ()):  # what is left out is not null, but not there
        if kind != {"type": "null"}:
            schema |= kind
    schema.pop("description", None)
    if schema.get("default", 0) is None:
        del schema["default"]
    inner = schema["items"] if schema["type"] == "array" else schema
    if words := schema.pop("enum", None):
        inner |= {"$ref": f"{SCHEMAS}State"} if set(words) == STATES else {"enum": list(words)}
        if "$ref" in inner:
            inner.pop("type", None)
    elif inner.get("type") == "string" and "format" not in inner:
        inner |= {"maxLength": LONGEST}
    if name in TIMES:
        parameter["description"] += f" Write {grammar.TIMES}."
    if schema.get("type") == "integer":
        schema |= {bound: int(schema[bound]) for bound in ("minimum", "maximum") if bound in schema}
    example = OF_PARAMETERS.get((operation, name), OF_PARAMETERS.get(name))
    if example is not None:
        parameter["example"] = example


def _complete_answer(answer: Document, status: str, path: str) -> None:
    if status in OF_STATUS:
        answer["headers"] = OF_STATUS[status]
    if status.startswith("2") and answer.get("description", "") in _NOTHING_SAID:
        answer["description"] = "As asked."
    problem = answer.get("content", {}).get(MEDIA_TYPE)
    if problem is not None and status in OF_PROBLEMS:
        code, detail, more = OF_PROBLEMS[status]
        problem["example"] = {
            "type": f"urn:tracker:problem:{code}", "title": HTTPStatus(int(status)).phrase, "status": int(status),
            "detail": detail, "instance": path, **more,
        }  # fmt: skip


_NOTHING_SAID = {HTTPStatus(status).description for status in (200, 201, 202)}


def _scope(path: str, handler: HTTPRouteHandler) -> str:
    scopes = [guard.scope for guard in handler.resolve_guards() if isinstance(guard, requires)]
    return f"\n\nNeeds a key with the scope `{scopes[-1]}`." if scopes and path not in OPEN else ""


def _renamed(document: Document) -> Document:
    """Names say what things are: pages what they are pages of, and none that it is what goes out."""
    schemas = document["components"]["schemas"]
    pages = {name: f"{found[1]}Page" for name in schemas if (found := PAGE_OF.fullmatch(name))}
    names = {name: name.removesuffix("Out") for name in schemas} | pages
    # Generators name a class by its title where there is one.
    named = {names[name]: schema | {"title": names[name]} for name, schema in schemas.items()}
    document["components"]["schemas"] = dict(sorted(named.items()))
    references = {SCHEMAS + old: SCHEMAS + new for old, new in names.items()}
    renamed: Document = _with_references(document, references)
    return renamed


def _with_references(value: Any, references: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            key: references.get(inner, inner) if key == "$ref" else _with_references(inner, references)
            for key, inner in value.items()
        }
    return [_with_references(inner, references) for inner in value] if isinstance(value, list) else value


def _structs(kind: type[Struct]) -> Iterator[type[Struct]]:
    for inner in kind.__subclasses__():
        if inner.__module__.startswith("tracker."):
            yield inner
        yield from _structs(inner)
