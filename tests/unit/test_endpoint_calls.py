"""Calls of endpoints: whatever is told, they go to the host that stands there, and say what the template says."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tracker.domain.calls.endpoint_call import CallTemplate, UnfitError, body, header
from tracker.errors import Misconfigured
from tracker.outbound.addresses import parse_url
from tracker.outbound.configured import unreachable
from tracker.settings import Settings

CALL = CallTemplate.parse("DELETE https://blog.example.com:8443/posts/{{ data.id }}/x?who={{data.who}}")
VALUES = st.one_of(st.text(), st.integers(), st.booleans(), st.floats(allow_nan=False))


@given(VALUES, VALUES)
def test_whatever_is_told_the_call_goes_to_its_host_and_path(one: Any, other: Any) -> None:
    try:
        address = CALL.address({"data": {"id": one, "who": other}})
    except UnfitError:
        return
    parts = urlsplit(address)
    assert (parts.scheme, parts.netloc, parts.fragment) == ("https", "blog.example.com:8443", "")
    assert address.isascii()
    empty, posts, segment, last = parts.path.split("/")
    assert (empty, posts, last) == ("", "posts", "x")
    assert unquote(segment) == (str(one).lower() if isinstance(one, bool) else str(one))
    assert parse_url(address).host == "blog.example.com"


@pytest.mark.parametrize("told", ["", None, ".", "..", {"a": 1}, ["a"]])
def test_a_hole_that_would_lead_to_another_address_is_left_unsent(told: object) -> None:
    with pytest.raises(UnfitError):
        CALL.address({"data": {"id": told, "who": "me"}})
    with pytest.raises(UnfitError):
        CALL.address({"data": {}})


@given(st.text())
def test_a_header_bears_what_is_printable_and_nothing_else(told: str) -> None:
    try:
        made = header("Bearer {{ data.x }}", {"data": {"x": told}})
    except UnfitError:
        assert not (told.isascii() and told.isprintable())
        return
    assert made == f"Bearer {told}"
    assert not {"\r", "\n", "\x00"} & {*made}


@given(st.text(), st.one_of(st.integers(), st.booleans(), st.none(), st.lists(st.text())))
def test_a_body_is_the_json_of_its_template(text: str, value: Any) -> None:
    said = {"title": "About {{ data.t }}", "deep": [{"v": "{{ data.v }}"}], "n": 3}
    made = json.loads(json.dumps(body(said, {"data": {"t": text, "v": value}})))
    assert made == {"title": f"About {text}", "deep": [{"v": value}], "n": 3}


@given(st.text(alphabet="{}datx. /:@?#\\"))
def test_a_template_is_refused_or_has_the_host_that_stands_in_it(rest: str) -> None:
    try:
        template = CallTemplate.parse(f"GET https://a.example{rest}")
    except ValueError:
        return
    assume("@" not in template.origin)
    assert template.origin.startswith("https://a.example")
    assert "{" not in template.origin


def faults(**endpoint: object) -> str:
    try:
        Settings.model_validate({"endpoints": {"blog": endpoint}})
    except (ValueError, Misconfigured) as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("endpoint", "says"),
    [
        ({"call": "DELETE https://{{ data.host }}/x"}, "holes stand behind the host"),
        ({"call": "DELETE https://a.example{{ data.host }}/x"}, "holes stand behind the host"),
        ({"call": "FETCH https://a.example"}, "the methods are POST"),
        ({"call": "https://a.example"}, "must be a method and an address"),
        ({"call": "GET https://a.example/{{ post.id }}"}, "is nothing that is told"),
        ({"call": "GET https://a.example/{{ data }}"}, "is nothing that is told"),
        ({"call": "GET https://a.example/{{ data.id }"}, "a hole is a name"),
        ({"call": "GET https://a.example/", "headers": {"host": "b"}}, "header of the connection"),
        ({"call": "GET https://a.example/", "headers": {"x": "a\nb"}}, "no value of a header"),
        ({"call": "POST https://a.example/", "body": {"a": ["{{ dat.id }}"]}}, "is nothing that is told"),
        ({"call": "GET https://a.example/", "url": "https://b.example", "secrets": ["s"]}, "needs a url, or else"),
        ({}, "needs a url, or else a call"),
        ({"url": "https://a.example"}, "what is posted to a url is signed"),
        ({"url": "https://a.example", "secrets": ["s"], "body": {"a": 1}}, "go with call"),
    ],
)
def test_what_cannot_be_called_is_refused_when_it_is_loaded(endpoint: dict[str, object], says: str) -> None:
    assert says in faults(**endpoint)


def test_the_one_rule_about_addresses_holds_for_calls_when_they_are_loaded() -> None:
    call = {"call": "GET http://169.254.169.254/{{ data.id }}?token=hidden"}
    (fault,) = unreachable(Settings.model_validate({"endpoints": {"meta": call}}))
    assert "endpoints.meta.call" in str(fault)
    assert "is not a public address" in str(fault)
    assert "hidden" not in str(fault)
