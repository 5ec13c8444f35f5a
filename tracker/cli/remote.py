"""`--url` and TRACKER_KEY: the same questions and commands over the REST API, with no configuration and no database."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from urllib.parse import quote, urlencode

import typer

from tracker.cli.context import ask
from tracker.cli.output import say
from tracker.errors import BadParameter, Misconfigured, NotAllowed, NotFound, Rejected, TooOften, Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from pathlib import Path

    from tracker.outbound.client import Answer, Outbound
    from tracker.queries.paging import Page
    from tracker.store.database import Connection

Kind = TypeVar("Kind")
Result = TypeVar("Result")

PATIENCE = timedelta(seconds=60)
LARGEST = 2**28
"""Bytes of one answer."""
MOST_ON_A_PAGE = 500
KEY = "TRACKER_KEY"
LOOPBACK = ("localhost", "127.0.0.1", "::1")

Url = Annotated[
    str | None,
    typer.Option("--url", help=f"Ask the service at this address, with the key in {KEY}, in place of a database."),
]


class Api:
    """The API of one service; each answer is what `queries` has as its read model, decoded."""

    def __init__(self, outbound: Outbound, url: str, key: str) -> None:
        self._outbound, self._url, self._key = outbound, url, key

    async def get(self, path: str, kind: type[Kind], /, **parameters: object) -> Kind:
        """What is there; parameters without a value are left out, lists are repeated."""
        return await self._ask("GET", path, kind, parameters, None)

    async def all(self, path: str, kind: type[Page[Kind]], /, **parameters: object) -> list[Kind]:
        """Every item of a list, page after page."""
        page = await self.get(path, kind, limit=MOST_ON_A_PAGE, **parameters)
        items = page.items
        while page.next:
            page = await self.get(path, kind, limit=MOST_ON_A_PAGE, cursor=page.next, **parameters)
            items += page.items
        return items

    async def post(
        self, path: str, kind: type[Kind], body: Mapping[str, object] | None = None, /, **parameters: object
    ) -> Kind:
        """Have something done."""
        return await self._ask("POST", path, kind, parameters, body)

    async def delete(self, path: str, kind: type[Kind]) -> Kind:
        """Have something ended."""
        return await self._ask("DELETE", path, kind, {}, None)

    async def _ask(
        self, method: str, path: str, kind: type[Kind], parameters: Mapping[str, object], body: object
    ) -> Kind:
        import msgspec  # noqa: PLC0415  (only where it is needed)

        from tracker.outbound.addresses import OutboundError  # noqa: PLC0415  (takes a while)

        query = urlencode({name: _text(value) for name, value in parameters.items() if value is not None}, doseq=True)
        headers = {"authorization": f"Bearer {self._key}", "accept": "application/json"}
        if body is not None:
            headers["content-type"] = "application/json"
        try:
            answer = await self._outbound.request(
                method, f"{self._url}/api/v1{path}" + (f"?{query}" if query else ""), headers=headers,
                body=b"" if body is None else msgspec.json.encode(body),
            )  # fmt: skip
        except OutboundError as error:
            raise Unavailable(f"{self._url} does not answer: {error.detail or error.reason}") from error
        if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            raise self._problem(answer)
        try:
            return msgspec.json.decode(answer.body, type=kind)
        except msgspec.DecodeError as error:
            raise Misconfigured(f"{self._url} answers what is not understood here: is it another version? ({error})",
                                key="--url") from error  # fmt: skip

    def _problem(self, answer: Answer) -> Exception:
        """The error that the service had, as if it had been raised here."""
        import msgspec  # noqa: PLC0415  (it is loaded by now)

        try:
            told = msgspec.json.decode(answer.body, type=dict[str, Any])
            code, detail = str(told["type"]).removeprefix("urn:tracker:problem:"), str(told["detail"])
        except (msgspec.DecodeError, KeyError):
            return Misconfigured(f"there is no API of tracker at {self._url}: it answers {answer.status}", key="--url")
        match answer.status:
            case HTTPStatus.BAD_REQUEST if told.get("parameter"):
                return BadParameter(str(told["parameter"]).removeprefix("filters."), detail)
            case HTTPStatus.UNAUTHORIZED:
                return Misconfigured(detail, key=KEY)
            case HTTPStatus.FORBIDDEN:
                return NotAllowed(detail)
            case HTTPStatus.NOT_FOUND if code == "not-found" and "openapi.json" not in detail:
                return NotFound(detail)
            case HTTPStatus.NOT_FOUND:
                return Misconfigured(f"{self._url} does not know this command: is it another version?", key="--url")
            case HTTPStatus.TOO_MANY_REQUESTS:
                return TooOften(detail, 0)
            case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                return Unavailable(f"{self._url}: {detail}")
        return Rejected(code, detail)


@asynccontextmanager
async def opened_api(url: str) -> AsyncIterator[Api]:
    """The API at that address, with the key of TRACKER_KEY; raises Misconfigured where none is set."""
    key = os.environ.get(KEY, "").strip()
    if not key or not key.isascii() or not key.isprintable():
        raise Misconfigured(f"is {'no key' if key else 'not set'}: `tracker keys create` shows one", key=KEY)
    async with reached(url) as with_key:
        yield with_key(key)


@asynccontextmanager
async def reached(url: str) -> AsyncIterator[Callable[[str], Api]]:
    """What makes of a key the API at that address; raises a usage error where the address is none."""
    from tracker.outbound.addresses import Allowed, OutboundError, parse_url  # noqa: PLC0415  (takes a while)
    from tracker.outbound.client import Outbound  # noqa: PLC0415  (as above)

    try:
        address = parse_url(url)
    except OutboundError as error:
        raise typer.BadParameter(error.detail, param_hint="--url") from error
    if address.scheme == "http" and address.host not in LOOPBACK:
        say(f"{url} has no https: whoever is on the way can read the key", aside=True)
    # Where to is the choice of whoever types it, so that it may be private, as no address of a rule may.
    anywhere = Allowed.parse(["0.0.0.0/0", "::/0"])
    async with Outbound(anywhere, timeout=PATIENCE, max_answer=LARGEST) as outbound:
        yield partial(Api, outbound, url.rstrip("/"))


def over(url: str, work: Callable[[Api], Awaitable[Result]]) -> Result:
    """What the work comes to at the API of that address; raises what the service had to say against it."""

    async def run() -> Result:
        async with opened_api(url) as api:
            return await work(api)

    return asyncio.run(run())


def asked(
    url: str | None,
    config: Path | None,
    path: str,
    kind: type[Kind],
    here: Callable[[Connection], Awaitable[Kind]],
    **parameters: object,
) -> Kind:
    """The answer of the API at that address to `path` with the parameters; without one, the database's to `here`."""
    return over(url, lambda api: api.get(path, kind, **parameters)) if url else ask(config, here)


def at(*parts: object) -> str:
    """The path of something below /api/v1, with ids escaped."""
    return "".join(f"/{quote(str(part), safe='')}" for part in parts)


def _text(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    return [str(one) for one in value] if isinstance(value, list | tuple) else str(value)
