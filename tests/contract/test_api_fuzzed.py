"""Whatever is asked, the API answers as its description says, and never with a fault of its own."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    missing_required_header,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from tests.contract.furnished import DESCRIPTION, NOW, furnish
from tests.contract.serving import bearer, serving
from tests.integration.told import PROVIDER, Reader
from tracker.api import Parts, application
from tracker.api.description import OPEN
from tracker.store.database import Database

if TYPE_CHECKING:
    from collections.abc import Iterator

NOT_HTTP = b'{"type":"urn:tracker:problem:bad-request","title":"Bad Request","status":400,"detail":"this is'
"""What the server says to what is no request at all, before it comes to the API."""
TOO_LONG = {HTTPStatus.REQUEST_URI_TOO_LONG, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE}
"""As little of the API, and said of every path alike."""
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    missing_required_header,
    unsupported_method,
    ignored_auth,
]


@pytest.fixture(scope="module")
def served(shared_url: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The address of a served API with something in it, and the headers of an admin."""
    ready: Future[tuple[str, dict[str, str]]] = Future()
    over = threading.Event()
    thread = threading.Thread(target=asyncio.run, args=(_serve(shared_url, ready, over),))
    thread.start()
    yield ready.result(30)
    over.set()
    thread.join(30)


async def _serve(dsn: str, ready: Future[tuple[str, dict[str, str]]], over: threading.Event) -> None:
    async with Database.open(dsn) as database:
        await furnish(database)
        headers = await bearer(database, "admin")
        app = application(Parts(database, lambda: NOW, None, providers=(PROVIDER,), readers={PROVIDER: Reader()}))
        async with serving(app) as client:
            ready.set_result((str(client.base_url).rstrip("/"), headers))
            await asyncio.to_thread(over.wait)


FOUND = schemathesis.openapi.from_dict(DESCRIPTION).exclude(operation_id="stream_events").get_all_operations()
OPERATIONS = [found.ok() for found in FOUND if isinstance(found, Ok)]
"""All but the stream, which never ends."""


@pytest.mark.parametrize(
    ("operation", "mode"),
    [(one, mode) for one in OPERATIONS for mode in GenerationMode if one.path not in OPEN or mode.is_positive],
    ids=str,
)
def test_whatever_is_asked_is_answered_as_described(
    served: tuple[str, dict[str, str]], operation: Any, mode: GenerationMode
) -> None:
    address, headers = served

    @settings(max_examples=15, derandomize=True, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
    @given(operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        answer = case.call(base_url=address, headers=headers)
        assume(answer.status_code not in TOO_LONG and not answer.content.startswith(NOT_HTTP))
        case.validate_response(answer, headers=headers, checks=CHECKS)

    ask()
