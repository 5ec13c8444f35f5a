"""The description of the API is complete, its examples are true, and its page needs nothing from anywhere else."""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from tests.contract.furnished import DESCRIPTION, NOW, furnish
from tests.contract.serving import bearer, serving
from tests.integration.told import PROVIDER, Reader
from tracker.api import Parts, application
from tracker.api.description import OPEN
from tracker.api.examples import OF_BODIES, OF_SCHEMAS
from tracker.dashboard import handlers
from tracker.dashboard.session import COOKIE, Reception
from tracker.queries.key_checks import KeyChecks
from tracker.store import keys
from tracker.store.keys import Key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    import httpx2

    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

NOT_FURNISHED = (
    "/api/v1/events/{",
    "/api/v1/rules/{",
    "/api/v1/runs/{",
    "/api/v1/silences/{",
    "/api/v1/endpoints/{",
    "/api/v1/reconciliations/{",
)
"""What the examples name here is not there."""


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in DESCRIPTION["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def of_operations(chosen: Callable[[str], bool]) -> pytest.MarkDecorator:
    """The test is for each operation whose method is chosen."""
    found = [pytest.param(*one, id=one[2]["operationId"]) for one in operations() if chosen(one[0])]
    return pytest.mark.parametrize(("method", "path", "operation"), found)


every_operation = of_operations(lambda method: True)


@asynccontextmanager
async def furnished(database: Database) -> AsyncIterator[httpx2.AsyncClient]:
    """A served API with what the examples are about, and a dashboard."""
    await furnish(database)
    clock, reception = lambda: NOW, Reception(KeyChecks(database), lambda: NOW, open_here=False)
    app = application(
        Parts(
            database, clock, None, providers=(PROVIDER,), readers={PROVIDER: Reader()}, visitor=reception.key_of,
            more=handlers(database, clock),
        )
    )  # fmt: skip
    async with serving(app) as client:
        yield client


@pytest.fixture(scope="module")
async def reading(shared_database: Database) -> AsyncIterator[httpx2.AsyncClient]:
    """What all may ask who change nothing."""
    async with furnished(shared_database) as client:
        yield client


@every_operation
def test_each_operation_says_what_it_does_what_it_takes_and_what_it_answers(
    method: str, path: str, operation: dict[str, Any]
) -> None:
    assert operation["summary"]
    assert len(operation["description"]) > 10
    assert operation["tags"]
    for parameter in operation["parameters"]:
        assert parameter["description"], parameter
        assert "example" in parameter or parameter["in"] == "header", parameter
        kind = parameter["schema"]
        kind = kind["items"] if kind["type"] == "array" else kind
        bounded = kind.keys() & {"maxLength", "maximum", "enum", "format", "$ref"} or kind["type"] == "boolean"
        assert bounded, parameter
    if path in OPEN:
        assert operation["security"] == []
        return
    assert "scope `" in operation["description"]
    refusals = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
    assert {"400", "401", "403", "503"} <= refusals.keys()
    assert ("404" in refusals) is ("{" in path or operation["operationId"] == "signal")
    for answer in refusals.values():
        problem = answer["content"]["application/problem+json"]
        assert problem["schema"] == {"$ref": "#/components/schemas/Problem"}
        check(problem["example"], problem["schema"])
    assert "Retry-After" in refusals["503"]["headers"]


def check(value: object, schema: dict[str, Any]) -> None:
    """The value has the shape."""
    jsonschema.Draft202012Validator(
        schema | {"components": DESCRIPTION["components"]}, format_checker=jsonschema.FormatChecker()
    ).validate(value)


@every_operation
def test_each_example_has_the_shape_that_it_is_an_example_of(method: str, path: str, operation: dict[str, Any]) -> None:
    for parameter in operation["parameters"]:
        if "example" in parameter:
            check(parameter["example"], parameter["schema"])
    for content in operation.get("requestBody", {}).get("content", {}).values():
        check(content["example"], content["schema"])


@pytest.mark.parametrize("name", OF_SCHEMAS)
def test_each_shape_has_an_example_of_it(name: str) -> None:
    check(OF_SCHEMAS[name], DESCRIPTION["components"]["schemas"][name])


def test_no_example_is_left_of_an_operation_that_is_gone() -> None:
    assert {operation["operationId"] for _, _, operation in operations() if "requestBody" in operation} == set(
        OF_BODIES
    )


@of_operations(lambda method: method == "get")
async def test_what_the_examples_ask_for_is_answered(
    reading: httpx2.AsyncClient, shared_database: Database, method: str, path: str, operation: dict[str, Any]
) -> None:
    """With an answer that has the shape that is described."""
    if operation["operationId"] != "stream_events":
        await answers_as_described(reading, shared_database, method, path, operation)


@of_operations(lambda method: method != "get")
async def test_what_the_examples_would_have_changed_is_answered(
    database: Database, method: str, path: str, operation: dict[str, Any]
) -> None:
    async with furnished(database) as client:
        await answers_as_described(client, database, method, path, operation)


async def answers_as_described(
    client: httpx2.AsyncClient, database: Database, method: str, path: str, operation: dict[str, Any]
) -> None:
    headers = await bearer(database, "admin")
    parts = {one["name"]: one["example"] for one in operation["parameters"] if one["in"] == "path"}
    body = OF_BODIES.get(operation["operationId"])
    answer = await client.request(method, path.format(**parts), json=body, headers=headers)
    described = operation["responses"].get(str(answer.status_code))
    assert described, answer.text
    if path.startswith(NOT_FURNISHED):
        assert answer.status_code == 404
    else:
        assert answer.status_code in {200, 201, 202, 409}, answer.text
    for media, content in described.get("content", {}).items():
        if media.endswith(("/json", "+json")):
            check(answer.json(), content["schema"])


async def test_the_page_shows_every_operation_and_fetches_nothing(
    reading: httpx2.AsyncClient, shared_database: Database
) -> None:
    answer = await reading.get("/schema", headers=await bearer(shared_database, "read"))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    for _, path, operation in operations():
        assert f'id="{operation["operationId"]}"' in answer.text
        assert path in answer.text
    targets = set(re.findall(r'href="#([^"]+)"', answer.text))
    assert targets
    assert targets <= set(re.findall(r'id="([^"]+)"', answer.text))
    assert not re.search(r"<script|<link|<img|src=|@import|url\(", answer.text)
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_the_description_and_its_page_need_a_key_or_a_visitor_who_has_signed_in(
    reading: httpx2.AsyncClient, shared_database: Database
) -> None:
    for path in ("/schema", "/schema/openapi.json"):
        assert (await reading.get(path)).status_code == 401
        assert (await reading.get(path, headers={"Authorization": "Bearer no"})).status_code == 401
        assert (await reading.get(path, headers=await bearer(shared_database, "read"))).status_code == 200
    async with shared_database.connection() as conn:
        key = Key(await conn.fetchval("select id from api_keys limit 1"), "", ("read",))
        token = await keys.begin_session(conn, key, NOW, timedelta(days=1))
    for path in ("/schema", "/schema/openapi.json"):
        assert (await reading.get(path, headers={"Cookie": f"{COOKIE}={token}"})).status_code == 200


async def test_what_is_served_is_this_description(reading: httpx2.AsyncClient, shared_database: Database) -> None:
    answer = await reading.get("/schema/openapi.json", headers=await bearer(shared_database, "read"))
    assert answer.json() == DESCRIPTION


def test_each_schema_is_told_in_its_own_words() -> None:
    told = {name: schema["description"] for name, schema in DESCRIPTION["components"]["schemas"].items()}
    assert {name for name, words in told.items() if words == "One page of a list."} == {
        name for name in told if name.endswith("Page")
    }


def test_a_schema_is_called_what_it_is_and_a_state_is_one_thing() -> None:
    """Names are frozen by the clients that are made from them."""
    schemas = DESCRIPTION["components"]["schemas"]
    assert [name for name in schemas if name.endswith("Out") or "_" in name] == []
    assert {name: schema["title"] for name, schema in schemas.items() if schema["title"] != name} == {}
    assert {"Post", "PostPage", "OnePost", "Problem", "Endpoint"} <= schemas.keys()
    states = set(schemas["State"]["enum"])
    text = [(path, one) for _, path, operation in operations() for one in operation["parameters"]]
    again = [path for path, one in text if set(one["schema"].get("items", one["schema"]).get("enum", ())) == states]
    assert again == []
    assert any(one["schema"].get("items") == {"$ref": "#/components/schemas/State"} for _, one in text)


def test_each_tag_is_declared_in_words() -> None:
    declared = {tag["name"]: tag["description"] for tag in DESCRIPTION["tags"]}
    assert declared.keys() == {tag for _, _, operation in operations() for tag in operation["tags"]}
    assert all(len(words) > 10 for words in declared.values())
