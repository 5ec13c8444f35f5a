"""What handlers share: what they are given, common parameters, and how the description tells their answers."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any, get_args, get_origin
from urllib.parse import parse_qsl, urlencode

from litestar import Request, Response, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import PathParameter, QueryParameter
from litestar.response.base import ASGIResponse
from msgspec import Meta, Struct, structs

from tracker.api.auth import requires
from tracker.api.problems import MAX_BODY, MEDIA_TYPE, OF_BODIES
from tracker.queries.paging import MAX_LIMIT, Page
from tracker.queries.rule_views import FaultOut
from tracker.queries.tabular import CSV, NDJSON, csv_of, ndjson_of
from tracker.rulebook.source import RuleSource
from tracker.store.database import Database

Db = NamedDependency[Database]
Now = NamedDependency[datetime]
By = NamedDependency[str]
"""The name of the key that asks."""
Rules = NamedDependency[RuleSource]
ProviderNames = NamedDependency[tuple[str, ...]]
AlertValues = NamedDependency[Mapping[str, Sequence[str]]]
"""What can be the rule, the provider and the channel of an alert."""

LARGEST_NUMBER = 2**63 - 1
JSON = "application/json"
FORMS = [JSON, CSV, NDJSON]
"""In which a list can be had."""

Limit = Annotated[int, QueryParameter(description="Items on one page.", ge=1, le=MAX_LIMIT)]
Cursor = Annotated[str | None, QueryParameter(description="The `next` of the page before.")]
ProviderName = Annotated[str | None, QueryParameter(description="The provider's name in the configuration.")]
DryRun = Annotated[bool, QueryParameter(description="Only say what would become of it.")]
Raw = Annotated[bool, QueryParameter(description="With headers and body as they were signed (admin).")]
PostId = Annotated[
    str, PathParameter(description="The post's id at its provider, escaped: a slash in it is written %2F.")
]


def text(description: str) -> QueryParameter:
    """A parameter of the address that is described so."""
    return QueryParameter(description=description)


def state_in(words: tuple[str, ...], how: str = "One or several", more: str = "") -> QueryParameter:
    """The parameter `state`: some words of a closed list."""
    return QueryParameter(name="state", description=f"{how}: {', '.join(words)}{more}.", enum=words)


def command(path: str, responses: dict[int, ResponseSpec], summary: str, status_code: int = 200, **more: Any) -> post:
    """A POST by which somebody changes something, who needs a key that may operate."""
    guards = [requires("operate")]
    return post(path, status_code=status_code, guards=guards, responses=responses, summary=summary, **more)


READS_BODY: Mapping[str, Any] = {"request_max_body_size": MAX_BODY, "exception_handlers": OF_BODIES}
"""For handlers that read one."""


class Listed(Response[Any]):
    """A list in the form that the request accepts: JSON, or CSV or NDJSON with the next page in a `Link`."""

    def to_asgi_response(self, app: Any, request: Request[Any, Any, Any], **options: Any) -> ASGIResponse:
        """The answer as it is sent."""
        kind = items_of(request.route_handler)
        form = request.accept.best_match(FORMS, JSON) if kind and isinstance(self.content, Struct) else JSON
        if form == JSON or kind is None:
            return super().to_asgi_response(app, request, **options)
        page, headers = self.content, {"vary": "Accept"}
        if getattr(page, "next", None):
            kept = [(name, text) for name, text in parse_qsl(request.url.query) if name != "cursor"]
            headers["link"] = f'<{request.url.path}?{urlencode([*kept, ("cursor", page.next)])}>; rel="next"'
        body = ndjson_of(page.items) if form == NDJSON else csv_of(kind, page.items).encode()
        return ASGIResponse(body=body, media_type=form, headers=headers)


def items_of(handler: Any) -> type[Struct] | None:
    """The kind of items that the list holds which this handler answers; None: it answers no list."""
    answer = handler.parsed_fn_signature.return_type.annotation
    if not (isinstance(answer, type) and issubclass(answer, Struct)) and get_origin(answer) is not Page:
        return None
    held = {field.name: field.type for field in structs.fields(answer)}.get("items")
    kind: type[Struct] | None
    (kind,) = get_args(get_args(held)[0] if get_origin(held) is Annotated else held) or (None,)
    return kind


class Tagged(Listed):
    """Carries an ETag; a client that says that it has that very answer gets a 304."""

    def to_asgi_response(self, app: Any, request: Request[Any, Any, Any], **options: Any) -> ASGIResponse:
        """The answer as it is sent."""
        answer = super().to_asgi_response(app, request, **options)
        tag = f'"{sha256(answer.body).hexdigest()[:32]}"'
        if _matches(request.headers.get("if-none-match", ""), tag):
            return ASGIResponse(status_code=304, headers={"etag": tag})
        answer.headers.add("etag", tag)
        answer.headers.add("cache-control", "no-cache")
        return answer


def _matches(header: str, tag: str) -> bool:
    given = {part.strip().removeprefix("W/") for part in header.split(",")}
    return tag in given or "*" in given


class FaultOfParameter(Struct, frozen=True):
    """What is wrong with one parameter, or with one key of the body."""

    parameter: str
    message: str


class ProblemOut(Struct, frozen=True, omit_defaults=True):
    """Why it was refused, as RFC 9457 says it."""

    type: Annotated[str, Meta(description="Names the kind of error for programs, as in `urn:tracker:problem:scope`.")]
    title: str
    status: int
    detail: Annotated[str, Meta(description="What is wrong, and what would be right, for people.")]
    instance: Annotated[str, Meta(description="The address that was asked for.")]
    parameter: Annotated[str | None, Meta(description="Which parameter, or key of the body, is wrong.")] = None
    errors: Annotated[list[FaultOfParameter] | None, Meta(description="All of them, where several are.")] = None
    faults: Annotated[list[FaultOut] | None, Meta(description="What is wrong with a rule text, by its place.")] = None


def refused(why: str) -> ResponseSpec:
    """An answer that is a problem, described so."""
    return ResponseSpec(ProblemOut, description=why, media_type=MEDIA_TYPE, generate_examples=False)


READING: dict[int, ResponseSpec] = {
    400: refused("A parameter cannot be used; it is named."),
    401: refused("No key, or one that is not known."),
    403: refused("The key does not reach this far."),
    429: refused("Too many keys that do not fit came from this address; try again after `Retry-After`."),
    503: refused("The database is away; try again after `Retry-After`."),
}
GONE = {409: refused("The log of that time is not kept any more.")}
LISTING = READING | GONE
ONE = READING | {404: refused("There is no such thing.")}
DECIDING = ONE | {409: refused("It is in no state for that.")}
TRYING = READING | {413: refused("The body is too large."), 422: refused("The rules cannot be read: `faults`.")}
PLANNING = LISTING | {
    409: refused("Nothing fits the filters, or too much."),
    413: refused("The body is too large."),
}
SAYING = READING | {413: refused("The body is too large.")}
TELLING = ONE | {413: refused("The body is too large.")}
